// How the types that TVM's runtime stores are laid out in a stream: numbers as they lie in memory, everything with a
// length as that 64-bit length and then its items.
#pragma once

#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/string.h>
#include <tvm/support/io.h>

#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tvm {
namespace support {

template <typename T>
struct Serializer<T, std::enable_if_t<std::is_arithmetic_v<T> || std::is_enum_v<T>>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const T& value) { stream->Write(static_cast<const void*>(&value), sizeof(T)); }
  static bool Read(Stream* stream, T* value) {
    return stream->Read(static_cast<void*>(value), sizeof(T)) == sizeof(T);
  }
};

namespace detail {

template <typename Container, typename WriteItem>
void WriteItems(Stream* stream, const Container& items, WriteItem write_item) {
  stream->Write(static_cast<uint64_t>(items.size()));
  for (const auto& item : items) write_item(item);
}

template <typename ReadItem>
bool ReadItems(Stream* stream, ReadItem read_item) {
  uint64_t count = 0;
  if (!stream->Read(&count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    if (!read_item()) return false;
  }
  return true;
}

// Both map types; Insert is how a pair gets in.
template <typename Key, typename Value, typename MapType, typename Insert>
bool ReadPairs(Stream* stream, MapType* map, Insert insert) {
  *map = MapType();
  return ReadItems(stream, [&] {
    Key key;
    Value value;
    if (!stream->Read(&key) || !stream->Read(&value)) return false;
    insert(map, std::move(key), std::move(value));
    return true;
  });
}

}  // namespace detail

template <>
struct Serializer<std::string> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const std::string& value) {
    stream->Write(static_cast<uint64_t>(value.size()));
    stream->Write(static_cast<const void*>(value.data()), value.size());
  }
  static bool Read(Stream* stream, std::string* value) {
    uint64_t size = 0;
    if (!stream->Read(&size)) return false;
    value->resize(size);
    return stream->Read(static_cast<void*>(value->data()), size) == size;
  }
};

template <>
struct Serializer<ffi::String> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const ffi::String& value) { stream->Write(std::string(value)); }
  static bool Read(Stream* stream, ffi::String* value) {
    std::string text;
    if (!stream->Read(&text)) return false;
    *value = ffi::String(std::move(text));
    return true;
  }
};

template <typename A, typename B>
struct Serializer<std::pair<A, B>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const std::pair<A, B>& value) {
    stream->Write(value.first);
    stream->Write(value.second);
  }
  static bool Read(Stream* stream, std::pair<A, B>* value) {
    return stream->Read(&value->first) && stream->Read(&value->second);
  }
};

template <typename T>
struct Serializer<std::vector<T>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const std::vector<T>& value) {
    detail::WriteItems(stream, value, [&](const T& item) { stream->Write(item); });
  }
  static bool Read(Stream* stream, std::vector<T>* value) {
    value->clear();
    return detail::ReadItems(stream, [&] {
      T item;
      if (!stream->Read(&item)) return false;
      value->push_back(std::move(item));
      return true;
    });
  }
};

template <typename T>
struct Serializer<ffi::Array<T>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const ffi::Array<T>& value) {
    detail::WriteItems(stream, value, [&](const T& item) { stream->Write(item); });
  }
  static bool Read(Stream* stream, ffi::Array<T>* value) {
    *value = ffi::Array<T>();
    return detail::ReadItems(stream, [&] {
      T item;
      if (!stream->Read(&item)) return false;
      value->push_back(std::move(item));
      return true;
    });
  }
};

template <typename K, typename V>
struct Serializer<std::unordered_map<K, V>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const std::unordered_map<K, V>& value) {
    detail::WriteItems(stream, value, [&](const auto& item) {
      stream->Write(item.first);
      stream->Write(item.second);
    });
  }
  static bool Read(Stream* stream, std::unordered_map<K, V>* value) {
    return detail::ReadPairs<K, V>(stream, value, [](auto* map, K key, V item) {
      map->emplace(std::move(key), std::move(item));
    });
  }
};

template <typename K, typename V>
struct Serializer<ffi::Map<K, V>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const ffi::Map<K, V>& value) {
    detail::WriteItems(stream, value, [&](const auto& item) {
      K key = item.first;
      V mapped = item.second;
      stream->Write(key);
      stream->Write(mapped);
    });
  }
  static bool Read(Stream* stream, ffi::Map<K, V>* value) {
    return detail::ReadPairs<K, V>(stream, value, [](auto* map, K key, V item) {
      map->Set(std::move(key), std::move(item));
    });
  }
};

template <>
struct Serializer<DLDataType> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const DLDataType& type) {
    stream->Write(type.code);
    stream->Write(type.bits);
    stream->Write(type.lanes);
  }
  static bool Read(Stream* stream, DLDataType* type) {
    return stream->Read(&type->code) && stream->Read(&type->bits) && stream->Read(&type->lanes);
  }
};

template <>
struct Serializer<DLDevice> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const DLDevice& device) {
    stream->Write(static_cast<int32_t>(device.device_type));
    stream->Write(static_cast<int32_t>(device.device_id));
  }
  static bool Read(Stream* stream, DLDevice* device) {
    int32_t type = 0;
    int32_t id = 0;
    if (!stream->Read(&type) || !stream->Read(&id)) return false;
    device->device_type = static_cast<DLDeviceType>(type);
    device->device_id = id;
    return true;
  }
};

}  // namespace support
}  // namespace tvm

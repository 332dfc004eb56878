// tensor.cc names these for printing constants as text, which no web-llm call does: they carry nothing.
#pragma once

#include "bytes_io.h"

namespace tvm {
namespace support {

class Base64OutStream : public BytesOutStream {
 public:
  explicit Base64OutStream(Stream*) : BytesOutStream(&unused_) {}
  void Finish() {}

 private:
  std::string unused_;
};

class Base64InStream : public BytesInStream {
 public:
  explicit Base64InStream(Stream*) : BytesInStream(std::string()) {}
  void InitPosition() {}
};

}  // namespace support
}  // namespace tvm

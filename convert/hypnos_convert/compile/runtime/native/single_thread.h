// wasm32-wasi has one thread, and its libc++ therefore no locks: locks that do nothing are exact.
// Force-included before every runtime source.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace std {
struct mutex {
  void lock() {}
  bool try_lock() { return true; }
  void unlock() {}
};
struct recursive_mutex : mutex {};
struct shared_mutex : mutex {
  void lock_shared() {}
  void unlock_shared() {}
};
template <class... Lockable>
struct scoped_lock {
  explicit scoped_lock(Lockable&...) {}
};
namespace this_thread {
template <class Duration>
inline void sleep_for(const Duration&) {}
}  // namespace this_thread
}  // namespace std

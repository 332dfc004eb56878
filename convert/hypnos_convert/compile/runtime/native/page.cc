// What the runtime links against and a browser page does not have.
#include <tvm/ffi/error.h>
#include <tvm/ffi/function.h>
#include <tvm/ffi/reflection/registry.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <typeinfo>

namespace tvm {
namespace runtime {
void LoadBinaryFromFile(const std::string& path, std::string*) {
  TVM_FFI_THROW(RuntimeError) << "no file system in the browser: " << path;
}
void SaveBinaryToFile(const std::string& path, const std::string&) {
  TVM_FFI_THROW(RuntimeError) << "no file system in the browser: " << path;
}

// The KV cache wants a function for every kernel it knows; this one stands for those that web-llm's single sequence
// never reaches, so that their shaders need not be compiled.
TVM_FFI_STATIC_INIT_BLOCK() {
  ffi::reflection::GlobalDef().def_packed("hypnos.kernel_left_out", [](ffi::PackedArgs, ffi::Any*) {
    TVM_FFI_THROW(RuntimeError) << "the KV cache called a kernel that this library leaves out";
  });
}
}  // namespace runtime
}  // namespace tvm

// JavaScript's views of the memory die when it grows. web-llm's WASI goes on writing into dead ones unless told, so
// that neither messages nor the time would arrive: tell it before each call that passes memory.
#define WASI_IMPORT(name) extern "C" __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))
extern "C" __attribute__((import_module("env"), import_name("emscripten_notify_memory_growth"))) void NotifyGrowth(
    int memory);
WASI_IMPORT("fd_write") int OfferedWrite(int file, int vectors, int count, int written);
WASI_IMPORT("clock_time_get") int OfferedTime(int clock, int64_t precision, int time);

namespace {
void Report(const char* kind, const char* message) {
  // One write, so that the browser's console shows one entry.
  std::string line = std::string("[hypnos] TVM runtime error: ") + kind + ": " + message + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}
}  // namespace

extern "C" {
void* __cxa_allocate_exception(size_t size) { return std::malloc(size); }
void __cxa_free_exception(void* exception) { std::free(exception); }

// web-llm's runtime is built without WebAssembly exceptions (-fignore-exceptions: no handler would run), so a throw
// can only end the call. Say why before the trap, which by itself reads "unreachable".
[[noreturn]] void __cxa_throw(void* exception, void* type, void (*)(void*)) {
  const std::type_info& thrown = *static_cast<std::type_info*>(type);
  if (thrown == typeid(tvm::ffi::Error)) {
    const auto* error = static_cast<const tvm::ffi::Error*>(exception);
    Report(error->kind().c_str(), error->message().c_str());
  } else {
    Report("exception", thrown.name());
  }
  std::abort();
}

int __cxa_thread_atexit(void (*)(void*), void*, void*) { return 0; }

int __imported_wasi_snapshot_preview1_fd_write(int file, int vectors, int count, int written) {
  NotifyGrowth(0);
  return OfferedWrite(file, vectors, count, written);
}

int __imported_wasi_snapshot_preview1_clock_time_get(int clock, int64_t precision, int time) {
  NotifyGrowth(0);
  return OfferedTime(clock, precision, time);
}

// Not among the calls that web-llm's WASI offers: answer EBADF here instead of importing it.
int __imported_wasi_snapshot_preview1_fd_fdstat_get(int, int) { return 8; }
}

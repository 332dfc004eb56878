// The C entry points through which web-llm's JavaScript passes values and callbacks into the library.
#include <tvm/ffi/c_api.h>
#include <tvm/ffi/error.h>
#include <tvm/ffi/function.h>

#include <string>

#define EXPORT extern "C" __attribute__((used, visibility("default")))
#define IMPORT(name) extern "C" __attribute__((import_module("env"), import_name(#name)))

IMPORT(TVMFFIWasmSafeCall)
int TVMFFIWasmSafeCall(void* self, const TVMFFIAny* args, int32_t count, TVMFFIAny* result);
IMPORT(TVMFFIWasmFunctionDeleter)
void TVMFFIWasmFunctionDeleter(void* self);

// 64-bit words keep every value that JavaScript writes here aligned.
EXPORT void* TVMWasmAllocSpace(int bytes) { return new int64_t[(bytes + 7) / 8]; }
EXPORT void TVMWasmFreeSpace(void* space) { delete[] static_cast<int64_t*>(space); }

EXPORT int TVMFFIWasmFunctionCreate(void* self, TVMFFIObjectHandle* out) {
  return TVMFFIFunctionCreate(self, TVMFFIWasmSafeCall, TVMFFIWasmFunctionDeleter, out);
}

EXPORT const char* TVMFFIWasmGetLastError() {
  static std::string message;  // stays valid until the next call, which is as long as JavaScript reads it
  message = ::tvm::ffi::details::MoveFromSafeCallRaised().what();
  return message.c_str();
}

// Half to single precision, under the name and template signature that TVM's runtime calls it by.
#pragma once

#include <cstdint>
#include <cstring>

template <typename Source, typename SourceBits, int SourceMantissa, typename Target, typename TargetBits,
          int TargetMantissa>
inline Target __extendXfYf2__(Source half) {
  const uint32_t sign = static_cast<uint32_t>(half >> 15) << 31;
  const uint32_t exponent = (half >> 10) & 0x1f;
  const uint32_t mantissa = half & 0x3ff;
  uint32_t bits;
  if (exponent == 0x1f) {
    bits = sign | 0x7f800000u | (mantissa << 13);  // infinity, NaN
  } else if (exponent != 0) {
    bits = sign | ((exponent + 127 - 15) << 23) | (mantissa << 13);
  } else {
    const float magnitude = static_cast<float>(mantissa) * 5.9604644775390625e-08f;  // subnormal: mantissa * 2^-24
    std::memcpy(&bits, &magnitude, sizeof(bits));
    bits |= sign;
  }
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

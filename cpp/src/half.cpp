#include "edgeclf/half.h"

#include <cmath>
#include <cstring>

namespace edgeclf {
namespace {

constexpr int kDoubleFraction = 52;
constexpr int kHalfFraction = 10;
constexpr int kDropped = kDoubleFraction - kHalfFraction;
constexpr std::uint64_t kBiasDifference = std::uint64_t{1023 - 15} << kDoubleFraction;

std::uint64_t bits_of(double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

std::uint64_t magnitude_to_half(double magnitude) {
  constexpr std::uint64_t infinity = 0x7C00;
  if (std::isnan(magnitude)) return 0x7E00;
  if (magnitude >= 65520.0) return infinity;
  if (magnitude < 0x1p-14) {
    // Subnormal: a double near 2^28 has a last bit of 2^-24, so this addition rounds to it.
    constexpr double shift = 0x1p28;
    return bits_of(magnitude + shift) - bits_of(shift);
  }
  const std::uint64_t bits = bits_of(magnitude);
  const std::uint64_t odd = (bits >> kDropped) & 1;
  const std::uint64_t rounded = bits + ((std::uint64_t{1} << (kDropped - 1)) - 1) + odd;
  return (rounded - kBiasDifference) >> kDropped;
}

}  // namespace

std::uint16_t to_half(double value) {
  const std::uint64_t sign = std::signbit(value) ? 0x8000 : 0;
  return static_cast<std::uint16_t>(sign | magnitude_to_half(std::abs(value)));
}

float from_half(std::uint16_t bits) {
  const bool negative = (bits & 0x8000) != 0;
  const std::uint32_t magnitude = bits & 0x7FFFU;
  float value;
  if (magnitude < 0x0400) {
    value = static_cast<float>(magnitude) * 0x1p-24F;
  } else {
    // Infinity and NaN keep an exponent of all ones.
    const std::uint32_t bias = magnitude >= 0x7C00 ? 255U - 31U : 127U - 15U;
    const std::uint32_t wide = (magnitude << 13) + (bias << 23);
    std::memcpy(&value, &wide, sizeof value);
  }
  return negative ? -value : value;
}

}  // namespace edgeclf

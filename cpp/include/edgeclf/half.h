// IEEE 754 binary16, as its 16 bits: the C++17 language has no such type.
#pragma once

#include <cstdint>

namespace edgeclf {

// Rounded once, half to even; 65520 and beyond become infinity, a NaN stays one.
std::uint16_t to_half(double value);

// Exact.
float from_half(std::uint16_t bits);

}  // namespace edgeclf

#include <cmath>
#include <limits>

#include "check.h"
#include "edgeclf/half.h"

using edgeclf::from_half;
using edgeclf::to_half;

namespace {

// binary16 by its definition: sign, five bits of exponent, ten of fraction.
double by_definition(int bits) {
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

void every_half_comes_back() {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double value = by_definition(bits);
    if (std::isnan(value)) {
      CHECK(std::isnan(from_half(half)));
      continue;
    }
    CHECK(static_cast<double>(from_half(half)) == value);
    CHECK_EQUAL(to_half(value), half);
  }
}

void between_two_halves_the_nearer_wins_and_the_middle_goes_to_even() {
  for (int bits = 0; bits < 0x7BFF; ++bits) {
    const double low = by_definition(bits);
    const double high = by_definition(bits + 1);
    const double middle = (low + high) / 2;
    CHECK_EQUAL(to_half(middle), bits % 2 == 0 ? bits : bits + 1);
    CHECK_EQUAL(to_half(std::nextafter(middle, -1.0)), bits);
    CHECK_EQUAL(to_half(std::nextafter(middle, 1e9)), bits + 1);
    CHECK_EQUAL(to_half(-std::nextafter(middle, 1e9)), 0x8000 | (bits + 1));
  }
}

void what_does_not_fit() {
  CHECK_EQUAL(to_half(65519.999), 0x7BFF);
  CHECK_EQUAL(to_half(65520.0), 0x7C00);
  CHECK_EQUAL(to_half(-1e300), 0xFC00);
  CHECK_EQUAL(to_half(1e-300), 0);
  CHECK_EQUAL(to_half(std::numeric_limits<double>::denorm_min()), 0);
  CHECK(std::isnan(from_half(to_half(NAN))));
}

}  // namespace

int main() {
  every_half_comes_back();
  between_two_halves_the_nearer_wins_and_the_middle_goes_to_even();
  what_does_not_fit();
  return check::result();
}

// exp() in plain arithmetic: the same bits on every machine, and code that the compiler turns into
// vectors, which it cannot do with a call of libm.
#pragma once

#include <cstdint>
#include <cstring>

namespace edgeclf {

// exp(x) for x <= 0, within a part in 10^12: a float32 of it is the nearest but for one time in a
// hundred thousand, and then the next one. 0 (as a float32) below -708. Not for NaN.
//
// x = k * ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^k * exp(r), and the Taylor series of exp(r)
// is cut after eleven terms: the next is 0.35^11 / 11! = 2e-13.
inline double exp_of_negative(double x) {
  constexpr double kLog2OfE = 1.4426950408889634;
  // ln 2 in two parts; the low 32 bits of the first are zero, so that k times it is exact.
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  // Adding 1.5 * 2^52 leaves a double no bits behind the point: it is rounded, and the whole number
  // stands in its low bits.
  constexpr double kRounder = 6755399441055744.0;
  constexpr int kMantissaBits = 52;
  constexpr std::uint64_t kOne = std::uint64_t{1023} << kMantissaBits;
  constexpr double kTaylor[] = {1.0,         1.0,          1.0 / 2,      1.0 / 6,
                                1.0 / 24,    1.0 / 120,    1.0 / 720,    1.0 / 5040,
                                1.0 / 40320, 1.0 / 362880, 1.0 / 3628800};
  x = x < -708.0 ? -708.0 : x;
  const double rounded = x * kLog2OfE + kRounder;
  const double k = rounded - kRounder;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = kTaylor[10];
  for (int i = 9; i >= 0; --i) sum = sum * r + kTaylor[i];
  std::uint64_t bits;
  std::memcpy(&bits, &rounded, sizeof bits);
  bits = (bits << kMantissaBits) + kOne;  // 2^k
  double power;
  std::memcpy(&power, &bits, sizeof power);
  return sum * power;
}

}  // namespace edgeclf

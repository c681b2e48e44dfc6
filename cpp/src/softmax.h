// The source of the softmax kernels: plain arithmetic, so that every machine gives the same bits,
// in loops that the compiler turns into vectors. Inlined always, because each instruction set
// compiles it for itself; and without the standard library's templates, whose code it would share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "edgeclf/scores.h"
#include "softmax_sets.h"

#define EDGECLF_INLINE [[gnu::always_inline]] inline

namespace edgeclf {
namespace {

// exp(x) for x <= 0, within a part in 10^12: a float32 of it is the nearest but for one time in a
// hundred thousand, and then the next one. 0 (as a float32) below -708. Not for NaN.
//
// x = k * ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^k * exp(r), and the Taylor series of exp(r)
// is cut after eleven terms: the next is 0.35^11 / 11! = 2e-13.
EDGECLF_INLINE double exp_of_negative(double x) {
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

// Several side by side, because each step of a sum or a maximum waits for the one before it.
constexpr std::size_t kSideBySide = 32;

EDGECLF_INLINE double sum_of(const float* scores, std::size_t size) {
  double sums[kSideBySide] = {};
  std::size_t i = 0;
  for (; i + kSideBySide <= size; i += kSideBySide) {
    for (std::size_t k = 0; k < kSideBySide; ++k) sums[k] += static_cast<double>(scores[i + k]);
  }
  for (; i < size; ++i) sums[0] += static_cast<double>(scores[i]);
  double sum = 0.0;
  for (const double part : sums) sum += part;
  return sum;
}

EDGECLF_INLINE float peak_of(const float* scores, std::size_t size) {
  float peaks[kSideBySide];
  for (float& peak : peaks) peak = scores[0];
  std::size_t i = 0;
  for (; i + kSideBySide <= size; i += kSideBySide) {
    for (std::size_t k = 0; k < kSideBySide; ++k) {
      peaks[k] = scores[i + k] > peaks[k] ? scores[i + k] : peaks[k];
    }
  }
  for (; i < size; ++i) peaks[0] = scores[i] > peaks[0] ? scores[i] : peaks[0];
  float highest = peaks[0];
  for (const float peak : peaks) highest = peak > highest ? peak : highest;
  return highest;
}

// In double, and kept in place between the loops: a float32 holds exp(x - max) to its last bit.
EDGECLF_INLINE void softmax_of(float* scores, std::size_t size) {
  const auto peak = static_cast<double>(peak_of(scores, size));
  for (std::size_t i = 0; i < size; ++i) {
    scores[i] = static_cast<float>(exp_of_negative(static_cast<double>(scores[i]) - peak));
  }
  const double portion = 1.0 / sum_of(scores, size);
  for (std::size_t i = 0; i < size; ++i) {
    scores[i] = static_cast<float>(static_cast<double>(scores[i]) * portion);
  }
}

}  // namespace
}  // namespace edgeclf

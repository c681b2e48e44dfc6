// Sums of levels times weights of 22 fractional bits, in 32 bits, as both passes of
// resample_exact.h need them.
//
// x86 is quick at products of 16-bit numbers, and a weight has more: weight = high * 2^12 + low.
// Two sums are put together at the end, modulo 2^32, where the scalar kernel's sum stays below
// 2^31. NEON is as quick at products of 32-bit ones.
#pragma once

namespace edgeclf {
namespace {

// pair_weights: for each four taps four high halves, then the four low ones.
constexpr int kLowBits = 12;
constexpr int kTapsAtOnce = 4;
constexpr int kHalvesAtOnce = 8;

EDGECLF_INLINE_SIMD int groups_of(int taps) { return (taps + kTapsAtOnce - 1) / kTapsAtOnce; }

EDGECLF_INLINE_SIMD Vec rounded_level(Vec sum) {
  return shift_right_ints<kFractionBits>(add_ints(sum, splat_ints(kHalf)));
}

#if defined(EDGECLF_SIMD_NEON)

struct Sums {
  int32x4_t total;
};

EDGECLF_INLINE_SIMD Sums no_sums() { return {vdupq_n_s32(0)}; }

EDGECLF_INLINE_SIMD void add_product(Sums& sums, int32x4_t levels, const std::int16_t* weight) {
  const std::int32_t whole = weight[0] * (1 << kLowBits) + weight[kTapsAtOnce];
  sums.total = vmlaq_n_s32(sums.total, levels, whole);
}

EDGECLF_INLINE_SIMD Vec level_of(const Sums& sums) { return rounded_level(bits_of(sums.total)); }

#else

struct Sums {
  Vec high;
  Vec low;
};

EDGECLF_INLINE_SIMD Sums no_sums() { return {zero(), zero()}; }

// Each int of `levels` is two words: the levels that a pair of weights meets.
EDGECLF_INLINE_SIMD void add_products(Sums& sums, Vec levels, const std::int16_t* pair) {
  const std::int16_t* low = pair + kTapsAtOnce;
  sums.high = add_ints(sums.high, multiply_add_pairs(levels, splat_pair(pair)));
  sums.low = add_ints(sums.low, multiply_add_pairs(levels, splat_pair(low)));
}

EDGECLF_INLINE_SIMD Vec level_of(const Sums& sums) {
  return rounded_level(add_ints(shift_left_ints<kLowBits>(sums.high), sums.low));
}

#endif

}  // namespace
}  // namespace edgeclf

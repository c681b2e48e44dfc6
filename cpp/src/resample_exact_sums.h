// Sums of levels times weights of 22 fractional bits, in 32 bits, as both passes of
// resample_exact.h need them.
//
// x86 is quick at products of 16-bit numbers: weight = high * 2^12 + low. The two sums are put
// together at the end, modulo 2^32, where the scalar kernel's sum stays below 2^31. NEON is as
// quick at products of 32-bit numbers.
//
// AVX-VNNI (four products of 8-bit numbers at once, weights in three digits) was measured against
// AVX2: 1.0 to 1.2 times as fast on a whole frame, not enough for a third way.
#pragma once

namespace edgeclf {
namespace {

constexpr int kTapsAtOnce = 4;

EDGECLF_INLINE_SIMD int groups_of(int taps) { return (taps + kTapsAtOnce - 1) / kTapsAtOnce; }

// pair_weights: for each four taps four high halves, then the four low ones.
constexpr int kHalvesAtOnce = 8;
constexpr int kLowBits = 12;

// `low` has begun with a half, for the rounding.
EDGECLF_INLINE_SIMD Vec level_of_halves(Vec high, Vec low) {
  return shift_right_ints<kFractionBits>(add_ints(shift_left_ints<kLowBits>(high), low));
}

#if defined(EDGECLF_SIMD_NEON)

struct Sums {
  int32x4_t total;
};

EDGECLF_INLINE_SIMD Sums no_sums() { return {vdupq_n_s32(kHalf)}; }

EDGECLF_INLINE_SIMD void add_product(Sums& sums, int32x4_t levels, const std::int16_t* weight) {
  const std::int32_t whole = weight[0] * (1 << kLowBits) + weight[kTapsAtOnce];
  sums.total = vmlaq_n_s32(sums.total, levels, whole);
}

EDGECLF_INLINE_SIMD Vec level_of(const Sums& sums) {
  return shift_right_ints<kFractionBits>(bits_of(sums.total));
}

#else

struct Sums {
  Vec high;
  Vec low;
};

EDGECLF_INLINE_SIMD Sums no_sums() { return {zero(), splat_ints(kHalf)}; }

// Each int of `levels` is two words: the levels that a pair of weights meets.
EDGECLF_INLINE_SIMD void add_products(Sums& sums, Vec levels, const std::int16_t* pair) {
  const std::int16_t* low = pair + kTapsAtOnce;
  sums.high = add_multiplied_pairs(sums.high, levels, splat_pair(pair));
  sums.low = add_multiplied_pairs(sums.low, levels, splat_pair(low));
}

EDGECLF_INLINE_SIMD Vec level_of(const Sums& sums) { return level_of_halves(sums.high, sums.low); }

#endif

// The sums of one output in a block: two of its high halves, two of the low ones.
EDGECLF_INLINE_SIMD Vec add_block(Vec sum, Vec levels, const std::int16_t* halves) {
  return add_multiplied_pairs(sum, levels, load_block_to_all(halves));
}

EDGECLF_INLINE_SIMD Vec level_of_blocks(Vec a, Vec b, Vec c, Vec d) {
  const Vec high[2] = {zip_low_ints(a, b), zip_low_ints(c, d)};
  const Vec low[2] = {zip_high_ints(a, b), zip_high_ints(c, d)};
  return level_of_halves(
      add_ints(zip_low_longs(high[0], high[1]), zip_high_longs(high[0], high[1])),
      add_ints(add_ints(zip_low_longs(low[0], low[1]), zip_high_longs(low[0], low[1])),
               splat_ints(kHalf)));
}

}  // namespace
}  // namespace edgeclf

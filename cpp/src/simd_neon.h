// NEON, ARMv7 and AArch64; see simd.h. A vector is kept as bytes, whatever is in it. Over 200 lines
// because that is what the operations take, one after the other.
#pragma once

namespace edgeclf {
namespace {

using Vec = uint8x16_t;
using FloatVec = float32x4_t;
constexpr int kBlocks = 1;
constexpr int kBytes = 16;
constexpr int kWords = 8;
constexpr int kInts = 4;

EDGECLF_INLINE_SIMD int16x8_t as_words(Vec a) { return vreinterpretq_s16_u8(a); }
EDGECLF_INLINE_SIMD uint16x8_t as_unsigned_words(Vec a) { return vreinterpretq_u16_u8(a); }
EDGECLF_INLINE_SIMD int32x4_t as_ints(Vec a) { return vreinterpretq_s32_u8(a); }
EDGECLF_INLINE_SIMD uint32x4_t as_unsigned_ints(Vec a) { return vreinterpretq_u32_u8(a); }
EDGECLF_INLINE_SIMD Vec bits_of(int16x8_t a) { return vreinterpretq_u8_s16(a); }
EDGECLF_INLINE_SIMD Vec bits_of(uint16x8_t a) { return vreinterpretq_u8_u16(a); }
EDGECLF_INLINE_SIMD Vec bits_of(int32x4_t a) { return vreinterpretq_u8_s32(a); }
EDGECLF_INLINE_SIMD Vec bits_of(uint32x4_t a) { return vreinterpretq_u8_u32(a); }
EDGECLF_INLINE_SIMD Vec bits_of(FloatVec a) { return vreinterpretq_u8_f32(a); }
EDGECLF_INLINE_SIMD FloatVec floats_of(Vec bits) { return vreinterpretq_f32_u8(bits); }

EDGECLF_INLINE_SIMD Vec zero() { return vdupq_n_u8(0); }
EDGECLF_INLINE_SIMD Vec splat_bytes(int value) {
  return vdupq_n_u8(static_cast<std::uint8_t>(value));
}
EDGECLF_INLINE_SIMD Vec splat_words(int value) {
  return bits_of(vdupq_n_s16(static_cast<std::int16_t>(value)));
}
EDGECLF_INLINE_SIMD Vec splat_ints(std::int32_t value) { return bits_of(vdupq_n_s32(value)); }
// Two words from memory, as every int of the vector.
EDGECLF_INLINE_SIMD Vec splat_pair(const std::int16_t* pair) {
  std::int32_t both;
  std::memcpy(&both, pair, sizeof both);
  return splat_ints(both);
}

EDGECLF_INLINE_SIMD Vec load(const void* from) {
  return vld1q_u8(static_cast<const std::uint8_t*>(from));
}
EDGECLF_INLINE_SIMD void store(void* to, Vec a) { vst1q_u8(static_cast<std::uint8_t*>(to), a); }
EDGECLF_INLINE_SIMD Vec load_block_to_all(const void* from) { return load(from); }
EDGECLF_INLINE_SIMD void store_block(void* to, Vec a, int) { store(to, a); }
EDGECLF_INLINE_SIMD void store_blocks_in_turn(void* to, Vec a, Vec b) {
  store(to, a);
  store(static_cast<std::uint8_t*>(to) + kBytes, b);
}
EDGECLF_INLINE_SIMD Vec load_widened(const std::uint8_t* from) {
  return bits_of(vmovl_u8(vld1_u8(from)));
}
EDGECLF_INLINE_SIMD Vec load_widened_words(const std::int16_t* from) {
  return bits_of(vmovl_s16(vld1_s16(from)));
}
EDGECLF_INLINE_SIMD void store_half_block(void* to, Vec a, int) {
  vst1_u8(static_cast<std::uint8_t*>(to), vget_low_u8(a));
}
EDGECLF_INLINE_SIMD void store_low_halves(void* to, Vec a) {
  vst1_u8(static_cast<std::uint8_t*>(to), vget_low_u8(a));
}
template <int kSize>
EDGECLF_INLINE_SIMD Vec load_pieces(const std::uint8_t* base, const std::int32_t* offsets) {
  static_assert(kSize == 16 || kSize == 8 || kSize == 4, "a block, a half or a quarter of one");
  if constexpr (kSize == 16) {
    return vld1q_u8(base + offsets[0]);
  } else if constexpr (kSize == 8) {
    return vcombine_u8(vld1_u8(base + offsets[0]), vld1_u8(base + offsets[1]));
  } else {
    std::int32_t piece[4];
    for (int i = 0; i < 4; ++i) std::memcpy(&piece[i], base + offsets[i], sizeof piece[i]);
    return bits_of(vld1q_s32(piece));
  }
}

// Arithmetic on words and ints.
EDGECLF_INLINE_SIMD Vec add_words(Vec a, Vec b) {
  return bits_of(vaddq_s16(as_words(a), as_words(b)));
}
EDGECLF_INLINE_SIMD Vec add_ints(Vec a, Vec b) {
  return bits_of(vaddq_s32(as_ints(a), as_ints(b)));
}
EDGECLF_INLINE_SIMD Vec sub_words(Vec a, Vec b) {
  return bits_of(vsubq_s16(as_words(a), as_words(b)));
}
EDGECLF_INLINE_SIMD Vec sub_ints(Vec a, Vec b) {
  return bits_of(vsubq_s32(as_ints(a), as_ints(b)));
}
EDGECLF_INLINE_SIMD Vec min_words(Vec a, Vec b) {
  return bits_of(vminq_s16(as_words(a), as_words(b)));
}
EDGECLF_INLINE_SIMD Vec max_words(Vec a, Vec b) {
  return bits_of(vmaxq_s16(as_words(a), as_words(b)));
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_left_words(Vec a) {
  return bits_of(vshlq_n_s16(as_words(a), kBits));
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_words(Vec a) {
  return bits_of(vshrq_n_s16(as_words(a), kBits));
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_unsigned_words(Vec a) {
  return bits_of(vshrq_n_u16(as_unsigned_words(a), kBits));
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_left_ints(Vec a) {
  return bits_of(vshlq_n_s32(as_ints(a), kBits));
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_ints(Vec a) {
  return bits_of(vshrq_n_s32(as_ints(a), kBits));
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_unsigned_ints(Vec a) {
  return bits_of(vshrq_n_u32(as_unsigned_ints(a), kBits));
}
// The same, by a number known only when it runs.
EDGECLF_INLINE_SIMD Vec shift_right_ints_by(Vec a, int bits) {
  return bits_of(vshlq_s32(as_ints(a), vdupq_n_s32(-bits)));
}
EDGECLF_INLINE_SIMD Vec and_bits(Vec a, Vec b) { return vandq_u8(a, b); }
EDGECLF_INLINE_SIMD Vec or_bits(Vec a, Vec b) { return vorrq_u8(a, b); }
EDGECLF_INLINE_SIMD Vec xor_bits(Vec a, Vec b) { return veorq_u8(a, b); }
// All bits set where a > b, else none.
EDGECLF_INLINE_SIMD Vec greater_ints(Vec a, Vec b) {
  return bits_of(vcgtq_s32(as_ints(a), as_ints(b)));
}
// a where the mask's bits are set, b where none are; masks come from a comparison.
EDGECLF_INLINE_SIMD Vec select(Vec mask, Vec a, Vec b) { return vbslq_u8(mask, a, b); }

// Words 2i and 2i + 1 of both, multiplied and added: int i. Not for four times -32768.
EDGECLF_INLINE_SIMD Vec multiply_add_pairs(Vec a, Vec b) {
  const int32x4_t low = vmull_s16(vget_low_s16(as_words(a)), vget_low_s16(as_words(b)));
  const int32x4_t high = vmull_s16(vget_high_s16(as_words(a)), vget_high_s16(as_words(b)));
#if defined(__aarch64__)
  return bits_of(vpaddq_s32(low, high));
#else
  return bits_of(vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                              vpadd_s32(vget_low_s32(high), vget_high_s32(high))));
#endif
}
// The same, added to an int of `sum`, modulo 2^32.
EDGECLF_INLINE_SIMD Vec add_multiplied_pairs(Vec sum, Vec a, Vec b) {
  return add_ints(sum, multiply_add_pairs(a, b));
}
// Bytes of a times signed bytes of b, two neighbours added: a word. The sum has to fit into it.
EDGECLF_INLINE_SIMD Vec multiply_add_bytes(Vec a, Vec b) {
  const int8x16_t weights = vreinterpretq_s8_u8(b);
  const int16x8_t low =
      vmulq_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(a))), vmovl_s8(vget_low_s8(weights)));
  const int16x8_t high =
      vmulq_s16(vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(a))), vmovl_s8(vget_high_s8(weights)));
#if defined(__aarch64__)
  return bits_of(vpaddq_s16(low, high));
#else
  return bits_of(vcombine_s16(vpadd_s16(vget_low_s16(low), vget_high_s16(low)),
                              vpadd_s16(vget_low_s16(high), vget_high_s16(high))));
#endif
}
// (a * b + 2^14) >> 15. Not for twice -32768.
EDGECLF_INLINE_SIMD Vec multiply_q15(Vec a, Vec b) {
  return bits_of(vqrdmulhq_s16(as_words(a), as_words(b)));
}
// (a * b) >> 16, unsigned.
EDGECLF_INLINE_SIMD Vec multiply_high_unsigned(Vec a, Vec b) {
  const uint16x8_t x = as_unsigned_words(a);
  const uint16x8_t y = as_unsigned_words(b);
  const uint32x4_t low = vmull_u16(vget_low_u16(x), vget_low_u16(y));
  const uint32x4_t high = vmull_u16(vget_high_u16(x), vget_high_u16(y));
  return bits_of(vcombine_u16(vshrn_n_u32(low, 16), vshrn_n_u32(high, 16)));
}
// (a * b) >> 16, signed.
EDGECLF_INLINE_SIMD Vec multiply_high(Vec a, Vec b) {
  const int32x4_t low = vmull_s16(vget_low_s16(as_words(a)), vget_low_s16(as_words(b)));
  const int32x4_t high = vmull_s16(vget_high_s16(as_words(a)), vget_high_s16(as_words(b)));
  return bits_of(vcombine_s16(vshrn_n_s32(low, 16), vshrn_n_s32(high, 16)));
}
// The low 16 bits of a product.
EDGECLF_INLINE_SIMD Vec multiply_low(Vec a, Vec b) {
  return bits_of(vmulq_s16(as_words(a), as_words(b)));
}

// Moving.
// Byte i is table[index[i]]; an index is 0..15, or 0x80..0xFF, which gives 0.
EDGECLF_INLINE_SIMD Vec lookup(Vec table, Vec index) {
#if defined(__aarch64__)
  return vqtbl1q_u8(table, index);
#else
  const uint8x8x2_t halves = {{vget_low_u8(table), vget_high_u8(table)}};
  return vcombine_u8(vtbl2_u8(halves, vget_low_u8(index)), vtbl2_u8(halves, vget_high_u8(index)));
#endif
}
EDGECLF_INLINE_SIMD Vec zip_low_bytes(Vec a, Vec b) { return vzipq_u8(a, b).val[0]; }
EDGECLF_INLINE_SIMD Vec zip_high_bytes(Vec a, Vec b) { return vzipq_u8(a, b).val[1]; }
EDGECLF_INLINE_SIMD Vec zip_low_words(Vec a, Vec b) {
  return bits_of(vzipq_s16(as_words(a), as_words(b)).val[0]);
}
EDGECLF_INLINE_SIMD Vec zip_high_words(Vec a, Vec b) {
  return bits_of(vzipq_s16(as_words(a), as_words(b)).val[1]);
}
EDGECLF_INLINE_SIMD Vec zip_low_ints(Vec a, Vec b) {
  return bits_of(vzipq_s32(as_ints(a), as_ints(b)).val[0]);
}
EDGECLF_INLINE_SIMD Vec zip_high_ints(Vec a, Vec b) {
  return bits_of(vzipq_s32(as_ints(a), as_ints(b)).val[1]);
}
EDGECLF_INLINE_SIMD Vec zip_low_longs(Vec a, Vec b) {
  return vcombine_u8(vget_low_u8(a), vget_low_u8(b));
}
EDGECLF_INLINE_SIMD Vec zip_high_longs(Vec a, Vec b) {
  return vcombine_u8(vget_high_u8(a), vget_high_u8(b));
}

// Between widths. Bytes and unsigned words gain zeros, words their sign.
EDGECLF_INLINE_SIMD Vec widen_low_bytes(Vec a) { return bits_of(vmovl_u8(vget_low_u8(a))); }
EDGECLF_INLINE_SIMD Vec widen_high_bytes(Vec a) { return bits_of(vmovl_u8(vget_high_u8(a))); }
EDGECLF_INLINE_SIMD Vec widen_low_words(Vec a) {
  return bits_of(vmovl_s16(vget_low_s16(as_words(a))));
}
EDGECLF_INLINE_SIMD Vec widen_high_words(Vec a) {
  return bits_of(vmovl_s16(vget_high_s16(as_words(a))));
}
// The block's numbers of a, then those of b, saturated.
EDGECLF_INLINE_SIMD Vec pack_ints(Vec a, Vec b) {
  return bits_of(vcombine_s16(vqmovn_s32(as_ints(a)), vqmovn_s32(as_ints(b))));
}
EDGECLF_INLINE_SIMD Vec pack_to_bytes(Vec a, Vec b) {
  return vcombine_u8(vqmovun_s16(as_words(a)), vqmovun_s16(as_words(b)));
}
EDGECLF_INLINE_SIMD Vec pack_to_signed_bytes(Vec a, Vec b) {
  return vreinterpretq_u8_s8(vcombine_s8(vqmovn_s16(as_words(a)), vqmovn_s16(as_words(b))));
}

// Floats.
EDGECLF_INLINE_SIMD FloatVec splat_floats(float value) { return vdupq_n_f32(value); }
EDGECLF_INLINE_SIMD FloatVec load_floats(const float* from) { return vld1q_f32(from); }
EDGECLF_INLINE_SIMD void store_floats(float* to, FloatVec a) { vst1q_f32(to, a); }
EDGECLF_INLINE_SIMD FloatVec add_floats(FloatVec a, FloatVec b) { return vaddq_f32(a, b); }
EDGECLF_INLINE_SIMD FloatVec multiply_floats(FloatVec a, FloatVec b) { return vmulq_f32(a, b); }
// Not for NaN.
EDGECLF_INLINE_SIMD FloatVec min_floats(FloatVec a, FloatVec b) { return vminq_f32(a, b); }
EDGECLF_INLINE_SIMD FloatVec max_floats(FloatVec a, FloatVec b) { return vmaxq_f32(a, b); }
EDGECLF_INLINE_SIMD FloatVec to_floats(Vec ints) { return vcvtq_f32_s32(as_ints(ints)); }
// Rounded half to even; for values within +-2^22.
EDGECLF_INLINE_SIMD Vec round_to_ints(FloatVec a) {
#if defined(__aarch64__)
  return bits_of(vcvtnq_s32_f32(a));
#else
  // ARMv7 cannot say how to round, but its addition rounds to even: at 1.5 * 2^23 to whole numbers.
  constexpr float kMagic = 12582912.0F;
  const FloatVec magic = vdupq_n_f32(kMagic);
  return sub_ints(bits_of(vaddq_f32(a, magic)), bits_of(magic));
#endif
}

EDGECLF_INLINE_SIMD void prefetch(const void* at) { __builtin_prefetch(at); }

}  // namespace
}  // namespace edgeclf

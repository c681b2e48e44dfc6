// AVX2; see simd.h. The same as simd_sse41.h but for the width and the loads.
#pragma once

namespace edgeclf {
namespace {

using Vec = __m256i;
using FloatVec = __m256;
constexpr int kBlocks = 2;
constexpr int kBytes = 16 * kBlocks;
constexpr int kWords = 8 * kBlocks;
constexpr int kInts = 4 * kBlocks;

EDGECLF_INLINE_SIMD Vec zero() { return _mm256_setzero_si256(); }
EDGECLF_INLINE_SIMD Vec splat_bytes(int value) {
  return _mm256_set1_epi8(static_cast<char>(value));
}
EDGECLF_INLINE_SIMD Vec splat_words(int value) {
  return _mm256_set1_epi16(static_cast<short>(value));
}
EDGECLF_INLINE_SIMD Vec splat_ints(std::int32_t value) { return _mm256_set1_epi32(value); }
// Two words from memory, as every int of the vector.
EDGECLF_INLINE_SIMD Vec splat_pair(const std::int16_t* pair) {
  std::int32_t both;
  std::memcpy(&both, pair, sizeof both);
  return _mm256_set1_epi32(both);
}

EDGECLF_INLINE_SIMD Vec load(const void* from) {
  return _mm256_loadu_si256(static_cast<const Vec*>(from));
}
EDGECLF_INLINE_SIMD void store(void* to, Vec a) { _mm256_storeu_si256(static_cast<Vec*>(to), a); }
EDGECLF_INLINE_SIMD Vec load_block_to_all(const void* from) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(from)));
}
EDGECLF_INLINE_SIMD void store_block(void* to, Vec a, int block) {
  auto* at = static_cast<__m128i*>(to);
  _mm_storeu_si128(at, block == 0 ? _mm256_castsi256_si128(a) : _mm256_extracti128_si256(a, 1));
}
EDGECLF_INLINE_SIMD void store_blocks_in_turn(void* to, Vec a, Vec b) {
  auto* at = static_cast<std::uint8_t*>(to);
  for (int block = 0; block < kBlocks; ++block, at += 32) {
    store_block(at, a, block);
    store_block(at + 16, b, block);
  }
}
EDGECLF_INLINE_SIMD Vec load_widened(const std::uint8_t* from) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
EDGECLF_INLINE_SIMD Vec load_widened_words(const std::int16_t* from) {
  return _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
EDGECLF_INLINE_SIMD void store_half_block(void* to, Vec a, int block) {
  const __m128i one = block == 0 ? _mm256_castsi256_si128(a) : _mm256_extracti128_si256(a, 1);
  _mm_storel_epi64(static_cast<__m128i*>(to), one);
}
EDGECLF_INLINE_SIMD void store_low_halves(void* to, Vec a) {
  const Vec gathered = _mm256_permute4x64_epi64(a, 0x08);
  _mm_storeu_si128(static_cast<__m128i*>(to), _mm256_castsi256_si128(gathered));
}

template <int kSize>
EDGECLF_INLINE_SIMD __m128i load_block_pieces(const std::uint8_t* base,
                                              const std::int32_t* offsets) {
  static_assert(kSize == 16 || kSize == 8 || kSize == 4, "a block, a half or a quarter of one");
  if constexpr (kSize == 16) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(base + offsets[0]));
  } else if constexpr (kSize == 8) {
    return _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(base + offsets[0])),
                              _mm_loadl_epi64(reinterpret_cast<const __m128i*>(base + offsets[1])));
  } else {
    std::int32_t piece[4];
    for (int i = 0; i < 4; ++i) std::memcpy(&piece[i], base + offsets[i], sizeof piece[i]);
    return _mm_setr_epi32(piece[0], piece[1], piece[2], piece[3]);
  }
}
template <int kSize>
EDGECLF_INLINE_SIMD Vec load_pieces(const std::uint8_t* base, const std::int32_t* offsets) {
  if constexpr (kSize == 4) {
    return _mm256_i32gather_epi32(reinterpret_cast<const int*>(base), load(offsets), 1);
  } else {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_block_pieces<kSize>(base, offsets)),
                                   load_block_pieces<kSize>(base, offsets + 16 / kSize), 1);
  }
}

// Arithmetic on words and ints.
EDGECLF_INLINE_SIMD Vec add_words(Vec a, Vec b) { return _mm256_add_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec add_ints(Vec a, Vec b) { return _mm256_add_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec sub_words(Vec a, Vec b) { return _mm256_sub_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec sub_ints(Vec a, Vec b) { return _mm256_sub_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec min_words(Vec a, Vec b) { return _mm256_min_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec max_words(Vec a, Vec b) { return _mm256_max_epi16(a, b); }
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_left_words(Vec a) {
  return _mm256_slli_epi16(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_words(Vec a) {
  return _mm256_srai_epi16(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_unsigned_words(Vec a) {
  return _mm256_srli_epi16(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_left_ints(Vec a) {
  return _mm256_slli_epi32(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_ints(Vec a) {
  return _mm256_srai_epi32(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_unsigned_ints(Vec a) {
  return _mm256_srli_epi32(a, kBits);
}
// The same, by a number known only when it runs.
EDGECLF_INLINE_SIMD Vec shift_right_ints_by(Vec a, int bits) {
  return _mm256_srav_epi32(a, _mm256_set1_epi32(bits));
}
EDGECLF_INLINE_SIMD Vec and_bits(Vec a, Vec b) { return _mm256_and_si256(a, b); }
EDGECLF_INLINE_SIMD Vec or_bits(Vec a, Vec b) { return _mm256_or_si256(a, b); }
EDGECLF_INLINE_SIMD Vec xor_bits(Vec a, Vec b) { return _mm256_xor_si256(a, b); }
// All bits set where a > b, else none.
EDGECLF_INLINE_SIMD Vec greater_ints(Vec a, Vec b) { return _mm256_cmpgt_epi32(a, b); }
// a where the mask's bits are set, b where none are; masks come from a comparison.
EDGECLF_INLINE_SIMD Vec select(Vec mask, Vec a, Vec b) { return _mm256_blendv_epi8(b, a, mask); }

// Words 2i and 2i + 1 of both, multiplied and added: int i. Not for four times -32768.
EDGECLF_INLINE_SIMD Vec multiply_add_pairs(Vec a, Vec b) { return _mm256_madd_epi16(a, b); }
// The same, added to an int of `sum`, modulo 2^32.
EDGECLF_INLINE_SIMD Vec add_multiplied_pairs(Vec sum, Vec a, Vec b) {
  return add_ints(sum, multiply_add_pairs(a, b));
}
// Bytes of a times signed bytes of b, two neighbours added: a word. The sum has to fit into it.
EDGECLF_INLINE_SIMD Vec multiply_add_bytes(Vec a, Vec b) { return _mm256_maddubs_epi16(a, b); }
// (a * b + 2^14) >> 15. Not for twice -32768.
EDGECLF_INLINE_SIMD Vec multiply_q15(Vec a, Vec b) { return _mm256_mulhrs_epi16(a, b); }
// (a * b) >> 16, unsigned.
EDGECLF_INLINE_SIMD Vec multiply_high_unsigned(Vec a, Vec b) { return _mm256_mulhi_epu16(a, b); }
// (a * b) >> 16, signed.
EDGECLF_INLINE_SIMD Vec multiply_high(Vec a, Vec b) { return _mm256_mulhi_epi16(a, b); }
// The low 16 bits of a product.
EDGECLF_INLINE_SIMD Vec multiply_low(Vec a, Vec b) { return _mm256_mullo_epi16(a, b); }

// Moving.
// Byte i is table[index[i]]; an index is 0..15, or 0x80..0xFF, which gives 0.
EDGECLF_INLINE_SIMD Vec lookup(Vec table, Vec index) { return _mm256_shuffle_epi8(table, index); }
EDGECLF_INLINE_SIMD Vec zip_low_bytes(Vec a, Vec b) { return _mm256_unpacklo_epi8(a, b); }
EDGECLF_INLINE_SIMD Vec zip_high_bytes(Vec a, Vec b) { return _mm256_unpackhi_epi8(a, b); }
EDGECLF_INLINE_SIMD Vec zip_low_words(Vec a, Vec b) { return _mm256_unpacklo_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec zip_high_words(Vec a, Vec b) { return _mm256_unpackhi_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec zip_low_ints(Vec a, Vec b) { return _mm256_unpacklo_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec zip_high_ints(Vec a, Vec b) { return _mm256_unpackhi_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec zip_low_longs(Vec a, Vec b) { return _mm256_unpacklo_epi64(a, b); }
EDGECLF_INLINE_SIMD Vec zip_high_longs(Vec a, Vec b) { return _mm256_unpackhi_epi64(a, b); }

// Between widths. Bytes and unsigned words gain zeros, words their sign.
EDGECLF_INLINE_SIMD Vec widen_low_bytes(Vec a) { return _mm256_unpacklo_epi8(a, zero()); }
EDGECLF_INLINE_SIMD Vec widen_high_bytes(Vec a) { return _mm256_unpackhi_epi8(a, zero()); }
EDGECLF_INLINE_SIMD Vec widen_low_words(Vec a) {
  return _mm256_srai_epi32(_mm256_unpacklo_epi16(a, a), 16);
}
EDGECLF_INLINE_SIMD Vec widen_high_words(Vec a) {
  return _mm256_srai_epi32(_mm256_unpackhi_epi16(a, a), 16);
}
// The block's numbers of a, then those of b, saturated.
EDGECLF_INLINE_SIMD Vec pack_ints(Vec a, Vec b) { return _mm256_packs_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec pack_to_bytes(Vec a, Vec b) { return _mm256_packus_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec pack_to_signed_bytes(Vec a, Vec b) { return _mm256_packs_epi16(a, b); }

// Floats.
EDGECLF_INLINE_SIMD FloatVec splat_floats(float value) { return _mm256_set1_ps(value); }
EDGECLF_INLINE_SIMD FloatVec load_floats(const float* from) { return _mm256_loadu_ps(from); }
EDGECLF_INLINE_SIMD void store_floats(float* to, FloatVec a) { _mm256_storeu_ps(to, a); }
EDGECLF_INLINE_SIMD FloatVec add_floats(FloatVec a, FloatVec b) { return _mm256_add_ps(a, b); }
EDGECLF_INLINE_SIMD FloatVec multiply_floats(FloatVec a, FloatVec b) { return _mm256_mul_ps(a, b); }
// Not for NaN.
EDGECLF_INLINE_SIMD FloatVec min_floats(FloatVec a, FloatVec b) { return _mm256_min_ps(a, b); }
EDGECLF_INLINE_SIMD FloatVec max_floats(FloatVec a, FloatVec b) { return _mm256_max_ps(a, b); }
EDGECLF_INLINE_SIMD FloatVec to_floats(Vec ints) { return _mm256_cvtepi32_ps(ints); }
// Rounded half to even; for values within +-2^22.
EDGECLF_INLINE_SIMD Vec round_to_ints(FloatVec a) { return _mm256_cvtps_epi32(a); }
EDGECLF_INLINE_SIMD Vec bits_of(FloatVec a) { return _mm256_castps_si256(a); }
EDGECLF_INLINE_SIMD FloatVec floats_of(Vec bits) { return _mm256_castsi256_ps(bits); }

EDGECLF_INLINE_SIMD void prefetch(const void* at) {
  _mm_prefetch(static_cast<const char*>(at), _MM_HINT_T0);
}

}  // namespace
}  // namespace edgeclf

// AVX-512 of Ice Lake, Zen 4 and later (F, BW, DQ, VL, VBMI, VNNI); see simd.h. The same as
// simd_avx2.h but for the width, the loads, and what only these instructions do. Over 200 lines
// because that is what the operations take, one after the other.
#pragma once

namespace edgeclf {
namespace {

using Vec = __m512i;
using FloatVec = __m512;
constexpr int kBlocks = 4;
constexpr int kBytes = 16 * kBlocks;
constexpr int kWords = 8 * kBlocks;
constexpr int kInts = 4 * kBlocks;

EDGECLF_INLINE_SIMD Vec bits_of(FloatVec a) { return _mm512_castps_si512(a); }
EDGECLF_INLINE_SIMD FloatVec floats_of(Vec bits) { return _mm512_castsi512_ps(bits); }

EDGECLF_INLINE_SIMD Vec zero() { return _mm512_setzero_si512(); }
EDGECLF_INLINE_SIMD Vec splat_bytes(int value) {
  return _mm512_set1_epi8(static_cast<char>(value));
}
EDGECLF_INLINE_SIMD Vec splat_words(int value) {
  return _mm512_set1_epi16(static_cast<short>(value));
}
EDGECLF_INLINE_SIMD Vec splat_ints(std::int32_t value) { return _mm512_set1_epi32(value); }
// Two words from memory, as every int of the vector.
EDGECLF_INLINE_SIMD Vec splat_pair(const std::int16_t* pair) {
  std::int32_t both;
  std::memcpy(&both, pair, sizeof both);
  return _mm512_set1_epi32(both);
}

EDGECLF_INLINE_SIMD Vec load(const void* from) {
  return _mm512_loadu_si512(static_cast<const Vec*>(from));
}
EDGECLF_INLINE_SIMD void store(void* to, Vec a) { _mm512_storeu_si512(static_cast<Vec*>(to), a); }
EDGECLF_INLINE_SIMD Vec load_block_to_all(const void* from) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(from)));
}
EDGECLF_INLINE_SIMD __m128i block_of(Vec a, int block) {
  switch (block) {
    case 0: return _mm512_castsi512_si128(a);
    case 1: return _mm512_extracti32x4_epi32(a, 1);
    case 2: return _mm512_extracti32x4_epi32(a, 2);
    default: return _mm512_extracti32x4_epi32(a, 3);
  }
}
EDGECLF_INLINE_SIMD Vec load_two_blocks_twice(const void* from) {
  return _mm512_broadcast_i64x4(_mm256_loadu_si256(static_cast<const __m256i*>(from)));
}
EDGECLF_INLINE_SIMD void store_block(void* to, Vec a, int block) {
  _mm_storeu_si128(static_cast<__m128i*>(to), block_of(a, block));
}
EDGECLF_INLINE_SIMD void store_blocks_in_turn(void* to, Vec a, Vec b) {
  const Vec front = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const Vec back = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  store(to, _mm512_permutex2var_epi64(a, front, b));
  store(static_cast<std::uint8_t*>(to) + kBytes, _mm512_permutex2var_epi64(a, back, b));
}
EDGECLF_INLINE_SIMD Vec load_widened(const std::uint8_t* from) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
EDGECLF_INLINE_SIMD Vec load_widened_words(const std::int16_t* from) {
  return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
EDGECLF_INLINE_SIMD void store_half_block(void* to, Vec a, int block) {
  _mm_storel_epi64(static_cast<__m128i*>(to), block_of(a, block));
}
EDGECLF_INLINE_SIMD void store_low_halves(void* to, Vec a) {
  const Vec gathered = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 0, 2, 4, 6), a);
  _mm256_storeu_si256(static_cast<__m256i*>(to), _mm512_castsi512_si256(gathered));
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
  constexpr int kPieces = 16 / kSize;
  Vec all = _mm512_castsi128_si512(load_block_pieces<kSize>(base, offsets));
  all = _mm512_inserti32x4(all, load_block_pieces<kSize>(base, offsets + kPieces), 1);
  all = _mm512_inserti32x4(all, load_block_pieces<kSize>(base, offsets + 2 * kPieces), 2);
  return _mm512_inserti32x4(all, load_block_pieces<kSize>(base, offsets + 3 * kPieces), 3);
}
// The first `count` bytes, none if that is negative; the others are 0 and not read.
EDGECLF_INLINE_SIMD Vec load_some(const void* from, std::ptrdiff_t count) {
  const std::ptrdiff_t taken_bytes = count < 0 ? 0 : count;
  const __mmask64 taken = taken_bytes >= kBytes ? ~__mmask64{0} : (__mmask64{1} << taken_bytes) - 1;
  return _mm512_maskz_loadu_epi8(taken, from);
}

// Arithmetic on words and ints.
EDGECLF_INLINE_SIMD Vec add_words(Vec a, Vec b) { return _mm512_add_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec add_ints(Vec a, Vec b) { return _mm512_add_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec sub_words(Vec a, Vec b) { return _mm512_sub_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec sub_ints(Vec a, Vec b) { return _mm512_sub_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec min_words(Vec a, Vec b) { return _mm512_min_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec max_words(Vec a, Vec b) { return _mm512_max_epi16(a, b); }
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_left_words(Vec a) {
  return _mm512_slli_epi16(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_words(Vec a) {
  return _mm512_srai_epi16(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_unsigned_words(Vec a) {
  return _mm512_srli_epi16(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_left_ints(Vec a) {
  return _mm512_slli_epi32(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_ints(Vec a) {
  return _mm512_srai_epi32(a, kBits);
}
template <int kBits>
EDGECLF_INLINE_SIMD Vec shift_right_unsigned_ints(Vec a) {
  return _mm512_srli_epi32(a, kBits);
}
// The same, by a number known only when it runs.
EDGECLF_INLINE_SIMD Vec shift_right_ints_by(Vec a, int bits) {
  return _mm512_srav_epi32(a, _mm512_set1_epi32(bits));
}
EDGECLF_INLINE_SIMD Vec and_bits(Vec a, Vec b) { return _mm512_and_si512(a, b); }
EDGECLF_INLINE_SIMD Vec or_bits(Vec a, Vec b) { return _mm512_or_si512(a, b); }
EDGECLF_INLINE_SIMD Vec xor_bits(Vec a, Vec b) { return _mm512_xor_si512(a, b); }
// All bits set where a > b, else none.
EDGECLF_INLINE_SIMD Vec greater_ints(Vec a, Vec b) {
  return _mm512_movm_epi32(_mm512_cmpgt_epi32_mask(a, b));
}
// a where the mask's bits are set, b where none are; masks come from a comparison.
EDGECLF_INLINE_SIMD Vec select(Vec mask, Vec a, Vec b) {
  return _mm512_ternarylogic_epi32(mask, a, b, 0xCA);
}

// Words 2i and 2i + 1 of both, multiplied and added: int i. Not for four times -32768.
EDGECLF_INLINE_SIMD Vec multiply_add_pairs(Vec a, Vec b) { return _mm512_madd_epi16(a, b); }
// The same, added to an int of `sum`, modulo 2^32.
EDGECLF_INLINE_SIMD Vec add_multiplied_pairs(Vec sum, Vec a, Vec b) {
  return _mm512_dpwssd_epi32(sum, a, b);
}
// Four bytes of a times four signed ones of b, added to an int of `sum`.
EDGECLF_INLINE_SIMD Vec add_multiplied_fours(Vec sum, Vec a, Vec b) {
  return _mm512_dpbusd_epi32(sum, a, b);
}
// Bytes of a times signed bytes of b, two neighbours added: a word. The sum has to fit into it.
EDGECLF_INLINE_SIMD Vec multiply_add_bytes(Vec a, Vec b) { return _mm512_maddubs_epi16(a, b); }
// (a * b + 2^14) >> 15. Not for twice -32768.
EDGECLF_INLINE_SIMD Vec multiply_q15(Vec a, Vec b) { return _mm512_mulhrs_epi16(a, b); }
// (a * b) >> 16, unsigned.
EDGECLF_INLINE_SIMD Vec multiply_high_unsigned(Vec a, Vec b) { return _mm512_mulhi_epu16(a, b); }
// (a * b) >> 16, signed.
EDGECLF_INLINE_SIMD Vec multiply_high(Vec a, Vec b) { return _mm512_mulhi_epi16(a, b); }
// The low 16 bits of a product.
EDGECLF_INLINE_SIMD Vec multiply_low(Vec a, Vec b) { return _mm512_mullo_epi16(a, b); }

// Moving.
// In each block the ints 0 and 2 of a, then of b; and the ints 1 and 3.
EDGECLF_INLINE_SIMD Vec even_ints(Vec a, Vec b) {
  return bits_of(_mm512_shuffle_ps(floats_of(a), floats_of(b), 0x88));
}
EDGECLF_INLINE_SIMD Vec odd_ints(Vec a, Vec b) {
  return bits_of(_mm512_shuffle_ps(floats_of(a), floats_of(b), 0xDD));
}
// Byte i is table[index[i]]; an index is 0..15, or 0x80..0xFF, which gives 0.
EDGECLF_INLINE_SIMD Vec lookup(Vec table, Vec index) { return _mm512_shuffle_epi8(table, index); }
// The same of the whole vector: byte i is table[index[i] % 64].
EDGECLF_INLINE_SIMD Vec lookup_anywhere(Vec table, Vec index) {
  return _mm512_permutexvar_epi8(index, table);
}
// And word i is table's word index[i] % 32.
EDGECLF_INLINE_SIMD Vec lookup_words_anywhere(Vec table, Vec index) {
  return _mm512_permutexvar_epi16(index, table);
}
EDGECLF_INLINE_SIMD Vec zip_low_bytes(Vec a, Vec b) { return _mm512_unpacklo_epi8(a, b); }
EDGECLF_INLINE_SIMD Vec zip_high_bytes(Vec a, Vec b) { return _mm512_unpackhi_epi8(a, b); }
EDGECLF_INLINE_SIMD Vec zip_low_words(Vec a, Vec b) { return _mm512_unpacklo_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec zip_high_words(Vec a, Vec b) { return _mm512_unpackhi_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec zip_low_ints(Vec a, Vec b) { return _mm512_unpacklo_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec zip_high_ints(Vec a, Vec b) { return _mm512_unpackhi_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec zip_low_longs(Vec a, Vec b) { return _mm512_unpacklo_epi64(a, b); }
EDGECLF_INLINE_SIMD Vec zip_high_longs(Vec a, Vec b) { return _mm512_unpackhi_epi64(a, b); }
// In each block the sums of two neighbouring ints: those of a, then those of b.
EDGECLF_INLINE_SIMD Vec add_neighbours(Vec a, Vec b) {
  return add_ints(even_ints(a, b), odd_ints(a, b));
}

// Between widths. Bytes and unsigned words gain zeros, words their sign.
EDGECLF_INLINE_SIMD Vec widen_low_bytes(Vec a) { return _mm512_unpacklo_epi8(a, zero()); }
EDGECLF_INLINE_SIMD Vec widen_high_bytes(Vec a) { return _mm512_unpackhi_epi8(a, zero()); }
EDGECLF_INLINE_SIMD Vec widen_low_words(Vec a) {
  return _mm512_srai_epi32(_mm512_unpacklo_epi16(a, a), 16);
}
EDGECLF_INLINE_SIMD Vec widen_high_words(Vec a) {
  return _mm512_srai_epi32(_mm512_unpackhi_epi16(a, a), 16);
}
// The block's numbers of a, then those of b, saturated.
EDGECLF_INLINE_SIMD Vec pack_ints(Vec a, Vec b) { return _mm512_packs_epi32(a, b); }
EDGECLF_INLINE_SIMD Vec pack_to_bytes(Vec a, Vec b) { return _mm512_packus_epi16(a, b); }
EDGECLF_INLINE_SIMD Vec pack_to_signed_bytes(Vec a, Vec b) { return _mm512_packs_epi16(a, b); }

// Floats.
EDGECLF_INLINE_SIMD FloatVec splat_floats(float value) { return _mm512_set1_ps(value); }
EDGECLF_INLINE_SIMD FloatVec load_floats(const float* from) { return _mm512_loadu_ps(from); }
EDGECLF_INLINE_SIMD void store_floats(float* to, FloatVec a) { _mm512_storeu_ps(to, a); }
EDGECLF_INLINE_SIMD FloatVec add_floats(FloatVec a, FloatVec b) { return _mm512_add_ps(a, b); }
EDGECLF_INLINE_SIMD FloatVec multiply_floats(FloatVec a, FloatVec b) { return _mm512_mul_ps(a, b); }
// Not for NaN.
EDGECLF_INLINE_SIMD FloatVec min_floats(FloatVec a, FloatVec b) { return _mm512_min_ps(a, b); }
EDGECLF_INLINE_SIMD FloatVec max_floats(FloatVec a, FloatVec b) { return _mm512_max_ps(a, b); }
EDGECLF_INLINE_SIMD FloatVec to_floats(Vec ints) { return _mm512_cvtepi32_ps(ints); }
// Rounded half to even; for values within +-2^22.
EDGECLF_INLINE_SIMD Vec round_to_ints(FloatVec a) { return _mm512_cvtps_epi32(a); }

EDGECLF_INLINE_SIMD void prefetch(const void* at) {
  _mm_prefetch(static_cast<const char*>(at), _MM_HINT_T0);
}

}  // namespace
}  // namespace edgeclf

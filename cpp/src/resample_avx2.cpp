// The kernels of AVX2 on x86: Pillow's arithmetic and the float one, across and down. Over 200
// lines because all four share one way to split weights and to read pixels.
#include "resample_avx2.h"

#if defined(__x86_64__) || defined(__i386__)

#include <immintrin.h>

#include <cstring>

#include "resample_scalar.h"

#define EDGECLF_AVX2 __attribute__((target("avx2")))

namespace edgeclf {
namespace {

// Fixed-point weights do not fit 16 bits, their halves do: weight = high * 2^12 + low. The two
// sums are put together at the end, modulo 2^32, where the scalar kernel's sum stays below 2^31.
// One half of a register sums the high parts, the other the low ones.
constexpr int kLowBits = 12;
constexpr std::int32_t kLowMask = (1 << kLowBits) - 1;

// Four taps are read at once, as 16 bytes of pixels and eight halves of weights (pair_weights).
constexpr int kTapsAtOnce = 4;
constexpr int kBytesAtOnce = 16;
constexpr int kHalvesAtOnce = 8;

int groups_of(int taps) { return (taps + kTapsAtOnce - 1) / kTapsAtOnce; }

// Outputs from here on would read beyond the row's last sample.
int end_of_safe(const SourceRow& row, const Axis<std::int32_t>& axis, int begin, int size) {
  const std::ptrdiff_t readable = (row.columns - 1) * row.step + row.channels;
  int end = begin + size;
  for (; end > begin; --end) {
    const auto last = static_cast<std::size_t>(end - 1);
    const std::ptrdiff_t taps = std::ptrdiff_t{kTapsAtOnce} * (groups_of(axis.count[last]) - 1);
    if ((axis.first[last] + taps) * row.step + kBytesAtOnce <= readable) break;
  }
  return end;
}

// From 16 bytes of pixels to 16-bit pairs: red of two taps, green of two, blue of two, nothing.
EDGECLF_AVX2 __m256i pixel_shuffle(int step, int tap) {
  const auto at = static_cast<char>(tap * step);
  const auto next = static_cast<char>(at + step);
  const auto of = [](char base, int c) { return static_cast<char>(base + c); };
  constexpr char none = -1;
  return _mm256_broadcastsi128_si256(_mm_setr_epi8(at, none, next, none, of(at, 1), none,
                                                   of(next, 1), none, of(at, 2), none, of(next, 2),
                                                   none, none, none, none, none));
}

// From eight halves to a pair's high halves four times over, and its low ones.
EDGECLF_AVX2 __m256i weight_shuffle(int pair) {
  constexpr int bytes[] = {0x03020100, 0x07060504, 0x0B0A0908, 0x0F0E0D0C};
  const int high = bytes[pair];
  const int low = bytes[pair + 2];
  return _mm256_setr_epi32(high, high, high, high, low, low, low, low);
}

EDGECLF_AVX2 inline __m256i load_twice(const void* bytes) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(bytes)));
}

EDGECLF_AVX2 void store_pixel(__m256i sums, std::uint8_t* out) {
  const __m128i high = _mm256_castsi256_si128(sums);
  const __m128i low = _mm256_extracti128_si256(sums, 1);
  const __m128i sum =
      _mm_add_epi32(_mm_add_epi32(_mm_slli_epi32(high, kLowBits), low), _mm_set1_epi32(kHalf));
  const __m128i words = _mm_packs_epi32(_mm_srai_epi32(sum, kFractionBits), sum);
  const auto pixel = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
  std::memcpy(out, &pixel, 3);
}

EDGECLF_AVX2 void weigh_colour(const SourceRow& row, const Axis<std::int32_t>& axis, int begin,
                               int size, std::uint8_t* out) {
  const int end = end_of_safe(row, axis, begin, size);
  // Held here, not read through `row` and `axis`: for all the compiler knows, a byte stored to
  // `out` might change them.
  const std::uint8_t* const pixels = row.pixels;
  const std::ptrdiff_t step = row.step;
  const std::int32_t* const first = axis.first.data();
  const std::int32_t* const count = axis.count.data();
  const std::int16_t* const halves = axis.pairs.data();
  const std::ptrdiff_t stride = std::ptrdiff_t{groups_of(axis.max_taps)} * kHalvesAtOnce;
  const __m256i pixels_of[] = {pixel_shuffle(static_cast<int>(step), 0),
                               pixel_shuffle(static_cast<int>(step), 2)};
  const __m256i weights_of[] = {weight_shuffle(0), weight_shuffle(1)};
  for (int i = begin; i < end; ++i, out += 3) {
    const std::uint8_t* pixel = pixels + first[i] * step;
    const std::int16_t* weights = halves + i * stride;
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();
    for (int group = groups_of(count[i]); group > 0; --group) {
      const __m256i four = load_twice(pixel);
      const __m256i eight = load_twice(weights);
      even = _mm256_add_epi32(even, _mm256_madd_epi16(_mm256_shuffle_epi8(four, pixels_of[0]),
                                                      _mm256_shuffle_epi8(eight, weights_of[0])));
      odd = _mm256_add_epi32(odd, _mm256_madd_epi16(_mm256_shuffle_epi8(four, pixels_of[1]),
                                                    _mm256_shuffle_epi8(eight, weights_of[1])));
      pixel += kTapsAtOnce * step;
      weights += kHalvesAtOnce;
    }
    store_pixel(_mm256_add_epi32(even, odd), out);
  }
  resample(row, axis, end, begin + size - end, out);
}

// One pixel's three samples fill three of four lanes; a fourth byte is read beside them.
EDGECLF_AVX2 inline __m128 sum_of(const std::uint8_t* pixel, std::ptrdiff_t step,
                                  const float* weights, int taps) {
  __m128 sum = _mm_setzero_ps();
  for (int k = 0; k < taps; ++k, pixel += step) {
    std::int32_t bytes;
    std::memcpy(&bytes, pixel, sizeof bytes);
    const __m128 levels = _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes)));
    sum = _mm_add_ps(sum, _mm_mul_ps(levels, _mm_set1_ps(weights[k])));
  }
  return sum;
}

EDGECLF_AVX2 void weigh_colour(const SourceRow& row, const Axis<float>& axis, int begin, int size,
                               float* out) {
  int end = begin + size;
  while (end > begin && axis.first[static_cast<std::size_t>(end - 1)] +
                                axis.count[static_cast<std::size_t>(end - 1)] ==
                            row.columns) {
    --end;
  }
  // The store of a pixel overwrites the first sample of the next, so the last one is left as well.
  if (end == begin + size && end > begin) --end;
  for (int i = begin; i < end; ++i, out += 3) {
    const auto at = static_cast<std::size_t>(i);
    const std::uint8_t* pixel = row.pixels + axis.first[at] * row.step;
    const int taps = axis.count[at];
    __m128 total = _mm_setzero_ps();
    for (int k = 0; k < taps; k += kTapsPerSum) {
      const int count = smaller(taps - k, kTapsPerSum);
      total = _mm_add_ps(total, sum_of(pixel + k * row.step, row.step, axis.weight(i) + k, count));
    }
    _mm_storeu_ps(out, total);
  }
  resample(row, axis, end, begin + size - end, out);
}

EDGECLF_AVX2 void resample_exact(const SourceRow& row, const Axis<std::int32_t>& axis, int begin,
                                 int size, std::uint8_t* out) {
  if (axis.consecutive && row.step == row.channels) {
    const auto first = axis.first[static_cast<std::size_t>(begin)];
    const auto bytes = static_cast<std::size_t>(size) * static_cast<std::size_t>(row.channels);
    std::memcpy(out, row.pixels + first * row.step, bytes);
  } else if (row.channels == 3 && !axis.selects) {
    weigh_colour(row, axis, begin, size, out);
  } else {
    resample(row, axis, begin, size, out);
  }
}

EDGECLF_AVX2 void resample_float(const SourceRow& row, const Axis<float>& axis, int begin, int size,
                                 float* out) {
  if (row.channels == 3 && !axis.selects) {
    weigh_colour(row, axis, begin, size, out);
  } else {
    resample(row, axis, begin, size, out);
  }
}

// The pair of 16-bit weights that a lane's two samples meet.
EDGECLF_AVX2 inline __m256i both(std::int32_t first, std::int32_t second) {
  return _mm256_set1_epi32(second * 0x10000 + (first & 0xFFFF));
}

EDGECLF_AVX2 inline __m256i load_words(const std::uint8_t* bytes) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
}

EDGECLF_AVX2 inline __m256i levels_of(__m256i high, __m256i low) {
  const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low),
                                       _mm256_set1_epi32(kHalf));
  return _mm256_srai_epi32(sum, kFractionBits);
}

// Sixteen samples: two rows are interleaved, so that a sample meets its neighbour below. Lanes
// 0-3, 8-11 and lanes 4-7, 12-15 stand in two registers, which packing puts in order again.
EDGECLF_AVX2 inline void combine_sixteen(const std::uint8_t* const* rows, int x,
                                         const std::int32_t* weights, int taps, std::uint8_t* out) {
  __m256i high_a = _mm256_setzero_si256();
  __m256i high_b = high_a;
  __m256i low_a = high_a;
  __m256i low_b = high_a;
  for (int k = 0; k < taps; k += 2) {
    const bool paired = k + 1 < taps;
    const std::int32_t weight = weights[k];
    const std::int32_t next = paired ? weights[k + 1] : 0;
    const __m256i high = both(weight >> kLowBits, next >> kLowBits);
    const __m256i low = both(weight & kLowMask, next & kLowMask);
    const __m256i above = load_words(rows[k] + x);
    const __m256i below = load_words(rows[paired ? k + 1 : k] + x);
    const __m256i a = _mm256_unpacklo_epi16(above, below);
    const __m256i b = _mm256_unpackhi_epi16(above, below);
    high_a = _mm256_add_epi32(high_a, _mm256_madd_epi16(a, high));
    high_b = _mm256_add_epi32(high_b, _mm256_madd_epi16(b, high));
    low_a = _mm256_add_epi32(low_a, _mm256_madd_epi16(a, low));
    low_b = _mm256_add_epi32(low_b, _mm256_madd_epi16(b, low));
  }
  const __m256i words = _mm256_packs_epi32(levels_of(high_a, low_a), levels_of(high_b, low_b));
  const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + x), _mm256_castsi256_si128(bytes));
}

EDGECLF_AVX2 void combine_exact(const std::uint8_t* const* rows, const std::int32_t* weights,
                                int taps, int size, std::uint8_t* out) {
  constexpr int kSamples = 16;
  int x = 0;
  for (; x + kSamples <= size; x += kSamples) combine_sixteen(rows, x, weights, taps, out);
  for (; x < size; ++x) combine_one(rows, x, weights, taps, out);
}

EDGECLF_AVX2 void combine_float(const float* const* rows, const float* weights, int taps, int size,
                                float* out) {
  combine(rows, weights, taps, size, out);
}

}  // namespace

void add_avx2_kernels(std::vector<Kernels>& kernels) {
  if (!__builtin_cpu_supports("avx2")) return;
  // In double the compiler's own code is quick enough: it is the way for a few taps.
  const Kernels& scalar = kernels.front();
  kernels.push_back({"avx2", resample_exact, resample_float, combine_exact, combine_float,
                     scalar.resample_precise, scalar.combine_precise});
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_avx2_kernels(std::vector<Kernels>&) {}

}  // namespace edgeclf

#endif

// The kernels of AVX2 on x86: Pillow's arithmetic, two rows at once, and the float one.
#include "resample_sets.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cstring>

#include "resample_scalar.h"
// After all others: what follows is compiled for AVX2.
#define EDGECLF_SIMD_AVX2
// clang-format off
#include "simd.h"
#include "levels_simd.h"
#include "resample_exact.h"
// clang-format on

namespace edgeclf {
namespace {

// One pixel's three samples fill three of four lanes; a fourth byte is read beside them.
EDGECLF_INLINE_SIMD __m128 sum_of(const std::uint8_t* pixel, std::ptrdiff_t step,
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

void weigh_colour(const SourceRow& row, const Axis<float>& axis, int begin, int size, float* out) {
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

void resample_float(const SourceRow& row, const Axis<float>& axis, int begin, int size,
                    float* out) {
  if (row.channels == 3 && !axis.selects) {
    weigh_colour(row, axis, begin, size, out);
  } else {
    resample(row, axis, begin, size, out);
  }
}

void combine_float(const float* const* rows, const float* weights, int taps, int size, float* out) {
  combine(rows, weights, taps, size, out);
}

}  // namespace
}  // namespace edgeclf

#include "simd_end.h"

namespace edgeclf {

void add_avx2_kernels(std::vector<Kernels>& kernels) {
  if (!has_instruction_set("avx2")) return;
  // In double the compiler's own code is quick enough: it is the way for a few taps.
  const Kernels& scalar = kernels.front();
  kernels.push_back({"avx2", resample_exact, resample_float, combine_exact, combine_float,
                     scalar.resample_precise, scalar.combine_precise, kLevelKernels});
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_avx2_kernels(std::vector<Kernels>&) {}

}  // namespace edgeclf

#endif

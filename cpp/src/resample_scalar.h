// The scalar kernels, the reference for all others. They stand in a header, and are inlined
// always, because each instruction set falls back on them and compiles some of them for itself.
#pragma once

#include <cstring>

#include "edgeclf/resample.h"

#define EDGECLF_INLINE [[gnu::always_inline]] inline

namespace edgeclf {
namespace {

// A float32 sum of very many taps drifts; sums of this many, added up, do not.
constexpr int kTapsPerSum = 64;

constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);

EDGECLF_INLINE int smaller(int a, int b) { return a < b ? a : b; }

EDGECLF_INLINE std::uint8_t finished(std::int32_t sum) {
  const std::int32_t level = (sum + kHalf) >> kFractionBits;
  return static_cast<std::uint8_t>(level < 0 ? 0 : level > 255 ? 255 : level);
}

EDGECLF_INLINE float finished(float sum) { return sum; }
EDGECLF_INLINE double finished(double sum) { return sum; }

// Across. ---------------------------------------------------------------------------------------

// The weighted sum of `taps` pixels, for every channel.
template <int kChannels, class Weight>
EDGECLF_INLINE void add_taps(const std::uint8_t* pixel, std::ptrdiff_t step, const Weight* weights,
                             int taps, Weight* total) {
  Weight sum[kChannels] = {};
  for (int k = 0; k < taps; ++k, pixel += step) {
    for (int c = 0; c < kChannels; ++c) sum[c] += static_cast<Weight>(pixel[c]) * weights[k];
  }
  for (int c = 0; c < kChannels; ++c) total[c] += sum[c];
}

template <int kChannels, class Weight, class Sample>
EDGECLF_INLINE void weigh_row(const SourceRow& row, const Axis<Weight>& axis, int begin, int size,
                              Sample* out) {
  for (int i = begin; i < begin + size; ++i, out += kChannels) {
    const auto at = static_cast<std::size_t>(i);
    const std::uint8_t* pixel = row.pixels + axis.first[at] * row.step;
    const int taps = axis.count[at];
    if (taps == 2) {  // bilinear without antialias, and most of upscaling
      const Weight* const weights = axis.weight(i);
      for (int c = 0; c < kChannels; ++c) {
        out[c] = finished(static_cast<Weight>(pixel[c]) * weights[0] +
                          static_cast<Weight>(pixel[row.step + c]) * weights[1]);
      }
      continue;
    }
    Weight total[kChannels] = {};
    for (int k = 0; k < taps; k += kTapsPerSum) {
      add_taps<kChannels>(pixel + k * row.step, row.step, axis.weight(i) + k,
                          smaller(taps - k, kTapsPerSum), total);
    }
    for (int c = 0; c < kChannels; ++c) out[c] = finished(total[c]);
  }
}

template <int kChannels, class Weight, class Sample>
EDGECLF_INLINE void select_row(const SourceRow& row, const Axis<Weight>& axis, int begin, int size,
                               Sample* out) {
  for (int i = begin; i < begin + size; ++i, out += kChannels) {
    const std::uint8_t* pixel = row.pixels + axis.first[static_cast<std::size_t>(i)] * row.step;
    for (int c = 0; c < kChannels; ++c) out[c] = pixel[c];
  }
}

template <class Weight, class Sample>
EDGECLF_INLINE void resample(const SourceRow& row, const Axis<Weight>& axis, int begin, int size,
                             Sample* out) {
  if (axis.selects) {
    if (row.channels == 1) {
      select_row<1>(row, axis, begin, size, out);
    } else {
      select_row<3>(row, axis, begin, size, out);
    }
  } else if (row.channels == 1) {
    weigh_row<1>(row, axis, begin, size, out);
  } else {
    weigh_row<3>(row, axis, begin, size, out);
  }
}

// Down. -----------------------------------------------------------------------------------------

// Eight samples side by side, in the compiler's own vector type: it becomes whatever registers the
// target has, and each lane computes what the scalar code would.
constexpr int kLanes = 8;
template <class Element>
struct VectorOf {
  typedef Element type __attribute__((vector_size(kLanes * sizeof(Element))));
};
template <class Element>
using Vector = typename VectorOf<Element>::type;

template <class Weight, class Sample>
EDGECLF_INLINE void load(const Sample* from, Vector<Weight>& to) {
  Vector<Sample> samples;
  std::memcpy(&samples, from, sizeof samples);
  to = __builtin_convertvector(samples, Vector<Weight>);
}

EDGECLF_INLINE void store(const Vector<float>& sum, float* out) {
  std::memcpy(out, &sum, sizeof sum);
}

EDGECLF_INLINE void store(const Vector<double>& sum, double* out) {
  std::memcpy(out, &sum, sizeof sum);
}

EDGECLF_INLINE void store(const Vector<std::int32_t>& sum, std::uint8_t* out) {
  Vector<std::int32_t> level = (sum + kHalf) >> kFractionBits;
  level = level < 0 ? level & 0 : level;
  level = level > 255 ? (level & 0) + 255 : level;
  const auto bytes = __builtin_convertvector(level, Vector<std::uint8_t>);
  std::memcpy(out, &bytes, sizeof bytes);
}

// kVectors * kLanes samples stay in registers while all rows are added to them.
template <int kVectors, class Weight, class Sample>
EDGECLF_INLINE void combine_block(const Sample* const* rows, int x, const Weight* weights, int taps,
                                  Sample* out) {
  Vector<Weight> total[kVectors] = {};
  for (int begin = 0; begin < taps; begin += kTapsPerSum) {
    const int end = smaller(taps, begin + kTapsPerSum);
    Vector<Weight> sum[kVectors] = {};
    for (int k = begin; k < end; ++k) {
      for (int v = 0; v < kVectors; ++v) {
        Vector<Weight> samples;
        load<Weight>(rows[k] + x + v * kLanes, samples);
        sum[v] += samples * weights[k];
      }
    }
    for (int v = 0; v < kVectors; ++v) total[v] += sum[v];
  }
  for (int v = 0; v < kVectors; ++v) store(total[v], out + x + v * kLanes);
}

template <class Weight, class Sample>
EDGECLF_INLINE void combine_one(const Sample* const* rows, int x, const Weight* weights, int taps,
                                Sample* out) {
  Weight total = 0;
  for (int begin = 0; begin < taps; begin += kTapsPerSum) {
    Weight sum = 0;
    for (int k = begin; k < smaller(taps, begin + kTapsPerSum); ++k) {
      sum += static_cast<Weight>(rows[k][x]) * weights[k];
    }
    total += sum;
  }
  out[x] = finished(total);
}

template <class Weight, class Sample>
EDGECLF_INLINE void combine(const Sample* const* rows, const Weight* weights, int taps, int size,
                            Sample* out) {
  if (taps == 2) {
    for (int x = 0; x < size; ++x) {
      out[x] = finished(static_cast<Weight>(rows[0][x]) * weights[0] +
                        static_cast<Weight>(rows[1][x]) * weights[1]);
    }
    return;
  }
  constexpr int kVectors = 4;
  int x = 0;
  for (; x + kVectors * kLanes <= size; x += kVectors * kLanes) {
    combine_block<kVectors>(rows, x, weights, taps, out);
  }
  for (; x + kLanes <= size; x += kLanes) combine_block<1>(rows, x, weights, taps, out);
  for (; x < size; ++x) combine_one(rows, x, weights, taps, out);
}

}  // namespace
}  // namespace edgeclf

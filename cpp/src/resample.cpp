#include "edgeclf/resample.h"

#include <algorithm>
#include <cstring>

namespace edgeclf {
namespace {

// A float32 sum of very many taps drifts; sums of this many, added up, do not.
constexpr int kTapsPerSum = 64;

constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);

std::uint8_t finished(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp((sum + kHalf) >> kFractionBits, 0, 255));
}

float finished(float sum) { return sum; }

// The weighted sum of `taps` pixels, for every channel.
template <int kChannels, class Weight>
void weigh(const std::uint8_t* pixel, std::ptrdiff_t step, const Weight* weights, int taps,
           Weight* total) {
  for (int c = 0; c < kChannels; ++c) total[c] = 0;
  for (int begin = 0; begin < taps; begin += kTapsPerSum) {
    const int end = std::min(taps, begin + kTapsPerSum);
    Weight sum[kChannels] = {};
    for (int k = begin; k < end; ++k, pixel += step) {
      for (int c = 0; c < kChannels; ++c) sum[c] += static_cast<Weight>(pixel[c]) * weights[k];
    }
    for (int c = 0; c < kChannels; ++c) total[c] += sum[c];
  }
}

template <int kChannels, class Weight, class Sample>
void weigh_row(const std::uint8_t* row, std::ptrdiff_t step, const Axis<Weight>& axis, int begin,
               int size, Sample* out) {
  for (int i = begin; i < begin + size; ++i, out += kChannels) {
    const auto at = static_cast<std::size_t>(i);
    Weight total[kChannels];
    weigh<kChannels>(row + axis.first[at] * step, step, axis.weight(i), axis.count[at], total);
    for (int c = 0; c < kChannels; ++c) out[c] = finished(total[c]);
  }
}

template <int kChannels, class Weight, class Sample>
void select_row(const std::uint8_t* row, std::ptrdiff_t step, const Axis<Weight>& axis, int begin,
                int size, Sample* out) {
  for (int i = begin; i < begin + size; ++i, out += kChannels) {
    const std::uint8_t* pixel = row + axis.first[static_cast<std::size_t>(i)] * step;
    for (int c = 0; c < kChannels; ++c) out[c] = pixel[c];
  }
}

template <class Weight, class Sample>
void resample(const std::uint8_t* row, std::ptrdiff_t step, int channels, const Axis<Weight>& axis,
              int begin, int size, Sample* out) {
  if (axis.selects) {
    if (channels == 1) {
      select_row<1>(row, step, axis, begin, size, out);
    } else {
      select_row<3>(row, step, axis, begin, size, out);
    }
  } else if (channels == 1) {
    weigh_row<1>(row, step, axis, begin, size, out);
  } else {
    weigh_row<3>(row, step, axis, begin, size, out);
  }
}

// A block of samples stays in registers while all rows are added to it.
template <class Weight, class Sample>
void combine(const Sample* const* rows, const Weight* weights, int taps, int size, Sample* out) {
  constexpr int kBlock = 32;
  for (int x = 0; x < size; x += kBlock) {
    const int width = std::min(kBlock, size - x);
    Weight total[kBlock] = {};
    for (int begin = 0; begin < taps; begin += kTapsPerSum) {
      const int end = std::min(taps, begin + kTapsPerSum);
      Weight sum[kBlock] = {};
      for (int k = begin; k < end; ++k) {
        const Sample* row = rows[k] + x;
        const Weight weight = weights[k];
        if (width == kBlock) {
          for (int i = 0; i < kBlock; ++i) sum[i] += static_cast<Weight>(row[i]) * weight;
        } else {
          for (int i = 0; i < width; ++i) sum[i] += static_cast<Weight>(row[i]) * weight;
        }
      }
      for (int i = 0; i < kBlock; ++i) total[i] += sum[i];
    }
    for (int i = 0; i < width; ++i) out[x + i] = finished(total[i]);
  }
}

}  // namespace

void resample_row(const std::uint8_t* row, std::ptrdiff_t step, int channels,
                  const Axis<std::int32_t>& axis, int begin, int size, std::uint8_t* out) {
  if (axis.consecutive && step == channels) {
    const std::uint8_t* from = row + axis.first[static_cast<std::size_t>(begin)] * step;
    std::memcpy(out, from, static_cast<std::size_t>(size) * static_cast<std::size_t>(channels));
    return;
  }
  resample(row, step, channels, axis, begin, size, out);
}

void resample_row(const std::uint8_t* row, std::ptrdiff_t step, int channels,
                  const Axis<float>& axis, int begin, int size, float* out) {
  resample(row, step, channels, axis, begin, size, out);
}

void combine_rows(const std::uint8_t* const* rows, const std::int32_t* weights, int taps, int size,
                  std::uint8_t* out) {
  combine(rows, weights, taps, size, out);
}

void combine_rows(const float* const* rows, const float* weights, int taps, int size, float* out) {
  combine(rows, weights, taps, size, out);
}

}  // namespace edgeclf

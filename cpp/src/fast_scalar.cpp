// The definition of the fixed-point arithmetic: what every vector kernel gives, bit for bit.
#include <algorithm>
#include <cmath>

#include "edgeclf/half.h"
#include "edgeclf/instruction_set.h"
#include "fast_sets.h"

namespace edgeclf {
namespace {

// Rounded, halves up; saturated.
std::int16_t to_word(std::int64_t sum, int shift) {
  const std::int64_t rounded = (sum + (std::int64_t{1} << (shift - 1))) >> shift;
  return static_cast<std::int16_t>(std::clamp<std::int64_t>(rounded, INT16_MIN, INT16_MAX));
}

void down(const DownSum& sum, const Ahead&, std::int16_t* words) {
  for (int i = 0; i < sum.bytes; ++i) {
    std::int64_t total = 0;
    for (int k = 0; k < sum.count; ++k) total += sum.rows[k][i] * sum.weights[k];
    words[i] = to_word(total, sum.shift);
  }
}

void across(const std::int16_t* words, const AcrossTable& table, const Ahead&,
            const FastLines& lines) {
  const Axis<std::int16_t>& taps = table.axis.taps;
  const int step = table.pixel.step;
  for (int i = 0; i < taps.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    for (std::size_t s = 0; s < static_cast<std::size_t>(table.pixel.samples); ++s) {
      const std::int16_t* word = words + taps.first[at] * step + table.pixel.offset[s];
      std::int64_t total = 0;
      for (int k = 0; k < taps.count[at]; ++k) total += word[k * step] * taps.weight(i)[k];
      lines[s][i] = to_word(total, table.shift);
    }
  }
}

// One row's level between two pixels, Q7.
int between(const std::uint8_t* first, const std::uint8_t* second, const std::int16_t* weights) {
  return (*first * weights[0] + *second * weights[1] + 64) >> 7;
}

void bilinear(const std::uint8_t* upper, const std::uint8_t* lower, std::int16_t weight,
              const BilinearTable& table, const Ahead&, const FastLines& lines) {
  const Axis<std::int16_t>& taps = table.axis.taps;
  for (int i = 0; i < taps.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const bool two = taps.count[at] > 1;
    const std::int16_t weights[2] = {taps.weight(i)[0], two ? taps.weight(i)[1] : std::int16_t{0}};
    for (int s = 0; s < table.pixel.samples; ++s) {
      const int first = table.pixel.byte(taps.first[at], s);
      const int second = two ? table.pixel.byte(taps.first[at] + 1, s) : first;
      const int above = between(upper + first, upper + second, weights);
      const int below = between(lower + first, lower + second, weights);
      lines[static_cast<std::size_t>(s)][i] =
          static_cast<std::int16_t>(above + to_word((below - above) * weight, 15));
    }
  }
}

void convert(const ConstFastLines& samples, const FixedConversion& conversion, int channels,
             int size, const FastLines& levels) {
  for (int i = 0; i < size; ++i) {
    std::int32_t level[3] = {};
    for (int c = 0; c < channels; ++c) {
      level[c] = conversion.bias[c];
      for (std::size_t k = 0; k < static_cast<std::size_t>(channels); ++k) {
        level[c] += samples[k][i] * conversion.weight[c][k];
      }
      level[c] >>= 13;
    }
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
      levels[c][i] = static_cast<std::int16_t>(std::clamp(level[c], INT16_MIN, INT16_MAX));
    }
  }
}

template <class Element>
Element element_of(float value, float low, float high) {
  return static_cast<Element>(std::lrint(std::clamp(value, low, high)));
}

void put(float value, DType dtype, void* elements, std::ptrdiff_t at) {
  switch (dtype) {
    case DType::float32: static_cast<float*>(elements)[at] = value; break;
    case DType::float16: static_cast<std::uint16_t*>(elements)[at] = to_half(value); break;
    case DType::uint8:
      static_cast<std::uint8_t*>(elements)[at] = element_of<std::uint8_t>(value, 0.0F, 255.0F);
      break;
    case DType::int8:
      static_cast<std::int8_t*>(elements)[at] = element_of<std::int8_t>(value, -128.0F, 127.0F);
      break;
  }
}

void encode(const ConstFastLines& lines, const FastEncoding& encoding, int size,
            const RowTarget& target, const Ahead&) {
  for (std::size_t c = 0; c < static_cast<std::size_t>(encoding.channels); ++c) {
    const std::ptrdiff_t begin = static_cast<std::ptrdiff_t>(c) * target.channel_step;
    for (int i = 0; i < size; ++i) {
      const int word = std::clamp<int>(lines[c][i], 0, encoding.top);
      const float value = static_cast<float>(word) * encoding.gain[c] + encoding.bias[c];
      put(value, encoding.dtype, target.elements, begin + i * target.pixel_step);
    }
  }
}

}  // namespace

FastKernels scalar_fast_kernels() {
  return {"scalar", 0, 0, 0, down, nullptr, nullptr, across, nullptr, bilinear, convert, encode};
}

const std::vector<FastKernels>& available_fast_kernels() {
  static const std::vector<FastKernels> kernels = [] {
    std::vector<FastKernels> found{scalar_fast_kernels()};
    add_sse41_fast_kernels(found);
    add_avx2_fast_kernels(found);
    add_avx512_fast_kernels(found);
    add_neon_fast_kernels(found);
    return found;
  }();
  return kernels;
}

const FastKernels& fast_kernels() {
  static const FastKernels& best = best_allowed(available_fast_kernels());
  return best;
}

}  // namespace edgeclf

#include "edgeclf/affine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "edgeclf/half.h"

namespace edgeclf {
namespace {

struct CodeRange {
  int low;
  int high;
};

CodeRange code_range(DType dtype) {
  return dtype == DType::int8 ? CodeRange{-128, 127} : CodeRange{0, 255};
}

// The default rounding mode is half to even. Saturated first: the quotient may exceed an integer.
int rounded_code(double value, CodeRange range) {
  const double low = range.low;
  const double high = range.high;
  return static_cast<int>(std::lrint(std::clamp(value, low, high)));
}

int quantised(double tensor, const Quantization& quantization, CodeRange range) {
  // round(q) + zero_point saturates as a whole; q alone may lie far outside an int.
  const double code = std::nearbyint(tensor / quantization.scale) + quantization.zero_point;
  return rounded_code(code, range);
}

template <class Element>
void encode_levels(const std::uint8_t* sample, int step, int size, const LevelTable<Element>& table,
                   Element* out, std::ptrdiff_t out_step) {
  for (int i = 0; i < size; ++i) out[i * out_step] = table[sample[i * step]];
}

// Where pixels are taken as they are there is nothing to look up, and the compiler can use each
// processor's own shuffles: one clone for each, chosen when the module is loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define EDGECLF_CLONES __attribute__((target_clones("avx2", "ssse3", "default")))
#else
#define EDGECLF_CLONES
#endif

EDGECLF_CLONES void take_planar(const std::uint8_t* sample, int size, std::uint8_t flip,
                                std::uint8_t* out) {
  for (int i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(sample[i * 3] ^ flip);
}

EDGECLF_CLONES void take_interleaved(const std::uint8_t* first, const std::uint8_t* second,
                                     const std::uint8_t* third, int size, std::uint8_t flip,
                                     std::uint8_t* out) {
  for (int i = 0; i < size; ++i) {
    out[i * 3] = static_cast<std::uint8_t>(first[i * 3] ^ flip);
    out[i * 3 + 1] = static_cast<std::uint8_t>(second[i * 3] ^ flip);
    out[i * 3 + 2] = static_cast<std::uint8_t>(third[i * 3] ^ flip);
  }
}

template <class Sample, class Element, class Convert>
void encode_floats(const Sample* sample, int step, int size, Element* out, std::ptrdiff_t out_step,
                   Convert convert) {
  for (int i = 0; i < size; ++i) {
    out[i * out_step] = convert(std::clamp(sample[i * step], Sample{0}, Sample{255}));
  }
}

// Weights are fractions, so a level can be exactly n + 1/2 and then takes the even code; double
// misses such a half by about 1e-13, and other levels stay at least 1e-7 away from one.
double without_noise(double value) {
  constexpr double grid = 1 << 30;
  return std::nearbyint(value * grid) / grid;
}

template <class Element>
void fill_level(Element value, int size, Element* out, std::ptrdiff_t out_step) {
  for (int i = 0; i < size; ++i) out[i * out_step] = value;
}

template <class Element>
Element* channel_of(const RowTarget& target, std::size_t c) {
  return static_cast<Element*>(target.elements) +
         static_cast<std::ptrdiff_t>(c) * target.channel_step;
}

}  // namespace

Affine::Affine(const InputSpec& spec, const std::optional<Quantization>& quantization)
    : dtype_(spec.dtype), channels_(spec.channels()) {
  make_tables(spec, quantization);
}

void Affine::make_tables(const InputSpec& spec, const std::optional<Quantization>& quantization) {
  const bool eight_bit = size_of(dtype_) == 1;
  const CodeRange range = code_range(dtype_);
  const Quantization quantisation = quantization.value_or(Quantization{});
  const auto mean = spec.mean.value_or(PerChannel<double>{0.0, 0.0, 0.0});
  const auto std = spec.std.value_or(PerChannel<double>{1.0, 1.0, 1.0});
  takes_pixels_ = eight_bit;
  for (std::size_t c = 0; c < 3; ++c) {
    for (int level = 0; level < 256; ++level) {
      const double tensor = (level * spec.rescale_factor - mean[c]) / std[c];
      const auto at = static_cast<std::size_t>(level);
      float32_[c][at] = static_cast<float>(tensor);
      float16_[c][at] = to_half(tensor);
      if (!eight_bit || !spec.normalised()) continue;
      const int code = quantised(tensor, quantisation, range);
      code_[c][at] = static_cast<std::uint8_t>(code);
      if (std::abs(code - (level + range.low)) > 1) takes_pixels_ = false;
    }
    gain_[c] = spec.rescale_factor / std[c];
    bias_[c] = -mean[c] / std[c];
    if (eight_bit) {
      gain_[c] /= quantisation.scale;
      bias_[c] = bias_[c] / quantisation.scale + quantisation.zero_point;
    }
  }
  if (!takes_pixels_) return;
  for (std::size_t c = 0; c < 3; ++c) {
    gain_[c] = 1.0;
    bias_[c] = range.low;
    for (int level = 0; level < 256; ++level) {
      code_[c][static_cast<std::size_t>(level)] = static_cast<std::uint8_t>(level + range.low);
    }
  }
}

// uint8: the level itself; int8: minus 128, which turns the highest bit over.
void Affine::take(const std::uint8_t* pixels, const std::array<int, 3>& source, int size,
                  const RowTarget& target) const {
  const std::uint8_t flip = dtype_ == DType::int8 ? 0x80 : 0;
  if (target.pixel_step == 3) {
    take_interleaved(pixels + source[0], pixels + source[1], pixels + source[2], size, flip,
                     channel_of<std::uint8_t>(target, 0));
    return;
  }
  for (std::size_t c = 0; c < 3; ++c) {
    take_planar(pixels + source[c], size, flip, channel_of<std::uint8_t>(target, c));
  }
}

void Affine::encode(const std::uint8_t* pixels, int channels, const std::array<int, 3>& source,
                    int size, const RowTarget& target) const {
  if (takes_pixels_ && channels == 3 && channels_ == 3) {
    take(pixels, source, size, target);
    return;
  }
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
    const std::uint8_t* sample = pixels + source[c];
    const auto step = target.pixel_step;
    switch (dtype_) {
      case DType::float32:
        encode_levels(sample, channels, size, float32_[c], channel_of<float>(target, c), step);
        break;
      case DType::float16:
        encode_levels(sample, channels, size, float16_[c], channel_of<std::uint16_t>(target, c),
                      step);
        break;
      case DType::uint8:
      case DType::int8:
        encode_levels(sample, channels, size, code_[c], channel_of<std::uint8_t>(target, c), step);
        break;
    }
  }
}

template <class Sample>
void Affine::encode_unrounded(const Sample* pixels, int channels, const std::array<int, 3>& source,
                              int size, const RowTarget& target) const {
  const CodeRange range = code_range(dtype_);
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
    const Sample* sample = pixels + source[c];
    const auto step = target.pixel_step;
    const double gain = gain_[c];
    const double bias = bias_[c];
    switch (dtype_) {
      case DType::float32: {
        const auto own_gain = static_cast<Sample>(gain);
        const auto own_bias = static_cast<Sample>(bias);
        encode_floats(
            sample, channels, size, channel_of<float>(target, c), step,
            [=](Sample level) { return static_cast<float>(level * own_gain + own_bias); });
        break;
      }
      case DType::float16:
        encode_floats(sample, channels, size, channel_of<std::uint16_t>(target, c), step,
                      [=](Sample level) { return to_half(level * gain + bias); });
        break;
      case DType::uint8:
      case DType::int8:
        encode_floats(sample, channels, size, channel_of<std::uint8_t>(target, c), step,
                      [=](Sample level) {
                        const double code = without_noise(level * gain + bias);
                        return static_cast<std::uint8_t>(rounded_code(code, range));
                      });
        break;
    }
  }
}

void Affine::encode(const float* pixels, int channels, const std::array<int, 3>& source, int size,
                    const RowTarget& target) const {
  encode_unrounded(pixels, channels, source, size, target);
}

void Affine::encode(const double* pixels, int channels, const std::array<int, 3>& source, int size,
                    const RowTarget& target) const {
  encode_unrounded(pixels, channels, source, size, target);
}

void Affine::fill(const PerChannel<std::uint8_t>& level, int size, const RowTarget& target) const {
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
    const auto step = target.pixel_step;
    switch (dtype_) {
      case DType::float32:
        fill_level(float32_[c][level[c]], size, channel_of<float>(target, c), step);
        break;
      case DType::float16:
        fill_level(float16_[c][level[c]], size, channel_of<std::uint16_t>(target, c), step);
        break;
      case DType::uint8:
      case DType::int8:
        fill_level(code_[c][level[c]], size, channel_of<std::uint8_t>(target, c), step);
        break;
    }
  }
}

}  // namespace edgeclf

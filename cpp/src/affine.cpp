#include "edgeclf/affine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "edgeclf/half.h"
#include "edgeclf/resample.h"

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

template <class Element, class Convert>
void encode_floats(const double* sample, int step, int size, Element* out, std::ptrdiff_t out_step,
                   Convert convert) {
  for (int i = 0; i < size; ++i) {
    out[i * out_step] = convert(std::clamp(sample[i * step], 0.0, 255.0));
  }
}

// Half to even, for |value| below 2^51: a double of the size of 1.5 * 2^52 has no bits behind the
// point. Two additions, where nearbyint may be a call.
double rounded(double value) {
  constexpr double rounder = 6755399441055744.0;
  return (value + rounder) - rounder;
}

// Weights are fractions, so a level can be exactly n + 1/2 and then takes the even code; double
// misses such a half by about 1e-13, and other levels stay at least 1e-7 away from one.
double without_noise(double value) {
  constexpr double grid = 1 << 30;
  return rounded(value * grid) * (1.0 / grid);
}

// Of a value that may lie anywhere; `range` is the dtype's.
std::uint8_t nearest_code(double value, CodeRange range) {
  const double low = range.low;
  const double high = range.high;
  const double code = rounded(without_noise(std::clamp(value, low - 1.0, high + 1.0)));
  return static_cast<std::uint8_t>(static_cast<int>(std::clamp(code, low, high)));
}

template <class Element>
void fill_level(Element value, int size, Element* out, std::ptrdiff_t out_step) {
  for (int i = 0; i < size; ++i) out[i * out_step] = value;
}

}  // namespace

Affine::Affine(const InputSpec& spec, const std::optional<Quantization>& quantization)
    : dtype_(spec.dtype), channels_(spec.channels()) {
  kernels();  // throws here, if at all, and not in the middle of a frame
  make_tables(spec, quantization);
  has_formula_ = make_formula();
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

std::uint32_t Affine::element_bits(std::size_t c, std::size_t level) const {
  if (dtype_ == DType::float16) return float16_[c][level];
  if (dtype_ != DType::float32) return code_[c][level];
  std::uint32_t bits;
  std::memcpy(&bits, &float32_[c][level], sizeof bits);
  return bits;
}

void Affine::encode(const double* pixels, int channels, const std::array<int, 3>& source, int size,
                    const RowTarget& target) const {
  const CodeRange range = code_range(dtype_);
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
    const double* sample = pixels + source[c];
    const auto step = target.pixel_step;
    const double gain = gain_[c];
    const double bias = bias_[c];
    switch (dtype_) {
      case DType::float32:
        encode_floats(sample, channels, size, target.channel<float>(c), step,
                      [=](double level) { return static_cast<float>(level * gain + bias); });
        break;
      case DType::float16:
        encode_floats(sample, channels, size, target.channel<std::uint16_t>(c), step,
                      [=](double level) { return to_half(level * gain + bias); });
        break;
      case DType::uint8:
      case DType::int8:
        encode_floats(sample, channels, size, target.channel<std::uint8_t>(c), step,
                      [=](double level) { return nearest_code(level * gain + bias, range); });
        break;
    }
  }
}

void Affine::fill(const PerChannel<std::uint8_t>& level, int size, const RowTarget& target) const {
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
    const auto step = target.pixel_step;
    switch (dtype_) {
      case DType::float32:
        fill_level(float32_[c][level[c]], size, target.channel<float>(c), step);
        break;
      case DType::float16:
        fill_level(float16_[c][level[c]], size, target.channel<std::uint16_t>(c), step);
        break;
      case DType::uint8:
      case DType::int8:
        fill_level(code_[c][level[c]], size, target.channel<std::uint8_t>(c), step);
        break;
    }
  }
}

}  // namespace edgeclf

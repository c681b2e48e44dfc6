#include "edgeclf/affine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>

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

template <class Element>
void encode_levels(const std::uint8_t* sample, int step, int size, const LevelTable<Element>& table,
                   Element* out, std::ptrdiff_t out_step) {
  for (int i = 0; i < size; ++i) out[i * out_step] = table[sample[i * step]];
}

// Levels put in order are kept on the stack, this many pixels at a time.
constexpr int kPixelsAtOnce = 256;

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

// Coefficients whose first part makes level * gain + bias exact in float32, for every level: gain
// and bias are whole multiples of a step so coarse that the largest sum has 24 bits. Their rests
// are small, and so is what float32 rounds off them; the one rounding that counts is that of the
// sum.
void split_exactly(double gain, double bias, std::size_t i, FloatLevels& map) {
  const double largest =
      std::max({std::abs(255 * gain), std::abs(bias), std::abs(255 * gain + bias)});
  const double step = std::ldexp(1.0, std::ilogb(largest) + 1 - std::numeric_limits<float>::digits);
  const double whole_gain = std::nearbyint(gain / step) * step;
  const double whole_bias = std::nearbyint(bias / step) * step;
  map.gain[i] = static_cast<float>(whole_gain);
  map.bias[i] = static_cast<float>(whole_bias);
  map.gain_rest[i] = static_cast<float>(gain - whole_gain);
  map.bias_rest[i] = static_cast<float>(bias - whole_bias);
}

// Far from overflow, and from what ARMv7's vectors flush to zero.
bool is_moderate(double value) {
  return value == 0.0 || (std::abs(value) > 1e-25 && std::abs(value) < 1e25);
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

bool Affine::make_formula() {
  if (dtype_ == DType::float16) return false;
  for (std::size_t c = 0; c < 3; ++c) {
    if (!is_moderate(gain_[c]) || !is_moderate(bias_[c]) || gain_[c] == 0.0) return false;
  }
  for (std::size_t m = 0; m < 4; ++m) {
    code_maps_[m].is_signed = dtype_ == DType::int8;
    for (std::size_t i = 0; i < kLevelPeriod; ++i) {
      const std::size_t c = m < 3 ? m : i % 3;
      split_exactly(gain_[c], bias_[c], i, float_maps_[m]);
      code_maps_[m].gain[i] = static_cast<float>(gain_[c]);
      code_maps_[m].bias[i] = static_cast<float>(bias_[c]);
    }
  }
  std::array<std::uint8_t, 256> levels;
  std::iota(levels.begin(), levels.end(), std::uint8_t{0});
  LevelTable<float> floats;
  LevelTable<std::uint8_t> codes;
  for (std::size_t c = 0; c < 3; ++c) {
    const LevelKernels& reference = scalar_level_kernels();
    reference.to_floats(levels.data(), 256, float_maps_[c], floats.data());
    reference.to_codes(levels.data(), 256, code_maps_[c], codes.data());
    const bool holds = dtype_ == DType::float32
                           ? std::memcmp(floats.data(), float32_[c].data(), sizeof floats) == 0
                           : codes == code_[c];
    if (!holds) return false;
  }
  return true;
}

// uint8: the level itself; int8: minus 128, which turns the highest bit over.
void Affine::take(const std::uint8_t* pixels, const std::array<int, 3>& source, int size,
                  const RowTarget& target) const {
  const std::uint8_t flip = dtype_ == DType::int8 ? 0x80 : 0;
  if (target.pixel_step == 3) {
    kernels().levels.reorder(pixels, source, size, flip, channel_of<std::uint8_t>(target, 0));
    return;
  }
  std::uint8_t* planes[3] = {};
  for (std::size_t c = 0; c < 3; ++c) {
    planes[source[c]] = channel_of<std::uint8_t>(target, c);
  }
  kernels().levels.split(pixels, size, flip, planes);
}

void Affine::compute_row(const std::uint8_t* levels, std::size_t map, int size, void* out) const {
  if (dtype_ == DType::float32) {
    kernels().levels.to_floats(levels, size, float_maps_[map], static_cast<float*>(out));
  } else {
    kernels().levels.to_codes(levels, size, code_maps_[map], static_cast<std::uint8_t*>(out));
  }
}

void Affine::compute(const std::uint8_t* pixels, const std::array<int, 3>& source, int size,
                     const RowTarget& target) const {
  const std::ptrdiff_t element = size_of(dtype_);
  std::uint8_t levels[3 * kPixelsAtOnce];
  std::uint8_t* const planes[3] = {levels, levels + kPixelsAtOnce, levels + 2 * kPixelsAtOnce};
  for (int i = 0; i < size; i += kPixelsAtOnce, pixels += 3 * kPixelsAtOnce) {
    const int count = std::min(size - i, kPixelsAtOnce);
    auto* out = static_cast<std::uint8_t*>(target.elements) + i * target.pixel_step * element;
    if (target.pixel_step == 3) {
      kernels().levels.reorder(pixels, source, count, 0, levels);
      compute_row(levels, 3, 3 * count, out);
      continue;
    }
    kernels().levels.split(pixels, count, 0, planes);
    for (std::size_t c = 0; c < 3; ++c, out += target.channel_step * element) {
      compute_row(planes[source[c]], c, count, out);
    }
  }
}

void Affine::look_up(const std::uint8_t* pixels, int channels, const std::array<int, 3>& source,
                     int size, const RowTarget& target) const {
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

void Affine::encode(const std::uint8_t* pixels, int channels, const std::array<int, 3>& source,
                    int size, const RowTarget& target) const {
  if (takes_pixels_ && channels == 3 && channels_ == 3) {
    take(pixels, source, size, target);
  } else if (has_formula_ && channels == 3 && channels_ == 3) {
    compute(pixels, source, size, target);
  } else if (has_formula_ && channels == 1 && target.pixel_step == 1) {
    const std::ptrdiff_t step = target.channel_step * size_of(dtype_);
    auto* out = static_cast<std::uint8_t*>(target.elements);
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c, out += step) {
      compute_row(pixels, c, size, out);
    }
  } else {
    look_up(pixels, channels, source, size, target);
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

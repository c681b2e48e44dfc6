// 8-bit levels to elements, the quick ways: taken as they are, computed, or looked up.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "edgeclf/affine.h"
#include "edgeclf/resample.h"

namespace edgeclf {
namespace {

template <class Element>
void encode_levels(const std::uint8_t* sample, int step, int size, const LevelTable<Element>& table,
                   Element* out, std::ptrdiff_t out_step) {
  for (int i = 0; i < size; ++i) out[i * out_step] = table[sample[i * step]];
}

// Levels put in order are kept on the stack, this many pixels at a time.
constexpr int kPixelsAtOnce = 256;

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
    if (flip == 0 && source == std::array<int, 3>{0, 1, 2}) {
      std::memcpy(target.elements, pixels, std::size_t{3} * static_cast<std::size_t>(size));
      return;
    }
    kernels().levels.reorder(pixels, source, size, flip, target.channel<std::uint8_t>(0));
    return;
  }
  std::uint8_t* planes[3] = {};
  for (std::size_t c = 0; c < 3; ++c) {
    planes[source[c]] = target.channel<std::uint8_t>(c);
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
        encode_levels(sample, channels, size, float32_[c], target.channel<float>(c), step);
        break;
      case DType::float16:
        encode_levels(sample, channels, size, float16_[c], target.channel<std::uint16_t>(c), step);
        break;
      case DType::uint8:
      case DType::int8:
        encode_levels(sample, channels, size, code_[c], target.channel<std::uint8_t>(c), step);
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

}  // namespace edgeclf

#include "edgeclf/levels.h"

#include <cmath>

namespace edgeclf {
namespace {

void split(const std::uint8_t* pixels, int size, std::uint8_t flip, std::uint8_t* const* planes) {
  for (int i = 0; i < size; ++i, pixels += 3) {
    for (int c = 0; c < 3; ++c) planes[c][i] = static_cast<std::uint8_t>(pixels[c] ^ flip);
  }
}

void reorder(const std::uint8_t* pixels, const std::array<int, 3>& order, int size,
             std::uint8_t flip, std::uint8_t* out) {
  for (int i = 0; i < size; ++i, pixels += 3) {
    for (const int sample : order) *out++ = static_cast<std::uint8_t>(pixels[sample] ^ flip);
  }
}

void to_floats(const std::uint8_t* levels, int size, const FloatLevels& map, float* out) {
  for (int i = 0; i < size; ++i) {
    const auto at = static_cast<std::size_t>(i % kLevelPeriod);
    const auto level = static_cast<float>(levels[i]);
    out[i] =
        (level * map.gain[at] + map.bias[at]) + (level * map.gain_rest[at] + map.bias_rest[at]);
  }
}

void to_codes(const std::uint8_t* levels, int size, const CodeLevels& map, std::uint8_t* out) {
  const float low = map.is_signed ? -128.0F : 0.0F;
  const float high = low + 255.0F;
  for (int i = 0; i < size; ++i) {
    const auto at = static_cast<std::size_t>(i % kLevelPeriod);
    const float code = static_cast<float>(levels[i]) * map.gain[at] + map.bias[at];
    const float within = code < low ? low : code > high ? high : code;
    out[i] = static_cast<std::uint8_t>(std::lrint(within));
  }
}

}  // namespace

const LevelKernels& scalar_level_kernels() {
  static const LevelKernels kernels{split, reorder, to_floats, to_codes};
  return kernels;
}

}  // namespace edgeclf

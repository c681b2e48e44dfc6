// Levels (8-bit samples) to tensor elements: put in the tensor's order, and computed.
#pragma once

#include <array>
#include <cstdint>

namespace edgeclf {

// The coefficients of a row's elements repeat after so many: every vector divides it, and so does
// a pixel.
constexpr int kLevelPeriod = 48;
using LevelCoefficients = std::array<float, kLevelPeriod>;

// element = (level * gain + bias) + (level * gain_rest + bias_rest), in float32, where the first
// bracket is exact (see split_exactly). Element i of a row takes coefficient i % kLevelPeriod.
struct FloatLevels {
  LevelCoefficients gain{};
  LevelCoefficients bias{};
  LevelCoefficients gain_rest{};
  LevelCoefficients bias_rest{};
};

// code = level * gain + bias in float32, clamped to low .. low + 255 and rounded half to even; low
// is 0, or -128 for int8.
struct CodeLevels {
  LevelCoefficients gain{};
  LevelCoefficients bias{};
  bool is_signed = false;
};

// `flip` is xored to every level: 0x80 makes an int8 of a uint8, 128 less.
struct LevelKernels {
  // Pixels of three samples to three planes: sample c of pixel i becomes planes[c][i].
  void (*split)(const std::uint8_t* pixels, int size, std::uint8_t flip,
                std::uint8_t* const* planes);
  // Pixels of three samples to pixels whose sample c is order[c].
  void (*reorder)(const std::uint8_t* pixels, const std::array<int, 3>& order, int size,
                  std::uint8_t flip, std::uint8_t* out);
  // `size` levels that lie side by side, the first with coefficient 0.
  void (*to_floats)(const std::uint8_t* levels, int size, const FloatLevels& map, float* out);
  void (*to_codes)(const std::uint8_t* levels, int size, const CodeLevels& map, std::uint8_t* out);
};

// The reference for all others.
const LevelKernels& scalar_level_kernels();

}  // namespace edgeclf

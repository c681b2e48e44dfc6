// From a pixel's level (0..255) to the tensor's element:
//   tensor = (level * rescale_factor - mean) / std
// and for an 8-bit tensor round(tensor / scale) + zero_point, half to even, saturated; or the
// pixel as it is (int8: minus 128) where the spec asks for no normalisation, or where both
// compose to the identity within one code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "edgeclf/levels.h"
#include "edgeclf/spec.h"

namespace edgeclf {

// Computed in double and rounded once to the tensor's dtype.
template <class Element>
using LevelTable = std::array<Element, 256>;

// Where a row of pixels goes: pixel i's channel c is element c * channel_step + i * pixel_step.
struct RowTarget {
  void* elements = nullptr;
  std::ptrdiff_t channel_step = 0;
  std::ptrdiff_t pixel_step = 0;

  template <class Element>
  Element* channel(std::size_t c) const {
    return static_cast<Element*>(elements) + static_cast<std::ptrdiff_t>(c) * channel_step;
  }
};

class Affine {
 public:
  // An 8-bit spec that is normalised needs `quantization`. Throws std::invalid_argument where
  // EDGECLF_CPU names no instruction set of this processor.
  Affine(const InputSpec& spec, const std::optional<Quantization>& quantization);

  // Whether the pixels are taken as they are.
  bool takes_pixels() const { return takes_pixels_; }

  // element = level * gain + bias, for levels that are no whole numbers, before it is rounded to
  // the tensor's dtype.
  const PerChannel<double>& gain() const { return gain_; }
  const PerChannel<double>& bias() const { return bias_; }

  // The tensor's element for a level of channel c, as its bits.
  std::uint32_t element_bits(std::size_t c, std::size_t level) const;

  // Encode `size` pixels of `channels` samples each. Channel c of the tensor is sample source[c].
  // Double samples are levels, clamped here to 0..255; 8-bit results are then rounded
  // half to even.
  void encode(const std::uint8_t* pixels, int channels, const std::array<int, 3>& source, int size,
              const RowTarget& target) const;
  void encode(const double* pixels, int channels, const std::array<int, 3>& source, int size,
              const RowTarget& target) const;

  // Fill `size` pixels with one level per channel.
  void fill(const PerChannel<std::uint8_t>& level, int size, const RowTarget& target) const;

 private:
  void take(const std::uint8_t* pixels, const std::array<int, 3>& source, int size,
            const RowTarget& target) const;
  void compute(const std::uint8_t* pixels, const std::array<int, 3>& source, int size,
               const RowTarget& target) const;
  void compute_row(const std::uint8_t* levels, std::size_t map, int size, void* out) const;
  void look_up(const std::uint8_t* pixels, int channels, const std::array<int, 3>& source, int size,
               const RowTarget& target) const;
  bool make_formula();
  void make_tables(const InputSpec& spec, const std::optional<Quantization>& quantization);

  DType dtype_;
  int channels_;
  bool takes_pixels_ = false;
  // element = level * gain + bias, for levels that are no whole numbers. For 8-bit tensors this is
  // the code before rounding.
  PerChannel<double> gain_{};
  PerChannel<double> bias_{};
  // What every level becomes. Only the table of the tensor's dtype is filled; an int8 is kept as
  // its bits.
  PerChannel<LevelTable<float>> float32_{};
  PerChannel<LevelTable<std::uint16_t>> float16_{};
  PerChannel<LevelTable<std::uint8_t>> code_{};
  // Whether float32 arithmetic gives every entry of the tables, bit for bit: vectors compute faster
  // than they look up. One map for each plane, and a last one for interleaved pixels.
  bool has_formula_ = false;
  std::array<FloatLevels, 4> float_maps_{};
  std::array<CodeLevels, 4> code_maps_{};
};

}  // namespace edgeclf

// The two passes of a separable resize: one row across, several rows into one. These are the
// scalar reference: what any vector version must give, bit for bit.
#pragma once

#include <cstdint>

#include "edgeclf/filter.h"

namespace edgeclf {

// Pillow's arithmetic: samples are rounded to 8 bits after each pass.
struct ExactArithmetic {
  using Sample = std::uint8_t;
  using Weight = std::int32_t;
};

// No rounding between the passes, no clamping: samples are float32 levels, which may overshoot
// 0..255 until they are encoded.
struct FloatArithmetic {
  using Sample = float;
  using Weight = float;
};

// Outputs begin .. begin + size - 1 of `axis` from one row of pixels, interleaved as in the
// source. Pixel i of the source row is at row + i * step; its samples are adjacent bytes.
// `channels` is 1 or 3. `out` holds size * channels samples.
void resample_row(const std::uint8_t* row, std::ptrdiff_t step, int channels,
                  const Axis<std::int32_t>& axis, int begin, int size, std::uint8_t* out);
void resample_row(const std::uint8_t* row, std::ptrdiff_t step, int channels,
                  const Axis<float>& axis, int begin, int size, float* out);

// out[i] = the sum over k < taps of rows[k][i] * weights[k], for `size` samples.
void combine_rows(const std::uint8_t* const* rows, const std::int32_t* weights, int taps, int size,
                  std::uint8_t* out);
void combine_rows(const float* const* rows, const float* weights, int taps, int size, float* out);

}  // namespace edgeclf

// The two passes of a separable resize: one row across, several rows into one.
//
// The scalar kernels are the reference: every other set gives the same, bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "edgeclf/axis.h"
#include "edgeclf/levels.h"

namespace edgeclf {

// Pillow's arithmetic: samples are rounded to 8 bits after each pass.
struct ExactArithmetic {
  using Sample = std::uint8_t;
  using Weight = std::int32_t;
};

// No rounding between the passes, no clamping: samples are levels, which may overshoot 0..255 until
// they are encoded. In double where the nearest is wanted: an 8-bit tensor then gets the code that
// exact arithmetic would give, halves included. Where speed is wanted: fast.h.
struct PreciseArithmetic {
  using Sample = double;
  using Weight = double;
};

// A row of pixels to read: pixel i is at pixels + i * step, its samples are adjacent bytes, and
// nothing beyond the last sample of the last column is touched.
struct SourceRow {
  const std::uint8_t* pixels = nullptr;
  std::ptrdiff_t step = 3;
  int columns = 0;
  int channels = 3;  // 1 or 3
};

// Outputs begin .. begin + size - 1 of `axis`, interleaved as in the source: size * channels
// samples.
template <class Weight, class Sample>
using ResampleRow = void (*)(const SourceRow& row, const Axis<Weight>& axis, int begin, int size,
                             Sample* out);

// out[i] = the sum over k < taps of rows[k][i] * weights[k], for `size` samples.
template <class Weight, class Sample>
using CombineRows = void (*)(const Sample* const* rows, const Weight* weights, int taps, int size,
                             Sample* out);

// ResampleRow in Pillow's arithmetic, for one row or two: `below`, unless null, is a second one of
// the same form, and its outputs go to `out_below`.
using ResampleExact = void (*)(const SourceRow& row, const std::uint8_t* below,
                               const Axis<std::int32_t>& axis, int begin, int size,
                               std::uint8_t* out, std::uint8_t* out_below);

// CombineRows in Pillow's arithmetic, with the taps of output i of `axis`.
using CombineExact = void (*)(const std::uint8_t* const* rows, const Axis<std::int32_t>& axis,
                              int i, int size, std::uint8_t* out);

// The kernels of one instruction set.
struct Kernels {
  const char* name;
  ResampleExact resample_exact;
  CombineExact combine_exact;
  ResampleRow<double, double> resample_precise;
  CombineRows<double, double> combine_precise;
  LevelKernels levels;
  bool takes_byte_tables = false;  // resample_exact is quicker with Axis::bytes
};

// Those this processor can run, the scalar ones first, the fastest last.
const std::vector<Kernels>& available_kernels();

// Those that are used. Throws std::invalid_argument the first time, see instruction_set.h.
const Kernels& kernels();

}  // namespace edgeclf

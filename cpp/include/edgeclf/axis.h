// A table for one axis of a resize: which source pixels make one output pixel, and with which
// weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgeclf {

// Fixed-point weights of pixels of three samples, for kernels that move 64 bytes at once and
// multiply four bytes of pixels by four of weights. A load has `outputs` outputs, 16 / outputs taps
// of each.
struct ByteTable {
  std::ptrdiff_t step = 0;  // bytes of a pixel; 0: there is no table
  int outputs = 0;          // 4, 2 or 1: as many as 64 bytes hold
  int loads = 0;            // for all taps of an output
  std::ptrdiff_t pitch = 0;
  // For output i 16 bytes: for each output from i on, and each of its taps, where in a load that
  // begins with the first tap of i the tap's first sample is.
  std::vector<std::uint8_t> places;
  // weight = low + middle * 2^8 + high * 2^16. For every load its low digits, `pitch` bytes, then
  // the middle ones, then the high ones: of each output 16 / outputs taps.
  std::vector<std::int8_t> digits;
};

// Output i is the sum of source[first[i] + k] * weight(i)[k] for k below count[i].
// first, and first + count, never decrease from one output to the next.
template <class Weight>
struct Axis {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<Weight> weights;  // max_taps for each output, unused ones zero
  int max_taps = 1;
  // Fixed-point weights once more, as vectors want them (see pair_weights); empty where it selects.
  std::vector<std::int16_t> pairs;
  ByteTable bytes;           // for kernels that take it
  bool selects = false;      // every output is one source pixel, unweighted
  bool consecutive = false;  // moreover, neighbours in the output are neighbours in the source

  int size() const { return static_cast<int>(first.size()); }
  const Weight* weight(int i) const {
    return weights.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(max_taps);
  }
};

// Pillow's fixed point: 22 fractional bits, halves away from zero. Pairs are filled.
constexpr int kFractionBits = 22;
Axis<std::int32_t> to_fixed(const Axis<double>& axis);

// Of pixels `step` bytes apart. None where the axis selects, or a weight has more than three
// digits.
ByteTable byte_table(const Axis<std::int32_t>& axis, std::ptrdiff_t step);

// The fixed-point weights for kernels that multiply pairs of 16-bit numbers: for every four taps of
// an output their four high halves, then their four low ones; weight = high * 2^12 + low, and
// missing taps weigh nothing.
std::vector<std::int16_t> pair_weights(const Axis<std::int32_t>& axis);

}  // namespace edgeclf

// A table for one axis of a resize: which source pixels make one output pixel, and with which
// weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgeclf {

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

// The fixed-point weights for kernels that multiply pairs of 16-bit numbers: for every four taps of
// an output their four high halves, then their four low ones; weight = high * 2^12 + low, and
// missing taps weigh nothing.
std::vector<std::int16_t> pair_weights(const Axis<std::int32_t>& axis);

}  // namespace edgeclf

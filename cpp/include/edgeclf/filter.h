// Which source pixels make one output pixel, and with which weights: one table per axis.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "edgeclf/geometry.h"
#include "edgeclf/spec.h"

namespace edgeclf {

// Output i is the sum of source[first[i] + k] * weight(i)[k] for k below count[i].
// first, and first + count, never decrease from one output to the next.
template <class Weight>
struct Axis {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<Weight> weights;  // max_taps for each output, unused ones zero
  int max_taps = 1;
  bool selects = false;      // every output is one source pixel, unweighted
  bool consecutive = false;  // moreover, neighbours in the output are neighbours in the source

  int size() const { return static_cast<int>(first.size()); }
  const Weight* weight(int i) const {
    return weights.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(max_taps);
  }
};

struct Axes {
  Axis<double> x;
  Axis<double> y;
};

// The tables that resize a frame of width x height pixels and keep what `geometry` says.
//
// With antialias, and for box: Pillow's weights (Resample.c): a = -0.5 for bicubic, three lobes
// for lanczos; when shrinking, the support grows with the scale; taps beyond the edge are left out
// and the rest normalised. nearest: Pillow's (Geometry.c).
// Without antialias: half-pixel centres, the edge pixel repeated; bicubic has a = -0.75 (OpenCV,
// torch), lanczos is the same three-lobed kernel as above, normalised, and never widened.
// area: OpenCV's INTER_AREA, which averages by area where both axes shrink (or keep their length)
// and otherwise interpolates between two pixels with its own coefficients.
//
// A side whose length does not change is passed through unweighted, whatever the filter.
Axes make_axes(const InputSpec& spec, const Geometry& geometry, int width, int height);

// Pillow's fixed point: 22 fractional bits, halves away from zero.
constexpr int kFractionBits = 22;
Axis<std::int32_t> to_fixed(const Axis<double>& axis);
Axis<float> to_float(const Axis<double>& axis);

}  // namespace edgeclf

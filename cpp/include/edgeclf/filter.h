// The filters, and the tables they give for the two axes of a resize.
#pragma once

#include "edgeclf/axis.h"
#include "edgeclf/frame.h"
#include "edgeclf/geometry.h"
#include "edgeclf/spec.h"

namespace edgeclf {

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
//
// Where of each block of pixels only the average is left (`blocks_x`, `blocks_y`), the tables are
// for these averages: they are Pillow's, at the scale of blocks, and a block at an edge weighs as
// much as the part of it that the frame covers, at the middle of that part.
Axes make_axes(const InputSpec& spec, const Geometry& geometry, int width, int height,
               const Fold& blocks_x = {}, const Fold& blocks_y = {});

}  // namespace edgeclf

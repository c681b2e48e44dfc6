// Tables for planes in which several pixels share a sample.
#pragma once

#include "edgeclf/axis.h"
#include "edgeclf/frame.h"

namespace edgeclf {

// `axis`, which weighs pixels, for a plane that has one sample for each block of them: a block
// weighs what its pixels weigh together. So resampling the plane's own samples gives what
// resampling the plane would give after every sample was repeated for all its pixels.
Axis<double> folded(const Axis<double>& axis, const Fold& fold);

}  // namespace edgeclf

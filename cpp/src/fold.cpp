#include "edgeclf/fold.h"

#include <algorithm>

namespace edgeclf {

Axis<double> folded(const Axis<double>& axis, const Fold& fold) {
  if (fold == Fold{}) return axis;
  Axis<double> result = axis;
  result.consecutive = false;
  result.max_taps = 1;
  for (std::size_t i = 0; i < axis.first.size(); ++i) {
    const int begin = axis.first[i] + fold.phase;
    result.first[i] = begin / fold.span;
    result.count[i] = (begin + axis.count[i] - 1) / fold.span - result.first[i] + 1;
    result.max_taps = std::max(result.max_taps, static_cast<int>(result.count[i]));
  }
  result.weights.assign(axis.first.size() * static_cast<std::size_t>(result.max_taps), 0.0);
  for (int i = 0; i < axis.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    double* weights = result.weights.data() + at * static_cast<std::size_t>(result.max_taps);
    for (int k = 0; k < axis.count[at]; ++k) {
      const int block = (axis.first[at] + k + fold.phase) / fold.span;
      weights[block - result.first[at]] += axis.weight(i)[k];
    }
  }
  return result;
}

}  // namespace edgeclf

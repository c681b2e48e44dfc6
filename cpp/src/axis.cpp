#include "edgeclf/axis.h"

#include <algorithm>

namespace edgeclf {
namespace {

template <class To, class Convert>
Axis<To> converted(const Axis<double>& axis, Convert convert) {
  Axis<To> result;
  result.first = axis.first;
  result.count = axis.count;
  result.max_taps = axis.max_taps;
  result.selects = axis.selects;
  result.consecutive = axis.consecutive;
  result.weights.resize(axis.weights.size());
  std::transform(axis.weights.begin(), axis.weights.end(), result.weights.begin(), convert);
  return result;
}

}  // namespace

Axis<std::int32_t> to_fixed(const Axis<double>& axis) {
  Axis<std::int32_t> fixed = converted<std::int32_t>(axis, [](double weight) {
    const double scaled = weight * (1 << kFractionBits);
    return static_cast<std::int32_t>(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
  });
  if (fixed.selects) return fixed;
  fixed.pairs = pair_weights(fixed);
  return fixed;
}

std::vector<std::int16_t> pair_weights(const Axis<std::int32_t>& axis) {
  constexpr int kTaps = 4;
  std::vector<std::int16_t> halves;
  for (int i = 0; i < axis.size(); ++i) {
    for (int k = 0; k < axis.max_taps; k += kTaps) {
      std::int32_t weights[kTaps] = {};
      std::copy(axis.weight(i) + k, axis.weight(i) + std::min(k + kTaps, axis.max_taps), weights);
      for (const auto weight : weights) halves.push_back(static_cast<std::int16_t>(weight >> 12));
      for (const auto weight : weights) halves.push_back(static_cast<std::int16_t>(weight & 0xFFF));
    }
  }
  return halves;
}

}  // namespace edgeclf

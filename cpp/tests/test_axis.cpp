#include "check.h"
#include "edgeclf/axis.h"

using namespace edgeclf;

namespace {

void fixed_point_rounds_halves_away_from_zero() {
  Axis<double> axis;
  axis.first = {0};
  axis.count = {4};
  axis.max_taps = 4;
  axis.weights = {1.0, 0.5 / (1 << 22), -0.5 / (1 << 22), 0.49 / (1 << 22)};
  const Axis<std::int32_t> fixed = to_fixed(axis);
  CHECK_EQUAL(fixed.weights[0], 1 << 22);
  CHECK_EQUAL(fixed.weights[1], 1);
  CHECK_EQUAL(fixed.weights[2], -1);
  CHECK_EQUAL(fixed.weights[3], 0);
}

void halves_make_the_weight_again() {
  Axis<std::int32_t> axis;
  axis.first = {0, 0};
  axis.count = {6, 2};
  axis.max_taps = 6;
  axis.weights = {4194304, -1, 4095, 4096, -4096, 5000000, 1, -5000000, 0, 0, 0, 0};
  const auto halves = pair_weights(axis);
  CHECK_EQUAL(halves.size(), std::size_t{2 * 2 * 8});
  for (int i = 0; i < 2; ++i) {
    for (int k = 0; k < 8; ++k) {
      const auto group = static_cast<std::size_t>(i * 16 + k / 4 * 8 + k % 4);
      const std::int32_t expected = k < 6 ? axis.weight(i)[k] : 0;
      CHECK_EQUAL(halves[group] * 4096 + halves[group + 4], expected);
    }
  }
}

}  // namespace

int main() {
  fixed_point_rounds_halves_away_from_zero();
  halves_make_the_weight_again();
  return check::result();
}

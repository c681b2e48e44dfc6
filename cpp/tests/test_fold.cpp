#include <vector>

#include "check.h"
#include "edgeclf/fold.h"

using namespace edgeclf;

namespace {

Axis<double> axis_of(std::vector<std::int32_t> first, std::vector<std::int32_t> count,
                     std::vector<double> weights, int max_taps) {
  Axis<double> axis;
  axis.first = std::move(first);
  axis.count = std::move(count);
  axis.weights = std::move(weights);
  axis.max_taps = max_taps;
  return axis;
}

const Axis<double> kAxis = axis_of({0, 1, 4}, {3, 4, 1}, {1, 2, 4, 0, 1, 2, 4, 8, 1, 0, 0, 0}, 4);

void a_block_weighs_what_its_pixels_weigh() {
  const Axis<double> even = folded(kAxis, {2, 0});  // blocks of pixels 01 23 45
  CHECK(even.first == (std::vector<std::int32_t>{0, 0, 2}));
  CHECK(even.count == (std::vector<std::int32_t>{2, 3, 1}));
  CHECK(even.weights == (std::vector<double>{3, 4, 0, 1, 6, 8, 1, 0, 0}));
  CHECK_EQUAL(even.max_taps, 3);
}

void the_first_block_may_have_one_pixel() {
  const Axis<double> odd = folded(kAxis, {2, 1});  // blocks of pixels 0 12 34
  CHECK(odd.first == (std::vector<std::int32_t>{0, 1, 2}));
  CHECK(odd.count == (std::vector<std::int32_t>{2, 2, 1}));
  CHECK(odd.weights == (std::vector<double>{1, 6, 3, 12, 1, 0}));
  CHECK_EQUAL(odd.max_taps, 2);
}

void without_sharing_nothing_changes() {
  const Axis<double> same = folded(kAxis, {});
  CHECK(same.first == kAxis.first && same.count == kAxis.count && same.weights == kAxis.weights);
}

void a_selection_stays_one() {
  Axis<double> axis = axis_of({1, 2, 3}, {1, 1, 1}, {1, 1, 1}, 1);
  axis.selects = true;
  axis.consecutive = true;
  const Axis<double> result = folded(axis, {2, 0});
  CHECK(result.selects && !result.consecutive);
  CHECK(result.first == (std::vector<std::int32_t>{0, 1, 1}));
  CHECK(result.weights == axis.weights);
}

}  // namespace

int main() {
  a_block_weighs_what_its_pixels_weigh();
  the_first_block_may_have_one_pixel();
  without_sharing_nothing_changes();
  a_selection_stays_one();
  return check::result();
}

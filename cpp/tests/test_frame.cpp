#include <vector>

#include "check.h"
#include "edgeclf/frame.h"

using edgeclf::FrameView;

namespace {

// 3 x 2 pixels, numbered row by row.
const std::vector<std::uint8_t> kPixels{0, 1, 2, 3, 4, 5};

FrameView numbered() { return edgeclf::packed_frame({kPixels.data(), 1, 3}, 3, 2, 1, {0, 0, 0}); }

void check_pixels(const FrameView& frame, const std::vector<std::vector<int>>& expected) {
  CHECK_EQUAL(frame.height, static_cast<int>(expected.size()));
  CHECK_EQUAL(frame.width, static_cast<int>(expected[0].size()));
  for (int y = 0; y < frame.height; ++y) {
    for (int x = 0; x < frame.width; ++x) {
      CHECK_EQUAL(*frame.planes[0].at(x, y),
                  expected[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)]);
    }
  }
}

}  // namespace

int main() {
  check_pixels(rotated(numbered(), 0), {{0, 1, 2}, {3, 4, 5}});
  check_pixels(rotated(numbered(), 1), {{3, 0}, {4, 1}, {5, 2}});
  check_pixels(rotated(numbered(), 2), {{5, 4, 3}, {2, 1, 0}});
  check_pixels(rotated(numbered(), 3), {{2, 5}, {1, 4}, {0, 3}});
  check_pixels(rotated(rotated(numbered(), 1), 3), {{0, 1, 2}, {3, 4, 5}});
  check_pixels(region_of(numbered(), 1, 0, 2, 2), {{1, 2}, {4, 5}});
  check_pixels(rotated(region_of(numbered(), 1, 0, 2, 2), 1), {{4, 1}, {5, 2}});
  check_pixels(region_of(numbered(), 2, 1, 1, 1), {{5}});
  return check::result();
}

#include <vector>

#include "check.h"
#include "edgeclf/frame.h"
#include "yuv_samples.h"

using namespace edgeclf;

namespace {

// 3 x 2 pixels, numbered row by row.
const std::vector<std::uint8_t> kPixels{0, 1, 2, 3, 4, 5};

FrameView numbered() { return packed_frame({kPixels.data(), 1, 3}, 3, 2, 1, {0, 0, 0}); }

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

struct Pixel {
  int x;
  int y;
};

// Where pixel (x, y) of the part, after its turn, was in the part.
Pixel before_turn(int x, int y, int turns, int width, int height) {
  switch (turns) {
    case 1: return {y, height - 1 - x};
    case 2: return {width - 1 - x, height - 1 - y};
    case 3: return {width - 1 - y, x};
    default: return {x, y};
  }
}

// The sample number `channel` of a pixel, by the planes' folds.
int sample_of(const FrameView& frame, int channel, int x, int y) {
  std::size_t p = 0;
  while (channel >= frame.planes[p].channels) channel -= frame.planes[p++].channels;
  const PlaneView& plane = frame.planes[p];
  const std::uint8_t* block = plane.at((x + plane.fold_x.phase) / plane.fold_x.span,
                                       (y + plane.fold_y.phase) / plane.fold_y.span);
  return block[plane.offset[static_cast<std::size_t>(channel)]];
}

void check_part(const FrameView& frame, int down, int left, int top, int width, int height) {
  for (int turns = 0; turns < 4; ++turns) {
    const FrameView part = rotated(region_of(frame, left, top, width, height), turns);
    for (int y = 0; y < part.height; ++y) {
      for (int x = 0; x < part.width; ++x) {
        const Pixel at = before_turn(x, y, turns, width, height);
        const int own_x = left + at.x;
        const int own_y = top + at.y;
        CHECK_EQUAL(sample_of(part, 0, x, y), luma_at(own_x, own_y));
        CHECK_EQUAL(sample_of(part, 1, x, y), u_at(own_x / 2, own_y / down));
        CHECK_EQUAL(sample_of(part, 2, x, y), v_at(own_x / 2, own_y / down));
      }
    }
  }
}

// Every part of a small frame, in every turn: each pixel still has its own samples.
void check_parts(YuvFormat format, int width, int height) {
  const YuvSamples samples(format, width, height, 3);
  const FrameView frame = samples.frame();
  const int down = halves_rows(format) ? 2 : 1;
  for (int left = 0; left < width; ++left) {
    for (int top = 0; top < height; ++top) {
      for (int right = left + 1; right <= width; ++right) {
        for (int bottom = top + 1; bottom <= height; ++bottom) {
          check_part(frame, down, left, top, right - left, bottom - top);
        }
      }
    }
  }
}

// YUYV and UYVY, read as one plane of three samples, from any column on; the others are not one.
void interleaved_planes_can_be_joined(YuvFormat format) {
  const YuvSamples samples(format, 9, 2, 3);
  const bool interleaved = grids_of(format) == 1;
  for (int left = 0; left < 9; ++left) {
    const FrameView part = region_of(samples.frame(), left, 1, 9 - left, 1);
    const JoinedPlanes joined = joined_planes(part);
    CHECK_EQUAL(joined.data != nullptr, interleaved);
    CHECK_EQUAL(FrameLayout(part).joined, interleaved);
    if (!interleaved) continue;
    for (int x = 0; x < part.width; ++x) {
      const PixelLayout rest = joined.pixel.beginning_at(x);
      for (int s = 0; s < 3; ++s) {
        CHECK_EQUAL(joined.data[joined.pixel.byte(x, s)], sample_of(part, s, x, 0));
        CHECK_EQUAL(joined.pixel.first_byte(x) + rest.byte(0, s), joined.pixel.byte(x, s));
        if (x + 1 == part.width) continue;
        CHECK_EQUAL(joined.pixel.first_byte(x) + rest.byte(1, s), joined.pixel.byte(x + 1, s));
      }
    }
  }
  for (int turns = 1; turns < 4; ++turns) {
    CHECK(joined_planes(rotated(samples.frame(), turns)).data == nullptr);
  }
}

void sixteen_bits_are_two_bytes() {
  const std::vector<std::uint16_t> values{0x0102, 0xFE03};
  const FrameView frame =
      gray16_frame({reinterpret_cast<const std::uint8_t*>(values.data()), 2, 4}, 2, 1, {0.0, 1.0});
  for (int x = 0; x < 2; ++x) {
    const std::uint8_t* pixel = frame.planes[0].at(x, 0);
    const int value = pixel[frame.planes[0].offset[0]] + 256 * pixel[frame.planes[0].offset[1]];
    CHECK_EQUAL(value, values[static_cast<std::size_t>(x)]);
  }
}

}  // namespace

int main() {
  for (const YuvFormat format : kYuvFormats) {
    interleaved_planes_can_be_joined(format);
    for (int width = 1; width <= 5; ++width) {
      for (int height = 1; height <= 5; ++height) check_parts(format, width, height);
    }
  }
  sixteen_bits_are_two_bytes();
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

// A frame as a view of its producer's memory. A region of interest, a rotation and a flip are
// pointer arithmetic on it: no pixel moves.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace edgeclf {

struct FrameView {
  const std::uint8_t* data = nullptr;  // the pixel at (0, 0)
  int width = 0;                       // 1..65535
  int height = 0;                      // 1..65535
  std::ptrdiff_t stride_x = 0;         // bytes from a pixel to its right neighbour, of any sign
  std::ptrdiff_t stride_y = 0;         // bytes from a pixel to the one below it, of any sign
  int channels = 3;                    // 1 (grey) or 3; an alpha byte is only stepped over
  // Bytes from a pixel's address to its red, green and blue; grey uses the first.
  std::array<std::ptrdiff_t, 3> offset{0, 1, 2};

  const std::uint8_t* at(int x, int y) const { return data + x * stride_x + y * stride_y; }
};

// The part of `frame` that begins at (x, y); it must lie within the frame.
FrameView region_of(const FrameView& frame, int x, int y, int width, int height);

// `frame` turned clockwise by `quarter_turns` (0..3) times 90 degrees.
FrameView rotated(const FrameView& frame, int quarter_turns);

}  // namespace edgeclf

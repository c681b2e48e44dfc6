// Bytes of YUV frames for tests, with a different sample wherever there is room for one.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "edgeclf/frame.h"

namespace edgeclf {

constexpr YuvFormat kYuvFormats[] = {YuvFormat::nv12, YuvFormat::nv21, YuvFormat::i420,
                                     YuvFormat::yv12, YuvFormat::yuyv, YuvFormat::uyvy};

// What is written: luma of a pixel, U and V of a block.
inline std::uint8_t luma_at(int x, int y) { return static_cast<std::uint8_t>(x * 31 + y * 7 + 3); }
inline std::uint8_t u_at(int x, int y) { return static_cast<std::uint8_t>(x * 53 + y * 11 + 90); }
inline std::uint8_t v_at(int x, int y) { return static_cast<std::uint8_t>(x * 17 + y * 71 + 200); }

inline bool halves_rows(YuvFormat format) { return grids_of(format) > 1; }

// The memory of one frame; rows are `padding` bytes longer than they need to be, but for the last.
class YuvSamples {
 public:
  YuvSamples(YuvFormat format, int width, int height, int padding)
      : format_(format), width_(width), height_(height) {
    const int half_width = (width + 1) / 2;
    const int half_height = (height + 1) / 2;
    if (grids_of(format) == 1) {
      write(0, half_width * 2, height, 2, padding, [&](int x, int y, int byte) {
        const bool is_luma = byte == (format == YuvFormat::yuyv ? 0 : 1);
        return is_luma ? luma_at(x, y) : x % 2 == 0 ? u_at(x / 2, y) : v_at(x / 2, y);
      });
      return;
    }
    write(0, width, height, 1, padding, [](int x, int y, int) { return luma_at(x, y); });
    if (grids_of(format) == 2) {
      const int u_byte = format == YuvFormat::nv12 ? 0 : 1;
      write(1, half_width, half_height, 2, padding,
            [&](int x, int y, int byte) { return byte == u_byte ? u_at(x, y) : v_at(x, y); });
      return;
    }
    const std::size_t u = format == YuvFormat::i420 ? 1 : 2;
    write(u, half_width, half_height, 1, padding, [](int x, int y, int) { return u_at(x, y); });
    write(3 - u, half_width, half_height, 1, padding, [](int x, int y, int) { return v_at(x, y); });
  }

  FrameView frame() const { return yuv_frame(format_, grids_, width_, height_, {}); }

 private:
  template <class SampleAt>
  void write(std::size_t grid, int columns, int rows, int bytes, int padding, SampleAt sample_at) {
    const int row = columns * bytes + padding;
    auto& memory = memory_[grid];
    memory.resize(static_cast<std::size_t>(row * rows - padding));
    grids_[grid] = {memory.data(), bytes, row, 1};
    for (int y = 0; y < rows; ++y) {
      for (int x = 0; x < columns; ++x) {
        for (int byte = 0; byte < bytes; ++byte) {
          memory[static_cast<std::size_t>(y * row + x * bytes + byte)] = sample_at(x, y, byte);
        }
      }
    }
  }

  YuvFormat format_;
  int width_;
  int height_;
  std::array<std::vector<std::uint8_t>, 3> memory_;
  std::array<ByteGrid, 3> grids_;
};

}  // namespace edgeclf

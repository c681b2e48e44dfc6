// How samples lie in a row of bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace edgeclf {

// Sample s of pixel i is byte i * step + offset[s]; but where pixels share their chroma (YUYV), all
// samples but the first stand once for each two pixels, and the first two are (0, 1), or 0 alone
// where phase is 1.
struct PixelLayout {
  int step = 3;
  int samples = 3;  // 1..3
  std::array<int, 3> offset{0, 1, 2};
  bool shares_chroma = false;
  int phase = 0;

  bool operator==(const PixelLayout& other) const {
    return step == other.step && samples == other.samples && offset == other.offset &&
           shares_chroma == other.shares_chroma && phase == other.phase;
  }

  int byte(int pixel, int sample) const {
    const int at = offset[static_cast<std::size_t>(sample)];
    return shares_chroma && sample > 0 ? (pixel + phase) / 2 * 2 * step + at : pixel * step + at;
  }

  // The lowest and the highest byte of a pixel's samples.
  int first_byte(int pixel) const {
    int lowest = byte(pixel, 0);
    for (int s = 1; s < samples; ++s) lowest = std::min(lowest, byte(pixel, s));
    return lowest;
  }
  int last_byte(int pixel) const {
    int highest = byte(pixel, 0);
    for (int s = 1; s < samples; ++s) highest = std::max(highest, byte(pixel, s));
    return highest;
  }

  // Bytes from the first pixel's address to the end of the last pixel's last sample.
  int bytes(int columns) const { return last_byte(columns - 1) + 1; }

  // Of the bytes from first_byte(column) on.
  PixelLayout beginning_at(int column) const {
    PixelLayout result = *this;
    for (int s = 0; s < samples; ++s) {
      result.offset[static_cast<std::size_t>(s)] = byte(column, s) - first_byte(column);
    }
    if (shares_chroma) result.phase = (column + phase) % 2;
    return result;
  }
};

}  // namespace edgeclf

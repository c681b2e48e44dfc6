// How samples lie in a row of bytes.
#pragma once

#include <algorithm>
#include <array>

namespace edgeclf {

// Sample s of pixel i is byte i * step + offset[s].
struct PixelLayout {
  int step = 3;
  int samples = 3;  // 1..3
  std::array<int, 3> offset{0, 1, 2};

  bool operator==(const PixelLayout& other) const {
    return step == other.step && samples == other.samples && offset == other.offset;
  }

  // Bytes from the first pixel's address to the end of the last pixel's last sample.
  int bytes(int columns) const {
    return (columns - 1) * step + *std::max_element(offset.begin(), offset.begin() + samples) + 1;
  }
};

}  // namespace edgeclf

// One row of a frame as packed pixels, whatever the frame's strides and format.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "edgeclf/frame.h"

namespace edgeclf {

// Reads the columns from first_column on. A row whose pixels already lie side by side (three or
// four bytes apart, or one for grey) is read where it is; any other is copied to `scratch`.
class RowReader {
 public:
  static constexpr int kRowsKept = 2;

  // `channels`: samples per pixel of what is read, 1 or 3. A colour frame read with one channel
  // becomes Pillow's L. `scratch` holds kRowsKept * columns * channels bytes.
  RowReader(const FrameView& frame, int channels, int first_column, int columns,
            std::uint8_t* scratch);

  // Valid until the next call for a row that is an even number of rows away: two neighbours can be
  // used together. Pixel i begins at i * step().
  const std::uint8_t* row(int y) const;

  std::ptrdiff_t step() const { return step_; }

  // Whether rows are read where they are, so that they outlive the next call.
  bool in_place() const { return in_place_; }

  // Which of a pixel's samples is red, green and blue; all 0 for one channel.
  const std::array<int, 3>& rgb() const { return rgb_; }

 private:
  void read_in_place(std::ptrdiff_t lowest);

  FrameView frame_;
  int channels_;
  int first_column_;
  int columns_;
  std::uint8_t* scratch_;
  std::ptrdiff_t step_;
  bool in_place_ = false;
  std::array<int, 3> rgb_{0, 1, 2};
};

}  // namespace edgeclf

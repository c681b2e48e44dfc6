// One row of a plane as packed samples, whatever the plane's strides and format.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "edgeclf/frame.h"

namespace edgeclf {

// Reads the columns (blocks of the plane) from first_column on. A row whose blocks already lie side
// by side (with no byte between them, or one for colour) is read where it is; any other is copied
// to `scratch`.
class RowReader {
 public:
  static constexpr int kRowsKept = 2;

  // `channels`: samples per column of what is read: those of the plane, or 1 for a plane of red,
  // green and blue, which then becomes Pillow's L. `scratch` holds kRowsKept * columns * channels
  // bytes.
  RowReader(const PlaneView& plane, int channels, int first_column, int columns,
            std::uint8_t* scratch);

  // Valid until the next call for a row that is an even number of rows away: two neighbours can be
  // used together. Column i begins at i * step().
  const std::uint8_t* row(int y) const;

  // The same as columns * channels packed bytes, in the plane's own order.
  void copy(int y, std::uint8_t* out) const;

  std::ptrdiff_t step() const { return step_; }

  // Whether rows are read where they are, so that they outlive the next call.
  bool in_place() const { return in_place_; }

  // Which of a column's samples is the plane's first, second and third; all 0 for one channel.
  const std::array<int, 3>& order() const { return order_; }

 private:
  void read_in_place();

  PlaneView plane_;
  int channels_;
  int first_column_;
  int columns_;
  std::uint8_t* scratch_;
  std::ptrdiff_t step_;
  bool in_place_ = false;
  std::ptrdiff_t lowest_ = 0;  // what plane_.data was moved by
  std::array<int, 3> order_{0, 1, 2};
};

}  // namespace edgeclf

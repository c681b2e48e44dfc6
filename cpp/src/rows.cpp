#include "edgeclf/rows.h"

#include <algorithm>

namespace edgeclf {
namespace {

// ITU-R 601 luma in Pillow's fixed point: 0.299, 0.587, 0.114 of 2^16.
std::uint8_t luma(unsigned red, unsigned green, unsigned blue) {
  return static_cast<std::uint8_t>((red * 19595U + green * 38470U + blue * 7471U + 0x8000U) >> 16);
}

}  // namespace

RowReader::RowReader(const PlaneView& plane, int channels, int first_column, int columns,
                     std::uint8_t* scratch)
    : plane_(plane),
      channels_(channels),
      first_column_(first_column),
      columns_(columns),
      scratch_(scratch),
      step_(channels) {
  if (channels == 1) order_ = {0, 0, 0};
  if (channels == plane.channels) read_in_place();  // else to grey: every pixel is computed
}

void RowReader::read_in_place() {
  const auto begin = plane_.offset.begin();
  const auto [lowest, highest] = std::minmax_element(begin, begin + channels_);
  const std::ptrdiff_t low = *lowest;
  const bool adjacent = *highest - low == channels_ - 1;
  const bool dense = plane_.stride_x == channels_ || (channels_ == 3 && plane_.stride_x == 4);
  if (!adjacent || !dense) return;
  in_place_ = true;
  step_ = plane_.stride_x;
  plane_.data += low;
  lowest_ = low;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
    order_[c] = static_cast<int>(plane_.offset[c] - low);
  }
}

const std::uint8_t* RowReader::row(int y) const {
  if (in_place_) return plane_.at(first_column_, y);
  std::uint8_t* const kept = scratch_ + std::ptrdiff_t{y % kRowsKept} * columns_ * channels_;
  copy(y, kept);
  return kept;
}

void RowReader::copy(int y, std::uint8_t* out) const {
  const std::uint8_t* column = plane_.at(first_column_, y) - lowest_;
  const auto [first, second, third] = plane_.offset;
  for (int i = 0; i < columns_; ++i, column += plane_.stride_x, out += channels_) {
    if (channels_ == 3) {
      out[0] = column[first];
      out[1] = column[second];
      out[2] = column[third];
    } else if (channels_ == 2) {
      out[0] = column[first];
      out[1] = column[second];
    } else if (plane_.channels == 3) {
      out[0] = luma(column[first], column[second], column[third]);
    } else {
      out[0] = column[first];
    }
  }
}

}  // namespace edgeclf

#include "edgeclf/rows.h"

#include <algorithm>

namespace edgeclf {
namespace {

// ITU-R 601 luma in Pillow's fixed point: 0.299, 0.587, 0.114 of 2^16.
std::uint8_t luma(unsigned red, unsigned green, unsigned blue) {
  return static_cast<std::uint8_t>((red * 19595U + green * 38470U + blue * 7471U + 0x8000U) >> 16);
}

}  // namespace

RowReader::RowReader(const FrameView& frame, int channels, int first_column, int columns,
                     std::uint8_t* scratch)
    : frame_(frame),
      channels_(channels),
      first_column_(first_column),
      columns_(columns),
      scratch_(scratch),
      step_(channels) {
  if (channels == 1) rgb_ = {0, 0, 0};
  if (channels != frame.channels) return;  // to grey: every pixel is computed
  const auto& offset = frame.offset;
  const std::ptrdiff_t lowest =
      channels == 1 ? offset[0] : *std::min_element(offset.begin(), offset.end());
  const std::ptrdiff_t highest =
      channels == 1 ? offset[0] : *std::max_element(offset.begin(), offset.end());
  const bool adjacent = highest - lowest == channels - 1;
  const bool dense = frame.stride_x == channels || (channels == 3 && frame.stride_x == 4);
  if (adjacent && dense) read_in_place(lowest);
}

void RowReader::read_in_place(std::ptrdiff_t lowest) {
  in_place_ = true;
  step_ = frame_.stride_x;
  frame_.data += lowest;
  if (channels_ == 1) return;
  for (std::size_t c = 0; c < 3; ++c) rgb_[c] = static_cast<int>(frame_.offset[c] - lowest);
}

const std::uint8_t* RowReader::row(int y) const {
  const std::uint8_t* pixel = frame_.at(first_column_, y);
  if (in_place_) return pixel;
  const auto [red, green, blue] = frame_.offset;
  std::uint8_t* const copy = scratch_ + std::ptrdiff_t{y % kRowsKept} * columns_ * channels_;
  std::uint8_t* out = copy;
  for (int i = 0; i < columns_; ++i, pixel += frame_.stride_x, out += channels_) {
    if (channels_ == 3) {
      out[0] = pixel[red];
      out[1] = pixel[green];
      out[2] = pixel[blue];
    } else if (frame_.channels == 3) {
      out[0] = luma(pixel[red], pixel[green], pixel[blue]);
    } else {
      out[0] = pixel[red];
    }
  }
  return copy;
}

}  // namespace edgeclf

// What a plan reads of a frame and what it makes of it, whichever processor does the work.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "edgeclf/color.h"
#include "edgeclf/frame.h"
#include "edgeclf/spec.h"

namespace edgeclf {

// The level of each channel where the frame does not reach.
inline PerChannel<std::uint8_t> pad_levels(const InputSpec& spec) {
  constexpr std::uint8_t letterbox = 114;
  const std::uint8_t level = spec.resize_mode == ResizeMode::letterbox ? letterbox : 0;
  return spec.pad_value.value_or(PerChannel<std::uint8_t>{level, level, level});
}

// Levels per pixel when it is encoded: 1 where source or tensor is grey.
inline int levels_per_pixel(const FrameLayout& layout, const InputSpec& spec) {
  if (layout.kind == FrameKind::gray16) return 1;
  if (layout.kind == FrameKind::yuv) return spec.channels();
  return std::min(layout.planes[0].channels, spec.channels());
}

// How many planes are read: only luma for a grey tensor.
inline int planes_read(const FrameLayout& layout, int levels) {
  return layout.kind == FrameKind::yuv && levels == 1 ? 1 : layout.plane_count;
}

// How samples become levels; for frames whose samples are none.
inline Conversion conversion_for(const FrameView& frame, int levels) {
  if (frame.kind == FrameKind::gray16) return gray_from_bytes(frame.window);
  return levels == 1 ? gray_from_luma(frame.encoding.range) : rgb_from_yuv(frame.encoding);
}

// Which of a pixel's samples is channel c of the tensor.
inline std::array<int, 3> tensor_order(ColorMode mode, const std::array<int, 3>& rgb) {
  return mode == ColorMode::bgr ? std::array<int, 3>{rgb[2], rgb[1], rgb[0]} : rgb;
}

}  // namespace edgeclf

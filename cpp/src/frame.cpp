#include "edgeclf/frame.h"

#include <algorithm>
#include <utility>

namespace edgeclf {
namespace {

constexpr Fold kPairs{2, 0};

int blocks(int pixels, const Fold& fold) { return (pixels - 1 + fold.phase) / fold.span + 1; }

PlaneView plane_of(const ByteGrid& grid, std::initializer_list<int> bytes) {
  PlaneView plane;
  plane.data = grid.data;
  plane.stride_x = grid.stride_x;
  plane.stride_y = grid.stride_y;
  plane.channels = static_cast<int>(bytes.size());
  plane.offset = {};
  std::size_t c = 0;
  for (const int byte : bytes) plane.offset[c++] = byte * grid.stride_c;
  return plane;
}

PlaneView subsampled(PlaneView plane) {
  plane.fold_x = kPairs;
  plane.fold_y = kPairs;
  return plane;
}

// 4:2:2 in one grid: every pixel has its luma in one byte, and pairs share the other two bytes.
void set_interleaved(FrameView& frame, const ByteGrid& grid, int luma_byte) {
  frame.planes[0] = plane_of(grid, {luma_byte});
  PlaneView& chroma = frame.planes[1];
  chroma = plane_of(grid, {1 - luma_byte, 1 - luma_byte});
  chroma.offset[1] += grid.stride_x;
  chroma.stride_x *= 2;
  chroma.fold_x = kPairs;
}

void reflect(int pixels, Fold& fold) {
  fold.phase = blocks(pixels, fold) * fold.span - pixels - fold.phase;
}

// Read each row of the plane from its other end; `width` is the frame's.
void mirror_x(PlaneView& plane, int width) {
  plane.data = plane.at(blocks(width, plane.fold_x) - 1, 0);
  plane.stride_x = -plane.stride_x;
  reflect(width, plane.fold_x);
}

void mirror_y(PlaneView& plane, int height) {
  plane.data = plane.at(0, blocks(height, plane.fold_y) - 1);
  plane.stride_y = -plane.stride_y;
  reflect(height, plane.fold_y);
}

void transpose(PlaneView& plane) {
  std::swap(plane.stride_x, plane.stride_y);
  std::swap(plane.fold_x, plane.fold_y);
}

// The offset of pixel `begin`'s block, and the phase that the fold has from there on.
int begin_at(int begin, Fold& fold) {
  const int at = begin + fold.phase;
  fold.phase = at % fold.span;
  return at / fold.span;
}

}  // namespace

FrameView packed_frame(const ByteGrid& pixels, int width, int height, int channels,
                       const std::array<int, 3>& rgb) {
  FrameView frame;
  frame.width = width;
  frame.height = height;
  frame.planes[0] =
      channels == 1 ? plane_of(pixels, {rgb[0]}) : plane_of(pixels, {rgb[0], rgb[1], rgb[2]});
  return frame;
}

FrameView averaged_frame(FrameView averages, int width, int height, int span, int phase_x,
                         int phase_y) {
  averages.width = width;
  averages.height = height;
  averages.planes[0].fold_x = {span, phase_x};
  averages.planes[0].fold_y = {span, phase_y};
  return averages;
}

FrameView yuv_frame(YuvFormat format, const std::array<ByteGrid, 3>& grids, int width, int height,
                    const YuvEncoding& encoding) {
  FrameView frame;
  frame.kind = FrameKind::yuv;
  frame.width = width;
  frame.height = height;
  frame.encoding = encoding;
  frame.plane_count = 2;
  frame.planes[0] = plane_of(grids[0], {0});
  switch (format) {
    case YuvFormat::nv12: frame.planes[1] = subsampled(plane_of(grids[1], {0, 1})); break;
    case YuvFormat::nv21: frame.planes[1] = subsampled(plane_of(grids[1], {1, 0})); break;
    case YuvFormat::i420:
    case YuvFormat::yv12: {
      const std::size_t u = format == YuvFormat::i420 ? 1 : 2;
      frame.plane_count = 3;
      frame.planes[1] = subsampled(plane_of(grids[u], {0}));
      frame.planes[2] = subsampled(plane_of(grids[3 - u], {0}));
      break;
    }
    case YuvFormat::yuyv: set_interleaved(frame, grids[0], 0); break;
    case YuvFormat::uyvy: set_interleaved(frame, grids[0], 1); break;
  }
  return frame;
}

FrameView gray16_frame(const ByteGrid& pixels, int width, int height, const Window& window) {
  const std::uint16_t one = 1;
  const bool little = *reinterpret_cast<const std::uint8_t*>(&one) == 1;
  ByteGrid bytes = pixels;
  bytes.stride_c = 1;
  FrameView frame;
  frame.kind = FrameKind::gray16;
  frame.width = width;
  frame.height = height;
  frame.window = window;
  frame.planes[0] = little ? plane_of(bytes, {0, 1}) : plane_of(bytes, {1, 0});
  return frame;
}

FrameLayout::FrameLayout(const FrameView& frame)
    : kind(frame.kind),
      width(frame.width),
      height(frame.height),
      plane_count(frame.plane_count),
      planes{} {
  for (std::size_t p = 0; p < static_cast<std::size_t>(plane_count); ++p) {
    const PlaneView& plane = frame.planes[p];
    const PlaneLayout memory = layout_of(plane);
    planes[p] = {plane.channels, plane.fold_x, plane.fold_y, memory.readable, memory.pixel};
  }
  const JoinedPlanes one = joined_planes(frame);
  joined = one.data != nullptr;
  joined_pixel = one.pixel;
}

bool FrameLayout::operator==(const FrameLayout& other) const {
  const auto same = [](const Plane& a, const Plane& b) {
    return a.channels == b.channels && a.x == b.x && a.y == b.y;
  };
  return width == other.width && height == other.height && kind == other.kind &&
         plane_count == other.plane_count &&
         std::equal(planes.begin(), planes.begin() + plane_count, other.planes.begin(), same);
}

bool FrameLayout::has_rows_like(const FrameLayout& other) const {
  const auto same = [](const Plane& a, const Plane& b) {
    return a.readable == b.readable && a.pixel == b.pixel;
  };
  return joined == other.joined && joined_pixel == other.joined_pixel &&
         std::equal(planes.begin(), planes.begin() + plane_count, other.planes.begin(), same);
}

FrameView region_of(const FrameView& frame, int x, int y, int width, int height) {
  FrameView part = frame;
  part.width = width;
  part.height = height;
  for (PlaneView& plane : part.planes) {
    const int block_x = begin_at(x, plane.fold_x);
    const int block_y = begin_at(y, plane.fold_y);
    plane.data = plane.at(block_x, block_y);
  }
  return part;
}

FrameView rotated(const FrameView& frame, int quarter_turns) {
  FrameView turned = frame;
  if (quarter_turns % 2 == 1) std::swap(turned.width, turned.height);
  for (PlaneView& plane : turned.planes) {
    // A quarter turn clockwise makes the left column, read upwards, the top row.
    if (quarter_turns == 1 || quarter_turns == 2) mirror_y(plane, frame.height);
    if (quarter_turns == 2 || quarter_turns == 3) mirror_x(plane, frame.width);
    if (quarter_turns % 2 == 1) transpose(plane);
  }
  return turned;
}

}  // namespace edgeclf

// A frame as a view of its producer's memory: one to three planes of bytes. A region of interest, a
// rotation and a flip are pointer arithmetic on it: no pixel moves.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "edgeclf/color.h"
#include "edgeclf/pixel_layout.h"

namespace edgeclf {

// What a frame's samples mean, and which planes they come in.
enum class FrameKind : std::uint8_t {
  packed,  // one plane of levels: grey, or red, green and blue
  yuv,     // luma first; then U and V, in one plane (NV12, YUYV) or in one each (I420)
  gray16,  // one plane with two samples a pixel: the low byte and the high one
};

// Along one axis: the frame's pixel i has its sample in the plane's block (i + phase) / span.
struct Fold {
  int span = 1;   // 2 where pixels share their chroma
  int phase = 0;  // below span; not 0 where the frame begins in the middle of a block
};

constexpr bool operator==(const Fold& a, const Fold& b) {
  return a.span == b.span && a.phase == b.phase;
}

// A grid of blocks of samples.
struct PlaneView {
  const std::uint8_t* data = nullptr;  // the block that has the pixel at (0, 0)
  std::ptrdiff_t stride_x = 0;         // bytes from a block to its right neighbour, of any sign
  std::ptrdiff_t stride_y = 0;         // bytes from a block to the one below it, of any sign
  int channels = 3;                    // samples of a block; an alpha byte is only stepped over
  // Bytes from a block's address to its samples: red, green and blue; U and V; low and high byte.
  std::array<std::ptrdiff_t, 3> offset{0, 1, 2};
  Fold fold_x;
  Fold fold_y;

  // The block at (x, y), counted in blocks.
  const std::uint8_t* at(int x, int y) const { return data + x * stride_x + y * stride_y; }
};

// Where fixed-point kernels find a plane's samples, from the lowest in memory on.
struct PlaneLayout {
  bool readable = false;  // where they are; else rows have to be copied
  PixelLayout pixel;
  std::array<int, 3> order{0, 1, 2};  // which of them is the plane's first, second and third
  std::ptrdiff_t lowest = 0;          // the offset of the first of them
};
PlaneLayout layout_of(const PlaneView& plane);

// That of a row that was copied.
PixelLayout copied_layout(int samples);

struct FrameView;

// Y, U and V as three samples of one plane, where they lie in the same rows of memory (YUYV, UYVY).
struct JoinedPlanes {
  const std::uint8_t* data = nullptr;  // null where they do not
  PixelLayout pixel;
};
JoinedPlanes joined_planes(const FrameView& frame);

struct FrameView {
  FrameKind kind = FrameKind::packed;
  int width = 0;   // 1..65535
  int height = 0;  // 1..65535
  int plane_count = 1;
  std::array<PlaneView, 3> planes;
  YuvEncoding encoding;  // of a yuv frame
  Window window;         // of a gray16 frame
};

// What of a frame decides how it is resampled: all but where its bytes are, and what they mean.
struct FrameLayout {
  struct Plane {
    int channels;
    Fold x;
    Fold y;
    bool readable;  // see PlaneLayout
    PixelLayout pixel;
  };

  explicit FrameLayout(const FrameView& frame);
  bool operator==(const FrameLayout& other) const;

  // Whether pixels lie in rows in the same way, too.
  bool has_rows_like(const FrameLayout& other) const;

  FrameKind kind;
  int width;
  int height;
  int plane_count;
  std::array<Plane, 3> planes;
  bool joined = false;  // see JoinedPlanes
  PixelLayout joined_pixel;
};

// What a producer hands out: byte c of element (x, y) is at data + x * stride_x + y * stride_y +
// c * stride_c.
struct ByteGrid {
  const std::uint8_t* data = nullptr;
  std::ptrdiff_t stride_x = 0;
  std::ptrdiff_t stride_y = 0;
  std::ptrdiff_t stride_c = 1;
};

// Grey with `channels` 1, else colour; `rgb` says which bytes are red, green and blue.
FrameView packed_frame(const ByteGrid& pixels, int width, int height, int channels,
                       const std::array<int, 3>& rgb);

// A packed frame of width x height pixels of which only averages are left: `averages` has one for
// each block of span x span pixels, whose first begins `phase` pixels before the frame.
FrameView averaged_frame(FrameView averages, int width, int height, int span, int phase_x,
                         int phase_y);

// 4:2:0: nv12 and nv21 are Y, and a half-sized grid of two bytes; i420 and yv12 are Y and two
// half-sized grids. 4:2:2: yuyv and uyvy are one grid of two bytes a pixel, of even width. A half
// of an odd length is rounded up.
enum class YuvFormat : std::uint8_t { nv12, nv21, i420, yv12, yuyv, uyvy };

constexpr int grids_of(YuvFormat format) {
  return format <= YuvFormat::nv21 ? 2 : format <= YuvFormat::yv12 ? 3 : 1;
}

// `grids` are in the order of the format's memory; those it does not have are not looked at.
FrameView yuv_frame(YuvFormat format, const std::array<ByteGrid, 3>& grids, int width, int height,
                    const YuvEncoding& encoding);

// `pixels` are 16-bit numbers in this machine's byte order.
FrameView gray16_frame(const ByteGrid& pixels, int width, int height, const Window& window);

// The part of `frame` that begins at (x, y); it must lie within the frame.
FrameView region_of(const FrameView& frame, int x, int y, int width, int height);

// `frame` turned clockwise by `quarter_turns` (0..3) times 90 degrees.
FrameView rotated(const FrameView& frame, int quarter_turns);

}  // namespace edgeclf

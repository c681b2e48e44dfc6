#include "edgeclf/pixel_layout.h"

#include <algorithm>
#include <iterator>

#include "edgeclf/frame.h"

namespace edgeclf {
namespace {

// 16 bytes of words hold a pixel, and kernels have been thought through for steps up to 4.
constexpr std::ptrdiff_t kLongestStep = 4;

// Not so where grey is shown as colour by a stride of 0 from one channel to the next.
bool all_differ(const std::ptrdiff_t* offset, const std::ptrdiff_t* end) {
  for (; offset < end; ++offset) {
    if (std::find(offset + 1, end, *offset) != end) return false;
  }
  return true;
}

}  // namespace

PlaneLayout layout_of(const PlaneView& plane) {
  const std::ptrdiff_t* offset = plane.offset.data();
  const std::ptrdiff_t* end = offset + plane.channels;
  PlaneLayout result;
  result.lowest = *std::min_element(offset, end);
  const bool dense = plane.stride_x >= 1 && plane.stride_x <= kLongestStep;
  const bool near = *std::max_element(offset, end) - result.lowest < kLongestStep;
  result.readable = dense && near && all_differ(offset, end);
  result.pixel = copied_layout(plane.channels);
  if (!result.readable) return result;
  result.pixel.step = static_cast<int>(plane.stride_x);
  for (std::size_t s = 0; offset + s < end; ++s) {
    const auto rank = std::count_if(offset, end, [&](auto other) { return other < offset[s]; });
    result.order[s] = static_cast<int>(rank);
    result.pixel.offset[static_cast<std::size_t>(rank)] =
        static_cast<int>(offset[s] - result.lowest);
  }
  return result;
}

JoinedPlanes joined_planes(const FrameView& frame) {
  constexpr int kStep = 2;
  const PlaneView& luma = frame.planes[0];
  const PlaneView& chroma = frame.planes[1];
  if (frame.kind != FrameKind::yuv || frame.plane_count != 2) return {};
  if (luma.stride_x != kStep || chroma.stride_x != 2 * kStep) return {};
  if (luma.stride_y != chroma.stride_y || chroma.fold_x.span != 2) return {};
  if (!(luma.fold_x == Fold{}) || !(luma.fold_y == Fold{}) || !(chroma.fold_y == Fold{})) return {};
  const std::uint8_t* samples[3] = {luma.data + luma.offset[0], chroma.data + chroma.offset[0],
                                    chroma.data + chroma.offset[1]};
  const auto address = [](const std::uint8_t* at) { return reinterpret_cast<std::uintptr_t>(at); };
  const auto* lowest = *std::min_element(std::begin(samples), std::end(samples),
                                         [&](auto a, auto b) { return address(a) < address(b); });
  JoinedPlanes result{lowest, {kStep, 3, {0, 0, 0}, true, chroma.fold_x.phase}};
  unsigned taken = 0;  // of four bytes: two pixels' Y, their U and V
  for (std::size_t s = 0; s < 3; ++s) {
    const std::uintptr_t distance = address(samples[s]) - address(lowest);
    if (distance > 2 * kStep) return {};
    result.pixel.offset[s] = static_cast<int>(distance);
    taken |= 1U << distance % 4;
    if (s == 0) taken |= 1U << (distance + kStep) % 4;
  }
  return taken == 0xF ? result : JoinedPlanes{};
}

PixelLayout copied_layout(int samples) {
  PixelLayout pixel{samples, samples, {0, 0, 0}};
  for (int s = 0; s < samples; ++s) pixel.offset[static_cast<std::size_t>(s)] = s;
  return pixel;
}

}  // namespace edgeclf

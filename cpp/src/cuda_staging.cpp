#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "edgeclf/cuda_plan.h"

namespace edgeclf {
namespace {

// Rows whose blocks are at most so many bytes apart are copied with what lies between.
constexpr std::ptrdiff_t kNear = 4;
constexpr std::size_t kRowAlignment = 16;
constexpr std::size_t kPartAlignment = 256;

std::size_t aligned(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

// One axis of a rectangle of blocks.
struct Side {
  int length;
  std::ptrdiff_t stride;

  // From the lowest address to the first block's.
  std::ptrdiff_t begin() const { return stride < 0 ? -stride * (length - 1) : 0; }
  std::ptrdiff_t step() const { return std::abs(stride); }
};

// A side of one block has no stride worth mentioning.
bool is_inner(const Side& side, const Side& other) {
  if (other.length == 1) return true;
  return side.length > 1 && side.step() <= other.step();
}

}  // namespace

Staging::Staging(const CudaPlan& plan, const FrameView& frame) : arguments_(plan.arguments(frame)) {
  for (std::size_t p = 0; p < static_cast<std::size_t>(plan.plane_count()); ++p) {
    add(p, part_of(frame.planes[p], plan.blocks(p), arguments_.planes[p], places_[p]));
  }
  lay_out();
}

// The rectangle's rows run along the axis whose blocks are nearer to each other. `copy` gets the
// strides within a row and the offsets; lay_out() knows those between rows.
Staging::Part Staging::part_of(const PlaneView& view, const CudaPlan::Blocks& blocks,
                               CudaPlane& copy, Place& place) {
  const Side x{blocks.columns, view.stride_x};
  const Side y{blocks.rows, view.stride_y};
  const bool across = is_inner(x, y);
  const Side& inner = across ? x : y;
  const Side& outer = across ? y : x;
  const auto channels = static_cast<std::size_t>(view.channels);
  const auto [low, high] =
      std::minmax_element(view.offset.begin(), view.offset.begin() + view.channels);
  Part part;
  part.rows = outer.length;
  part.stride = outer.step();
  part.from = view.at(blocks.x, blocks.y) - inner.begin() - outer.begin();
  std::ptrdiff_t step = inner.step();
  const bool as_bytes = (inner.length == 1 || step <= kNear) && *high - *low < kNear;
  if (as_bytes) {
    if (inner.length == 1) step = 1;
    part.from += *low;
    part.columns = static_cast<int>((inner.length - 1) * step + *high - *low + 1);
    for (std::size_t c = 0; c < channels; ++c) copy.offset[c] -= *low;
  } else {
    part.step = step;
    part.channels = view.channels;
    part.columns = inner.length;
    part.offset = view.offset;
    step = view.channels;
    for (std::size_t c = 0; c < channels; ++c) copy.offset[c] = static_cast<std::ptrdiff_t>(c);
  }
  for (std::size_t c = channels; c < 3; ++c) copy.offset[c] = 0;
  const std::ptrdiff_t signed_step = inner.stride < 0 ? -step : step;
  (across ? copy.stride_x : copy.stride_y) = signed_step;
  place.begin = inner.stride < 0 ? step * (inner.length - 1) : 0;
  place.across = across;
  place.reversed = outer.length > 1 && outer.stride < 0;
  return part;
}

// Into a part that it overlaps row by row; else it is a part of its own.
void Staging::add(std::size_t plane, const Part& part) {
  Place& place = places_[plane];
  for (std::size_t i = 0; i < part_count_; ++i) {
    Part& other = parts_[i];
    const std::ptrdiff_t moved = part.from - other.from;
    if (part.channels != 0 || other.channels != 0 || part.rows != other.rows ||
        part.stride != other.stride || std::abs(moved) >= kNear) {
      continue;
    }
    const std::ptrdiff_t low = std::min<std::ptrdiff_t>(moved, 0);
    const std::ptrdiff_t end = std::max<std::ptrdiff_t>(moved + part.columns, other.columns);
    other.from += low;
    other.columns = static_cast<int>(end - low);
    for (std::size_t p = 0; p < plane; ++p) {
      if (places_[p].part == i) places_[p].begin -= low;
    }
    place.part = i;
    place.begin += moved - low;
    return;
  }
  parts_[part_count_] = part;
  place.part = part_count_++;
}

void Staging::lay_out() {
  for (std::size_t i = 0; i < part_count_; ++i) {
    Part& part = parts_[i];
    part.pitch = aligned(part.row_bytes(), kRowAlignment);
    part.at = size_;
    size_ += aligned(part.pitch * static_cast<std::size_t>(part.rows), kPartAlignment);
  }
}

CudaArguments Staging::arguments(const std::uint8_t* memory) const {
  CudaArguments a = arguments_;
  for (std::size_t p = 0; p < static_cast<std::size_t>(a.plane_count); ++p) {
    const Place& place = places_[p];
    const Part& part = parts_[place.part];
    const auto pitch = static_cast<std::ptrdiff_t>(part.pitch);
    CudaPlane& plane = a.planes[p];
    (place.across ? plane.stride_y : plane.stride_x) = place.reversed ? -pitch : pitch;
    plane.data = memory + part.at + place.begin + (place.reversed ? pitch * (part.rows - 1) : 0);
  }
  return a;
}

void Staging::copy(std::uint8_t* memory) const {
  for (std::size_t i = 0; i < part_count_; ++i) {
    const Part& part = parts_[i];
    for (int y = 0; y < part.rows; ++y) {
      const std::uint8_t* from = part.from + y * part.stride;
      std::uint8_t* to = memory + part.at + static_cast<std::size_t>(y) * part.pitch;
      if (part.channels == 0) {
        std::memcpy(to, from, part.row_bytes());
        continue;
      }
      for (int x = 0; x < part.columns; ++x, from += part.step) {
        for (std::size_t c = 0; c < static_cast<std::size_t>(part.channels); ++c) {
          *to++ = from[part.offset[c]];
        }
      }
    }
  }
}

}  // namespace edgeclf

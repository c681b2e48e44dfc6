#include "edgeclf/cuda_plan.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "edgeclf/fold.h"
#include "plan_parts.h"

namespace edgeclf {
namespace {

std::int32_t word_of(std::int32_t weight) { return weight; }

std::int32_t word_of(double weight) {
  const auto rounded = static_cast<float>(weight);
  std::int32_t bits;
  std::memcpy(&bits, &rounded, sizeof bits);
  return bits;
}

int begin_of(const Axis<double>& axis) { return axis.first.front(); }
int end_of(const Axis<double>& axis) { return axis.first.back() + axis.count.back(); }

CudaArguments arguments_for(const InputSpec& spec, const Geometry& geometry, int levels) {
  CudaArguments a{};
  a.width = spec.width;
  a.height = spec.height;
  a.x_begin = geometry.x.tensor_begin;
  a.y_begin = geometry.y.tensor_begin;
  a.x_size = geometry.x.size;
  a.y_size = geometry.y.size;
  a.levels = levels;
  a.channels = spec.channels();
  a.planar = spec.layout == Layout::nchw;
  a.element_size = size_of(spec.dtype);
  a.code_low = spec.dtype == DType::int8 ? -128.0F : 0.0F;
  a.code_high = a.code_low + 255.0F;
  const auto order = tensor_order(spec.color_mode, {0, 1, 2});
  const auto pad = pad_levels(spec);
  for (std::size_t c = 0; c < 3; ++c) {
    a.order[c] = levels == 1 ? 0 : order[c];
    a.pad[c] = pad[c];
  }
  return a;
}

}  // namespace

CudaPlan::CudaPlan(const InputSpec& spec, const Affine& affine, const FrameLayout& layout)
    : layout_(layout) {
  const Geometry geometry = place(spec, layout.width, layout.height);
  const int levels = levels_per_pixel(layout, spec);
  const bool packed = layout.kind == FrameKind::packed;
  // The blocks of a packed frame are averages of pixels; those of other frames are chroma.
  const Fold blocks_x = packed ? layout.planes[0].x : Fold{};
  const Fold blocks_y = packed ? layout.planes[0].y : Fold{};
  const Axes of_pixels = make_axes(spec, geometry, layout.width, layout.height, blocks_x, blocks_y);
  const bool only_selects = of_pixels.x.selects && of_pixels.y.selects;
  arguments_ = arguments_for(spec, geometry, levels);
  arguments_.plane_count = planes_read(layout, levels);
  arguments_.exact = packed && (spec.takes_pillow_bytes() || only_selects);
  arguments_.luma = packed && layout.planes[0].channels == 3 && levels == 1;
  arguments_.converted = !packed;
  for (std::size_t p = 0; p < static_cast<std::size_t>(arguments_.plane_count); ++p) {
    add_plane(p, of_pixels, arguments_.exact != 0);
    arguments_.samples += layout.planes[p].channels;
  }
  add_elements(affine);
}

void CudaPlan::add_plane(std::size_t plane, const Axes& of_pixels, bool exact) {
  const FrameLayout::Plane& layout = layout_.planes[plane];
  const bool packed = layout_.kind == FrameKind::packed;
  const Axis<double> x = folded(of_pixels.x, packed ? Fold{} : layout.x);
  const Axis<double> y = folded(of_pixels.y, packed ? Fold{} : layout.y);
  const Blocks blocks{begin_of(x), begin_of(y), end_of(x) - begin_of(x), end_of(y) - begin_of(y)};
  CudaPlane& told = arguments_.planes[plane];
  told.x = exact ? add_axis(to_fixed(x), blocks.x) : add_axis(x, blocks.x);
  told.y = exact ? add_axis(to_fixed(y), blocks.y) : add_axis(y, blocks.y);
  told.channels = layout.channels;
  blocks_[plane] = blocks;
}

template <class Weight>
CudaAxis CudaPlan::add_axis(const Axis<Weight>& axis, int begin) {
  const auto end = [this] { return static_cast<int>(tables_.size()); };
  CudaAxis place{};
  place.max_taps = axis.max_taps;
  place.first = end();
  for (const auto first : axis.first) tables_.push_back(first - begin);
  place.count = end();
  tables_.insert(tables_.end(), axis.count.begin(), axis.count.end());
  place.weights = end();
  for (const auto weight : axis.weights) tables_.push_back(word_of(weight));
  return place;
}

void CudaPlan::add_elements(const Affine& affine) {
  arguments_.elements = static_cast<int>(tables_.size());
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t level = 0; level < 256; ++level) {
      const std::uint32_t bits = affine.element_bits(c, level);
      std::int32_t word;
      std::memcpy(&word, &bits, sizeof word);
      tables_.push_back(word);
    }
    arguments_.gain[c] = static_cast<float>(affine.gain()[c]);
    arguments_.bias[c] = static_cast<float>(affine.bias()[c]);
  }
}

CudaArguments CudaPlan::arguments(const FrameView& frame) const {
  CudaArguments a = arguments_;
  for (std::size_t p = 0; p < static_cast<std::size_t>(a.plane_count); ++p) {
    const PlaneView& view = frame.planes[p];
    CudaPlane& plane = a.planes[p];
    plane.data = view.at(blocks_[p].x, blocks_[p].y);
    plane.stride_x = view.stride_x;
    plane.stride_y = view.stride_y;
    for (std::size_t c = 0; c < 3; ++c) plane.offset[c] = view.offset[c];
  }
  if (!a.converted) return a;
  const Conversion conversion = conversion_for(frame, a.levels);
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t k = 0; k < 3; ++k) {
      a.weight[c][k] = static_cast<float>(conversion.weight[c][k]);
    }
    a.offset[c] = static_cast<float>(conversion.bias[c]);
  }
  return a;
}

}  // namespace edgeclf

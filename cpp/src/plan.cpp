#include "edgeclf/plan.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "plan_stream.h"

namespace edgeclf {
namespace {

constexpr std::size_t kAlignment = 64;
// The rows that wait for the vertical pass should stay in a small core's second-level cache.
constexpr std::size_t kRingBudget = std::size_t{1} << 18;
constexpr std::size_t kSmallestStrip = 16;

std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t sample_size(const Axis<std::int32_t>&) { return sizeof(ExactArithmetic::Sample); }
std::size_t sample_size(const Axis<float>&) { return sizeof(FloatArithmetic::Sample); }
std::size_t sample_size(const Axis<double>&) { return sizeof(PreciseArithmetic::Sample); }

PerChannel<std::uint8_t> default_pad(ResizeMode mode) {
  constexpr std::uint8_t letterbox = 114;
  const std::uint8_t level = mode == ResizeMode::letterbox ? letterbox : 0;
  return {level, level, level};
}

}  // namespace

Plan::Plan(const InputSpec& spec, int width, int height, int frame_channels)
    : spec_(spec),
      width_(width),
      height_(height),
      frame_channels_(frame_channels),
      channels_(std::min(frame_channels, spec.channels())),
      geometry_(place(spec, width, height)),
      pad_level_(spec.pad_value.value_or(default_pad(spec.resize_mode))) {
  Axes axes = make_axes(spec, geometry_, width, height);
  set_columns(axes);
  const bool only_selects = axes.x.selects && axes.y.selects;
  if (spec.takes_pillow_bytes() || only_selects) {
    tables_ = Tables<std::int32_t>{to_fixed(axes.x), to_fixed(axes.y)};
  } else if (spec.exact.value_or(true)) {
    tables_ = Tables<double>{std::move(axes.x), std::move(axes.y)};
  } else {
    tables_ = Tables<float>{to_float(axes.x), to_float(axes.y)};
  }
  lay_out_workspace();
}

void Plan::set_columns(Axes& axes) {
  first_column_ = axes.x.first.front();
  columns_ = axes.x.first.back() + axes.x.count.back() - first_column_;
  for (auto& first : axes.x.first) first -= first_column_;
}

void Plan::lay_out_workspace() {
  std::visit(
      [this](const auto& tables) {
        const std::size_t sample = sample_size(tables.x);
        const auto taps = static_cast<std::size_t>(tables.y.max_taps);
        const std::size_t waiting = taps + kRowsAhead;
        const std::size_t pixel = sample * static_cast<std::size_t>(channels_);
        const auto width = static_cast<std::size_t>(tables.x.size());
        const std::size_t affordable = kRingBudget / (waiting * pixel);
        const std::size_t strip = std::min(width, std::max(affordable, kSmallestStrip));
        strip_ = static_cast<int>(strip);
        const auto packed =
            static_cast<std::size_t>(columns_) * static_cast<std::size_t>(channels_);
        ring_offset_ = aligned(RowReader::kRowsKept * packed);
        line_offset_ = ring_offset_ + aligned(waiting * strip * pixel);
        pointers_offset_ = line_offset_ + aligned(strip * pixel);
        workspace_size_ = pointers_offset_ + taps * sizeof(void*);
      },
      tables_);
}

RowTarget Plan::target(void* tensor, int x, int y) const {
  const std::ptrdiff_t plane = std::ptrdiff_t{spec_.width} * spec_.height;
  const std::ptrdiff_t pixel = std::ptrdiff_t{y} * spec_.width + x;
  const bool planar = spec_.layout == Layout::nchw;
  const std::ptrdiff_t channels = spec_.channels();
  const std::ptrdiff_t first = planar ? pixel : pixel * channels;
  auto* bytes = static_cast<std::uint8_t*>(tensor) + first * size_of(spec_.dtype);
  return {bytes, planar ? plane : 1, planar ? 1 : channels};
}

void Plan::pad(const Affine& affine, void* tensor) const {
  const AxisPlacement& x = geometry_.x;
  const AxisPlacement& y = geometry_.y;
  const int right = x.tensor_begin + x.size;
  for (int row = 0; row < spec_.height; ++row) {
    if (row < y.tensor_begin || row >= y.tensor_begin + y.size) {
      affine.fill(pad_level_, spec_.width, target(tensor, 0, row));
    } else {
      affine.fill(pad_level_, x.tensor_begin, target(tensor, 0, row));
      affine.fill(pad_level_, spec_.width - right, target(tensor, right, row));
    }
  }
}

void Plan::run(const FrameView& frame, const Affine& affine, void* tensor,
               std::uint8_t* workspace) const noexcept {
  if (geometry_.x.size < spec_.width || geometry_.y.size < spec_.height) pad(affine, tensor);
  if (const auto* exact = std::get_if<Tables<std::int32_t>>(&tables_)) {
    Stream<ExactArithmetic>(*this, *exact, frame, workspace).run(affine, tensor);
  } else if (const auto* precise = std::get_if<Tables<double>>(&tables_)) {
    Stream<PreciseArithmetic>(*this, *precise, frame, workspace).run(affine, tensor);
  } else {
    Stream<FloatArithmetic>(*this, std::get<Tables<float>>(tables_), frame, workspace)
        .run(affine, tensor);
  }
}

}  // namespace edgeclf

// Over 200 lines because a plan for each arithmetic is laid out here, with what they share.
#include "edgeclf/plan.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "edgeclf/fold.h"
#include "plan_fast.h"
#include "plan_lines.h"
#include "plan_parts.h"

namespace edgeclf {
namespace {

constexpr std::size_t kAlignment = 64;
// The rows that wait for the vertical pass should stay in a small core's second-level cache.
constexpr std::size_t kRingBudget = std::size_t{1} << 18;
constexpr std::size_t kSmallestStrip = 16;

std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

template <class Weight>
struct ArithmeticOf;
template <>
struct ArithmeticOf<std::int32_t> {
  using type = ExactArithmetic;
};
template <>
struct ArithmeticOf<double> {
  using type = PreciseArithmetic;
};

}  // namespace

Plan::Plan(const InputSpec& spec, const FrameLayout& layout)
    : spec_(spec),
      layout_(layout),
      channels_(levels_per_pixel(layout, spec)),
      plane_count_(planes_read(layout, channels_)),
      geometry_(place(spec, layout.width, layout.height)),
      pad_level_(pad_levels(spec)) {
  make_tables();
  lay_out_workspace();
}

void Plan::make_tables() {
  const bool packed = layout_.kind == FrameKind::packed;
  // The blocks of a packed frame are averages of pixels; those of other frames are chroma.
  const FrameLayout::Plane& plane = layout_.planes[0];
  const Fold blocks_x = packed ? plane.x : Fold{};
  const Fold blocks_y = packed ? plane.y : Fold{};
  const Axes of_pixels =
      make_axes(spec_, geometry_, layout_.width, layout_.height, blocks_x, blocks_y);
  const bool only_selects = of_pixels.x.selects && of_pixels.y.selects;
  if (packed && (spec_.takes_pillow_bytes() || only_selects)) {
    tables_ = TablesOfPlanes<std::int32_t>{};
  } else if (spec_.takes_fixed_point(!packed) && layout_.kind != FrameKind::gray16 &&
             fits_fixed_point(of_pixels)) {
    make_fixed_tables(of_pixels);
    return;
  } else {
    tables_ = TablesOfPlanes<double>{};
  }
  for (std::size_t p = 0; p < static_cast<std::size_t>(plane_count_); ++p) {
    Axes axes = axes_of(p, of_pixels);
    if (auto* exact = std::get_if<TablesOfPlanes<std::int32_t>>(&tables_)) {
      auto& [x, y] = (*exact)[p];
      x = to_fixed(axes.x);
      y = to_fixed(axes.y);
      if (kernels().takes_byte_tables && planes_[p].channels == 3) {
        x.bytes = byte_table(x, byte_step_of(layout_));
        byte_step_ = x.bytes.step;
      }
    } else {
      std::get<TablesOfPlanes<double>>(tables_)[p] = {std::move(axes.x), std::move(axes.y)};
    }
  }
}

void Plan::make_fixed_tables(const Axes& of_pixels) {
  kernels_ = &fast_kernels();
  fraction_ = fraction_bits(of_pixels);
  if (layout_.joined && channels_ == 3 && make_joined_table(of_pixels)) return;
  for (std::size_t p = 0; p < static_cast<std::size_t>(plane_count_); ++p) {
    const Axes axes = axes_of(p, of_pixels);
    const FrameLayout::Plane& layout = layout_.planes[p];
    PlanePlan& plan = planes_[p];
    plan.copied = !layout.readable || plan.channels != layout.channels ||
                  layout.pixel.bytes(plan.columns) < kFastRowBytes ||
                  (is_bilinear(axes, fraction_) && !fits_bilinear(layout.pixel));
    fixed_[p] = FastPlane(axes, plan.copied ? copied_layout(plan.channels) : layout.pixel,
                          plan.columns, plan.copied, fraction_, *kernels_, p == 0);
  }
}

// Where Y, U and V are interpolated from the same four pixels they are so at once.
bool Plan::make_joined_table(const Axes& of_pixels) {
  Axes axes = of_pixels;
  const int first = axes.x.first.front();
  const int columns = axes.x.first.back() + axes.x.count.back() - first;
  for (auto& index : axes.x.first) index -= first;
  const PixelLayout pixel = layout_.joined_pixel.beginning_at(first);
  if (!is_bilinear(axes, fraction_) || !fits_bilinear(pixel)) return false;
  if (pixel.bytes(columns) < kFastRowBytes) return false;
  joined_ = true;
  plane_count_ = 1;
  planes_[0].channels = 3;
  planes_[0].first_column = first;
  planes_[0].columns = columns;
  fixed_[0] = FastPlane(axes, pixel, columns, false, fraction_, *kernels_, true);
  return true;
}

// The tables of a plane, whose columns count from the first that is read.
Axes Plan::axes_of(std::size_t plane, const Axes& of_pixels) {
  const FrameLayout::Plane& layout = layout_.planes[plane];
  const bool packed = layout_.kind == FrameKind::packed;
  Axes axes =
      packed ? of_pixels : Axes{folded(of_pixels.x, layout.x), folded(of_pixels.y, layout.y)};
  const int first = axes.x.first.front();
  PlanePlan& plan = planes_[plane];
  plan.channels = layout_.kind == FrameKind::packed ? channels_ : layout.channels;
  plan.first_column = first;
  plan.columns = axes.x.first.back() + axes.x.count.back() - first;
  for (auto& index : axes.x.first) index -= first;
  return axes;
}

void Plan::lay_out_workspace() {
  if (kernels_ != nullptr) {
    strip_ = geometry_.x.size;
    for (std::size_t p = 0; p < static_cast<std::size_t>(plane_count_); ++p) {
      planes_[p].ring_offset = workspace_size_;
      workspace_size_ += fixed_[p].workspace_size();
    }
    return;
  }
  std::visit(
      [this](const auto& tables) {
        using Weight = typename std::decay_t<decltype(tables[0].x.weights)>::value_type;
        constexpr std::size_t sample = sizeof(typename ArithmeticOf<Weight>::type::Sample);
        const auto planes = static_cast<std::size_t>(plane_count_);
        const auto pixel = [&](std::size_t p) {
          return sample * static_cast<std::size_t>(planes_[p].channels);
        };
        const auto taps = [&](std::size_t p) {
          return static_cast<std::size_t>(tables[p].y.max_taps);
        };
        std::size_t column = 0;  // of all rings
        for (std::size_t p = 0; p < planes; ++p) column += (taps(p) + kRowsAhead) * pixel(p);
        const auto width = static_cast<std::size_t>(tables[0].x.size());
        const std::size_t strip = std::min(width, std::max(kRingBudget / column, kSmallestStrip));
        strip_ = static_cast<int>(strip);
        std::size_t end = 0;
        const auto take = [&end](std::size_t size) {
          return std::exchange(end, end + aligned(size));
        };
        for (std::size_t p = 0; p < planes; ++p) {
          PlanePlan& plan = planes_[p];
          plan.scratch_offset = take(RowReader::kRowsKept * static_cast<std::size_t>(plan.columns) *
                                     static_cast<std::size_t>(plan.channels));
          plan.ring_offset = take((taps(p) + kRowsAhead) * strip * pixel(p));
          plan.line_offset = take(strip * pixel(p));
          plan.pointers_offset = take(taps(p) * sizeof(void*));
        }
        if (layout_.kind != FrameKind::packed)
          levels_offset_ = take(strip * sample * static_cast<std::size_t>(channels_));
        workspace_size_ = end;
      },
      tables_);
}

Conversion Plan::conversion_of(const FrameView& frame) const {
  return conversion_for(frame, channels_);
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

template <class Lines>
void Plan::write(Lines&& lines, const Affine& affine, void* tensor, Band band) const {
  for (int x = 0; x < geometry_.x.size; x += strip_) {
    lines.begin(x, std::min(strip_, geometry_.x.size - x));
    for (int y = band.begin; y < band.end; ++y) {
      lines.encode(y, affine,
                   target(tensor, geometry_.x.tensor_begin + x, geometry_.y.tensor_begin + y));
    }
  }
}

void Plan::run(const FrameView& frame, const Affine& affine, void* tensor, std::uint8_t* workspace,
               Band band) const noexcept {
  const bool padded = geometry_.x.size < spec_.width || geometry_.y.size < spec_.height;
  if (padded && band.begin == 0) pad(affine, tensor);
  if (kernels_ != nullptr) {
    write(FixedLines(*this, frame, affine, workspace), affine, tensor, band);
    return;
  }
  if (frame.kind != FrameKind::packed) {
    write(ConvertedLines<PreciseArithmetic>(*this, frame, workspace), affine, tensor, band);
    return;
  }
  std::visit(
      [&](const auto& tables) {
        using Weight = typename std::decay_t<decltype(tables[0].x.weights)>::value_type;
        using Arithmetic = typename ArithmeticOf<Weight>::type;
        write(PackedLines<Arithmetic>(*this, frame, workspace), affine, tensor, band);
      },
      tables_);
}

}  // namespace edgeclf

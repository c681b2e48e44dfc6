#include "edgeclf/plan.h"

#include <algorithm>
#include <type_traits>

#include "edgeclf/resample.h"

namespace edgeclf {
namespace {

constexpr std::size_t kAlignment = 64;
// The rows that wait for the vertical pass should stay in a small core's second-level cache.
constexpr std::size_t kRingBudget = std::size_t{1} << 18;
constexpr std::size_t kSmallestStrip = 16;

std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

PerChannel<std::uint8_t> default_pad(ResizeMode mode) {
  constexpr std::uint8_t letterbox = 114;
  const std::uint8_t level = mode == ResizeMode::letterbox ? letterbox : 0;
  return {level, level, level};
}

// Which of a source pixel's samples is channel c of the tensor.
std::array<int, 3> tensor_order(ColorMode mode, const std::array<int, 3>& rgb) {
  return mode == ColorMode::bgr ? std::array<int, 3>{rgb[2], rgb[1], rgb[0]} : rgb;
}

}  // namespace

// One run: source rows are resampled across once, wait in a ring, and are combined into one line
// of the tensor after the other.
template <class Arithmetic>
class Plan::Stream {
 public:
  using Sample = typename Arithmetic::Sample;
  using Weight = typename Arithmetic::Weight;

  Stream(const Plan& plan, const Tables<Weight>& tables, const FrameView& frame,
         std::uint8_t* workspace)
      : plan_(plan),
        tables_(tables),
        reader_(frame, plan.channels_, plan.first_column_, plan.columns_, workspace),
        order_(tensor_order(plan.spec_.color_mode, reader_.rgb())),
        reads_in_place_(std::is_same<Sample, std::uint8_t>::value && tables.x.consecutive &&
                        reader_.in_place() && reader_.step() == plan.channels_),
        ring_(reinterpret_cast<Sample*>(workspace + plan.ring_offset_)),
        line_(reinterpret_cast<Sample*>(workspace + plan.line_offset_)),
        rows_(reinterpret_cast<const Sample**>(workspace + plan.pointers_offset_)) {}

  void run(const Affine& affine, void* tensor) {
    for (int x = 0; x < tables_.x.size(); x += plan_.strip_) {
      const int size = std::min(plan_.strip_, tables_.x.size() - x);
      next_row_ = 0;
      for (int y = 0; y < tables_.y.size(); ++y) {
        affine.encode(line(x, y, size), plan_.channels_, order_, size,
                      plan_.target(tensor, plan_.geometry_.x.tensor_begin + x,
                                   plan_.geometry_.y.tensor_begin + y));
      }
    }
  }

 private:
  const Sample* line(int x, int y, int size) {
    const auto at = static_cast<std::size_t>(y);
    const int first = tables_.y.first[at];
    const int count = tables_.y.count[at];
    if (!reads_in_place_) fill_ring(first, count, x, size);
    for (int k = 0; k < count; ++k) rows_[k] = waiting(first + k, x);
    if (tables_.y.selects) return rows_[0];
    combine_rows(rows_, tables_.y.weight(y), count, size * plan_.channels_, line_);
    return line_;
  }

  // Rows that an earlier line has needed are still in the ring; rows between are never read.
  void fill_ring(int first, int count, int x, int size) {
    for (int row = std::max(next_row_, first); row < first + count; ++row) {
      resample_row(reader_.row(row), reader_.step(), plan_.channels_, tables_.x, x, size,
                   slot(row));
    }
    next_row_ = first + count;
  }

  const Sample* waiting(int row, int x) const {
    if constexpr (std::is_same<Sample, std::uint8_t>::value) {
      if (reads_in_place_) {
        return reader_.row(row) + tables_.x.first[static_cast<std::size_t>(x)] * reader_.step();
      }
    }
    return slot(row);
  }

  Sample* slot(int row) const {
    return ring_ + static_cast<std::ptrdiff_t>(row % tables_.y.max_taps) * plan_.strip_ *
                       plan_.channels_;
  }

  const Plan& plan_;
  const Tables<Weight>& tables_;
  RowReader reader_;
  std::array<int, 3> order_;
  bool reads_in_place_;  // nothing happens across: the source's own rows are combined
  Sample* ring_;
  Sample* line_;
  const Sample** rows_;
  int next_row_ = 0;
};

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
        const std::size_t sample = std::is_same<std::decay_t<decltype(tables)>, Tables<float>>::value
                                       ? sizeof(float)
                                       : sizeof(std::uint8_t);
        const auto taps = static_cast<std::size_t>(tables.y.max_taps);
        const std::size_t pixel = sample * static_cast<std::size_t>(channels_);
        const auto width = static_cast<std::size_t>(tables.x.size());
        const std::size_t affordable = kRingBudget / (taps * pixel);
        const std::size_t strip = std::min(width, std::max(affordable, kSmallestStrip));
        strip_ = static_cast<int>(strip);
        const auto packed = static_cast<std::size_t>(columns_) * static_cast<std::size_t>(channels_);
        ring_offset_ = aligned(packed);
        line_offset_ = ring_offset_ + aligned(taps * strip * pixel);
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
  } else {
    Stream<FloatArithmetic>(*this, std::get<Tables<float>>(tables_), frame, workspace)
        .run(affine, tensor);
  }
}

}  // namespace edgeclf

// One plane's way through one run of a plan; included by plan_lines.h alone.
#pragma once

#include <algorithm>
#include <array>
#include <type_traits>

#include "edgeclf/plan.h"
#include "edgeclf/resample.h"

namespace edgeclf {

// The exact arithmetic resamples two rows at once, and so may be a row ahead.
constexpr int kRowsAhead = 1;

// Source rows are resampled across once, wait in a ring, and are combined into one line after the
// other, strip by strip. A line has the samples of each pixel side by side; but where there are two
// (U and V, low and high byte) it has all the first, then all the second.
template <class Arithmetic>
class Plan::Stream {
 public:
  using Sample = typename Arithmetic::Sample;
  using Weight = typename Arithmetic::Weight;
  static constexpr bool kExact = std::is_same<Arithmetic, ExactArithmetic>::value;

  Stream(const Plan& plan, std::size_t index, const FrameView& frame, std::uint8_t* workspace)
      : plane_(plan.planes_[index]),
        tables_(std::get<TablesOfPlanes<Weight>>(plan.tables_)[index]),
        strip_(plan.strip_),
        reader_(frame.planes[index], plane_.channels, plane_.first_column, plane_.columns,
                workspace + plane_.scratch_offset),
        reads_in_place_(kExact && tables_.x.consecutive && reader_.in_place() &&
                        reader_.step() == plane_.channels && plane_.channels != 2),
        ring_(reinterpret_cast<Sample*>(workspace + plane_.ring_offset)),
        line_(reinterpret_cast<Sample*>(workspace + plane_.line_offset)),
        rows_(reinterpret_cast<const Sample**>(workspace + plane_.pointers_offset)) {}

  int channels() const { return plane_.channels; }

  // Which of a pixel's samples in a line is the plane's first, second and third.
  const std::array<int, 3>& order() const { return reader_.order(); }

  // The strip of `size` pixels from x on comes next, from its top.
  void begin(int x, int size) {
    x_ = x;
    size_ = size;
    next_row_ = 0;
  }

  // y never decreases within a strip. Valid until the next call.
  const Sample* line(int y) {
    const auto at = static_cast<std::size_t>(y);
    const int first = tables_.y.first[at];
    const int count = tables_.y.count[at];
    if (!reads_in_place_) fill_ring(first, count);
    for (int k = 0; k < count; ++k) rows_[k] = waiting(first + k);
    if (tables_.y.selects) return rows_[0];
    combine_rows(y, size_ * plane_.channels);
    return line_;
  }

 private:
  // Rows that an earlier line has needed are still in the ring; rows between are never read.
  void fill_ring(int first, int count) {
    const int end = first + count;
    int row = std::max(next_row_, first);
    if constexpr (kExact) {
      // Two at once, though the second may be one that only a later line needs.
      for (; row < end && row + 1 < rows_end_; row += 2) resample_two_rows(row);
    }
    for (; row < end; ++row) resample_columns(reader_.row(row), slot(row));
    next_row_ = row;
  }

  void resample_two_rows(int y) const {
    const SourceRow row{reader_.row(y), reader_.step(), plane_.columns, plane_.channels};
    kernels_.resample_exact(row, reader_.row(y + 1), tables_.x, x_, size_, slot(y), slot(y + 1));
  }

  void resample_columns(const std::uint8_t* row, Sample* out) const {
    if (plane_.channels != 2) {
      resample_row({row, reader_.step(), plane_.columns, plane_.channels}, out);
      return;
    }
    const auto& order = reader_.order();
    resample_row({row + order[0], reader_.step(), plane_.columns, 1}, out);
    resample_row({row + order[1], reader_.step(), plane_.columns, 1}, out + size_);
  }

  void resample_row(const SourceRow& row, Sample* out) const {
    if constexpr (kExact) {
      kernels_.resample_exact(row, nullptr, tables_.x, x_, size_, out, nullptr);
    } else {
      kernels_.resample_precise(row, tables_.x, x_, size_, out);
    }
  }

  void combine_rows(int y, int samples) const {
    [[maybe_unused]] const int taps = tables_.y.count[static_cast<std::size_t>(y)];
    [[maybe_unused]] const Weight* weights = tables_.y.weight(y);
    if constexpr (kExact) {
      kernels_.combine_exact(rows_, tables_.y, y, samples, line_);
    } else {
      kernels_.combine_precise(rows_, weights, taps, samples, line_);
    }
  }

  const Sample* waiting(int row) const {
    if constexpr (kExact) {
      if (reads_in_place_) {
        return reader_.row(row) + tables_.x.first[static_cast<std::size_t>(x_)] * reader_.step();
      }
    }
    return slot(row);
  }

  Sample* slot(int row) const {
    return ring_ + static_cast<std::ptrdiff_t>(row % (tables_.y.max_taps + kRowsAhead)) * strip_ *
                       plane_.channels;
  }

  const PlanePlan& plane_;
  const Tables<Weight>& tables_;
  const Kernels& kernels_ = kernels();
  int strip_;
  RowReader reader_;
  bool reads_in_place_;  // nothing happens across: the source's own rows are combined
  Sample* ring_;
  Sample* line_;
  const Sample** rows_;
  int x_ = 0;
  int size_ = 0;
  int next_row_ = 0;
  // Rows from here on are not read ahead; where lines are single rows, none are.
  int rows_end_ = tables_.y.selects ? 0 : tables_.y.first.back() + tables_.y.count.back();
};

}  // namespace edgeclf

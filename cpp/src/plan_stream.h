// One run of a plan over one frame; included by plan.cpp alone.
#pragma once

#include <algorithm>
#include <array>
#include <type_traits>

#include "edgeclf/plan.h"
#include "edgeclf/resample.h"

namespace edgeclf {

// Which of a source pixel's samples is channel c of the tensor.
inline std::array<int, 3> tensor_order(ColorMode mode, const std::array<int, 3>& rgb) {
  return mode == ColorMode::bgr ? std::array<int, 3>{rgb[2], rgb[1], rgb[0]} : rgb;
}

// The exact arithmetic resamples two rows at once, and so may be a row ahead.
constexpr int kRowsAhead = 1;

// Source rows are resampled across once, wait in a ring, and are combined into one line
// of the tensor after the other.
template <class Arithmetic>
class Plan::Stream {
 public:
  using Sample = typename Arithmetic::Sample;
  using Weight = typename Arithmetic::Weight;
  static constexpr bool kExact = std::is_same<Arithmetic, ExactArithmetic>::value;
  static constexpr bool kPrecise = std::is_same<Arithmetic, PreciseArithmetic>::value;

  Stream(const Plan& plan, const Tables<Weight>& tables, const FrameView& frame,
         std::uint8_t* workspace)
      : plan_(plan),
        tables_(tables),
        reader_(frame, plan.channels_, plan.first_column_, plan.columns_, workspace),
        order_(tensor_order(plan.spec_.color_mode, reader_.rgb())),
        reads_in_place_(kExact && tables.x.consecutive && reader_.in_place() &&
                        reader_.step() == plan.channels_),
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
    combine_rows(y, size * plan_.channels_);
    return line_;
  }

  void resample_row(int y, int x, int size) const {
    const SourceRow row{reader_.row(y), reader_.step(), plan_.columns_, plan_.channels_};
    Sample* out = slot(y);
    if constexpr (kExact) {
      kernels_.resample_exact(row, nullptr, tables_.x, x, size, out, nullptr);
    } else if constexpr (kPrecise) {
      kernels_.resample_precise(row, tables_.x, x, size, out);
    } else {
      kernels_.resample_float(row, tables_.x, x, size, out);
    }
  }

  void combine_rows(int y, int samples) const {
    [[maybe_unused]] const int taps = tables_.y.count[static_cast<std::size_t>(y)];
    [[maybe_unused]] const Weight* weights = tables_.y.weight(y);
    if constexpr (kExact) {
      kernels_.combine_exact(rows_, tables_.y, y, samples, line_);
    } else if constexpr (kPrecise) {
      kernels_.combine_precise(rows_, weights, taps, samples, line_);
    } else {
      kernels_.combine_float(rows_, weights, taps, samples, line_);
    }
  }

  // Rows that an earlier line has needed are still in the ring; rows between are never read.
  void fill_ring(int first, int count, int x, int size) {
    const int end = first + count;
    int row = std::max(next_row_, first);
    if constexpr (kExact) {
      // Two at once, though the second may be one that only a later line needs.
      for (; row < end && row + 1 < rows_end_; row += 2) resample_two_rows(row, x, size);
    }
    for (; row < end; ++row) resample_row(row, x, size);
    next_row_ = row;
  }

  void resample_two_rows(int y, int x, int size) const {
    const SourceRow row{reader_.row(y), reader_.step(), plan_.columns_, plan_.channels_};
    kernels_.resample_exact(row, reader_.row(y + 1), tables_.x, x, size, slot(y), slot(y + 1));
  }

  const Sample* waiting(int row, int x) const {
    if constexpr (kExact) {
      if (reads_in_place_) {
        return reader_.row(row) + tables_.x.first[static_cast<std::size_t>(x)] * reader_.step();
      }
    }
    return slot(row);
  }

  Sample* slot(int row) const {
    return ring_ + static_cast<std::ptrdiff_t>(row % (tables_.y.max_taps + kRowsAhead)) *
                       plan_.strip_ * plan_.channels_;
  }

  const Plan& plan_;
  const Tables<Weight>& tables_;
  const Kernels& kernels_ = kernels();
  RowReader reader_;
  std::array<int, 3> order_;
  bool reads_in_place_;  // nothing happens across: the source's own rows are combined
  Sample* ring_;
  Sample* line_;
  const Sample** rows_;
  int next_row_ = 0;
  // Rows from here on are not read ahead; where lines are single rows, none are.
  int rows_end_ = tables_.y.selects ? 0 : tables_.y.first.back() + tables_.y.count.back();
};

}  // namespace edgeclf

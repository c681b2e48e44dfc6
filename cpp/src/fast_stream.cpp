// A plane's way through one run of a plan.
#include <algorithm>

#include "edgeclf/fast_plane.h"

namespace edgeclf {

FastStream::FastStream(const FastPlane& plane, const FastKernels& kernels, const FastRows& rows,
                       std::uint8_t* workspace)
    : plane_(plane),
      kernels_(kernels),
      rows_(rows),
      ring_(workspace + plane.ring_offset_),
      words_(reinterpret_cast<std::int16_t*>(workspace + plane.words_offset_)),
      next_words_(reinterpret_cast<std::int16_t*>(workspace + plane.next_words_offset_)),
      kept_(reinterpret_cast<std::int32_t*>(workspace + plane.kept_offset_)),
      current_(reinterpret_cast<const std::uint8_t**>(workspace + plane.pointers_offset_)),
      next_(current_ + plane.rows_at_once() + 1),
      aheads_(plane.fetched_) {
  for (Ahead& ahead : aheads_) ahead.rows = next_;
  auto* line = reinterpret_cast<std::int16_t*>(workspace + plane.lines_offset_);
  for (FastLines& lines : lines_) {
    for (int s = 0; s < plane.samples_; ++s, line += plane.padded_) {
      lines[static_cast<std::size_t>(s)] = line;
    }
    if (plane.paired_.empty()) break;
  }
}

void FastStream::copy_rows(int first, int count) {
  for (int y = std::max(next_row_, first); y < first + count; ++y) {
    auto* slot = ring_ + static_cast<std::size_t>(y % plane_.rows_at_once()) * plane_.ring_pitch_;
    rows_.copies->copy(y, slot);
  }
}

const std::uint8_t* FastStream::row(int y) const {
  if (rows_.copies == nullptr) return rows_.first + y * rows_.stride;
  return ring_ + static_cast<std::size_t>(y % plane_.rows_at_once()) * plane_.ring_pitch_;
}

// The rows that come next and are not needed yet. Only their number changes: to write all of an
// Ahead anew, from narrow parts, would stall the copy for each line.
void FastStream::look_ahead(int first, int count) {
  int found = 0;
  if (rows_.copies == nullptr) {
    for (int r = std::max(next_row_, first); r < first + count; ++r) next_[found++] = row(r);
  }
  for (Ahead& ahead : aheads_) ahead.count = found;
}

void FastStream::look_ahead_of_line(int y) {
  const auto next = static_cast<std::size_t>(y + 1);
  const bool last = y + 1 >= plane_.down_.size();
  look_ahead(last ? 0 : plane_.down_.first[next], last ? 0 : plane_.down_.count[next]);
}

void FastStream::sum_rows(int y) {
  const std::int16_t* weights =
      plane_.sum_weights_.data() + static_cast<std::ptrdiff_t>(y) * plane_.row_count_;
  const int count = plane_.down_.count[static_cast<std::size_t>(y)];
  const DownSum sum{current_, weights, count + count % 2, plane_.shift_, plane_.bytes_, nullptr,
                    0,        0};
  kernels_.down(sum, aheads_[0], words_);
  kernels_.across(words_, plane_.across_, aheads_[0], lines_[0]);
}

void FastStream::make_paired_lines(int pair) {
  const PairedRows& paired = plane_.paired_;
  const auto at = static_cast<std::size_t>(pair);
  use_rows(paired.first[at], paired.count[at]);
  const bool last = at + 1 == paired.first.size();
  look_ahead(last ? 0 : paired.first[at + 1], last ? 0 : paired.count[at + 1]);
  const std::ptrdiff_t weights = std::ptrdiff_t{pair} * paired.row_count;
  const int count = paired.count[at] + paired.count[at] % 2;
  const DownSum sum{current_,
                    paired.weights.data() + weights,
                    count,
                    plane_.shift_,
                    plane_.bytes_,
                    paired.next_weights.data() + weights,
                    paired.next_begin[at],
                    paired.end[at]};
  kernels_.down_two(sum, aheads_[0], words_, next_words_);
  kernels_.across_two({words_, next_words_}, plane_.across_, aheads_[0], lines_);
  made_pair_ = pair;
}

void FastStream::sum_shared_rows(int y) {
  const SharedRows& shared = plane_.shared_;
  const auto at = static_cast<std::size_t>(y);
  const int first = shared.first[at];
  const int count = shared.count[at];
  use_rows(first, count);
  look_ahead_of_line(y);
  const std::ptrdiff_t weights = static_cast<std::ptrdiff_t>(y) * shared.row_count;
  DownSum sum{current_, shared.weights.data() + weights, count + count % 2, plane_.shift_,
              plane_.bytes_};
  sum.next_weights = shared.next_weights.data() + weights;
  kernels_.down_shared(sum, aheads_[0], kept_, words_);
  next_kept_ = y + 1;
}

// Where a band begins, what line y shares with the one before it has yet to be summed.
void FastStream::begin_shared(int y) {
  std::fill_n(kept_, kept_sums(plane_.bytes_), 1 << (plane_.shift_ - 1));
  if (y > 0) sum_shared_rows(y - 1);
}

// Makes them the current ones; an odd last one is there twice.
void FastStream::use_rows(int first, int count) {
  if (rows_.copies != nullptr) copy_rows(first, count);
  next_row_ = first + count;
  for (int k = 0; k < count; ++k) current_[k] = row(first + k);
  if (count > 0) current_[count] = current_[count - 1];
}

const FastLines& FastStream::line(int y) {
  if (!plane_.paired_.empty()) {
    if (y / 2 != made_pair_) make_paired_lines(y / 2);
    fetching_ = static_cast<std::size_t>(y % 2);
    return lines_[fetching_];
  }
  if (!plane_.shared_.empty()) {
    if (y != next_kept_) begin_shared(y);
    sum_shared_rows(y);
    kernels_.across(words_, plane_.across_, aheads_[0], lines_[0]);
    return lines_[0];
  }
  const auto at = static_cast<std::size_t>(y);
  const int first = plane_.down_.first[at];
  const int count = plane_.down_.count[at];
  use_rows(first, count);
  look_ahead_of_line(y);
  if (plane_.bilinear_) {
    const std::uint8_t* lower = current_[count > 1 ? 1 : 0];
    kernels_.bilinear(current_[0], lower, plane_.lower_weights_[at], plane_.direct_, aheads_[0],
                      lines_[0]);
  } else {
    sum_rows(y);
  }
  return lines_[0];
}

}  // namespace edgeclf

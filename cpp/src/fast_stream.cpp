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
      kept_(reinterpret_cast<std::int32_t*>(workspace + plane.kept_offset_)),
      current_(reinterpret_cast<const std::uint8_t**>(workspace + plane.pointers_offset_)),
      next_(current_ + plane.rows_at_once() + 1),
      aheads_(plane.fetched_) {
  for (Ahead& ahead : aheads_) ahead.rows = next_;
  auto* line = reinterpret_cast<std::int16_t*>(workspace + plane.lines_offset_);
  for (std::size_t i = 0; i < static_cast<std::size_t>(plane.lines_at_once()); ++i) {
    std::uint8_t* words = workspace + plane.words_offset_ + i * plane.words_size_;
    words_[i] = reinterpret_cast<std::int16_t*>(words);
    for (int s = 0; s < plane.samples_; ++s, line += plane.padded_) {
      lines_[i][static_cast<std::size_t>(s)] = line;
    }
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
  const DownSum sum{current_, weights, count + count % 2, plane_.shift_, plane_.bytes_};
  kernels_.down(sum, aheads_[0], words_[0]);
  kernels_.across(words_[0], plane_.across_, aheads_[0], lines_[0]);
}

void FastStream::make_bundle(int bundle) {
  const BundledRows& bundled = plane_.bundled_;
  const auto at = static_cast<std::size_t>(bundle);
  use_rows(bundled.first[at], bundled.count[at]);
  const bool last = at + 1 == bundled.first.size();
  look_ahead(last ? 0 : bundled.first[at + 1], last ? 0 : bundled.count[at + 1]);
  const std::ptrdiff_t line = std::ptrdiff_t{bundle} * bundled.lines;
  BundleSum sum;
  sum.rows = current_;
  sum.lines = bundled.lines;
  sum.weights = bundled.weights.data() + line * bundled.row_count;
  sum.pitch = bundled.row_count;
  sum.begin = bundled.begin.data() + line;
  sum.end = bundled.end.data() + line;
  sum.shift = plane_.shift_;
  sum.bytes = plane_.bytes_;
  kernels_.down_bundle(sum, aheads_[0], words_);
  kernels_.across_bundle(words_, bundled.lines, plane_.across_, aheads_[0], lines_);
  made_ = bundle;
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
  kernels_.down_shared(sum, aheads_[0], kept_, words_[0]);
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
  if (!plane_.bundled_.empty()) {
    const int lines = plane_.bundled_.lines;
    if (y / lines != made_) make_bundle(y / lines);
    fetching_ = static_cast<std::size_t>(y % lines);
    return lines_[fetching_];
  }
  if (!plane_.shared_.empty()) {
    if (y != next_kept_) begin_shared(y);
    sum_shared_rows(y);
    kernels_.across(words_[0], plane_.across_, aheads_[0], lines_[0]);
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

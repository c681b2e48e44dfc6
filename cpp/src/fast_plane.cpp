#include "edgeclf/fast_plane.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace edgeclf {
namespace {

constexpr std::size_t kAlignment = 64;
// 255 * 2^22 still fits into 32 bits, with what overshoots.
constexpr int kMostBitsDown = 22;

// How the time of a line is shared between its parts, so that memory is read at an even pace. Rough
// cycles of one AVX2 core; a wrong guess costs a little speed.
struct Effort {
  double down = 0.0;
  double across = 0.0;
  double encode = 0.0;
};

double effort_down(int rows, bool shared) {
  if (shared) return 6.5 * rows + 11.0;
  return rows <= 2 ? 8.0 : 4.75 * rows + 8.0;
}

Effort effort_of(const AcrossTable& across, int bytes, int rows, bool shared) {
  const double groups = across.axis.taps.size() / 16.0;
  return {bytes / 64.0 * effort_down(rows, shared), groups * (13.0 * across.steps + 22.0),
          groups * 16.0};
}

Effort effort_of(const BilinearTable& table) {
  const double groups = table.axis.taps.size() / 16.0;
  return {0.0, groups * 42.0, groups * 16.0};
}

// Two rows are blended in Q14, for which there is a shorter way.
int bits_down(const Axis<double>& axis) { return axis.max_taps <= 2 ? 14 : kMostBitsDown; }

std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

// Of a level, by the rounding of weights alone, in the worst picture there is.
constexpr double kLargestError = 0.06;

}  // namespace

bool fits_fixed_point(const Axes& axes) {
  return weight_error(axes.x, kMostBitsAcross) + weight_error(axes.y, bits_down(axes.y)) <=
         kLargestError;
}

FastPlane::FastPlane(const Axes& axes, const PixelLayout& pixel, int columns, bool copied,
                     int fraction, const FastKernels& kernels, bool encodes)
    : samples_(pixel.samples),
      bytes_(std::max(pixel.bytes(columns), kFastRowBytes)),
      padded_(fast_padded(axes.x.size())),
      bilinear_(fraction == kBilinearFraction && is_bilinear(axes, pixel)),
      encodes_(encodes) {
  if (bilinear_) {
    direct_ = make_bilinear(axes.x, pixel, bytes_, kernels.bilinear_blocks);
    set_lower_weights(axes.y);
    const Effort effort = effort_of(direct_);
    share_fetching(effort.down, effort.across, effort.encode);
  } else {
    across_ = make_across(axes.x, pixel, kernels.blocks);
    set_sums(axes.y, fraction, kernels.blocks);
    const Effort effort = effort_of(across_, bytes_, rows_per_line(), !shared_.empty());
    share_fetching(effort.down, effort.across, effort.encode);
  }
  lay_out_workspace(copied);
}

void FastPlane::set_lower_weights(const Axis<double>& axis) {
  constexpr double kOne = 1 << 15;
  constexpr double kMost = INT16_MAX;
  down_ = to_words(axis, 14).taps;
  for (int i = 0; i < axis.size(); ++i) {
    const double lower = down_.count[static_cast<std::size_t>(i)] > 1 ? axis.weight(i)[1] : 0.0;
    const double rounded = std::min(std::nearbyint(lower * kOne), kMost);
    lower_weights_.push_back(static_cast<std::int16_t>(rounded));
  }
}

void FastPlane::set_sums(const Axis<double>& axis, int fraction, int blocks) {
  FixedAxis fixed = to_words(axis, bits_down(axis));
  down_ = std::move(fixed.taps);
  shift_ = fixed.bits - fraction;
  if (blocks > 0 && down_.max_taps > 2) shared_ = shared_rows(down_);
  if (!shared_.empty()) return;
  row_count_ = down_.max_taps + down_.max_taps % 2;
  for (int i = 0; i < down_.size(); ++i) {
    const std::int16_t* weights = down_.weight(i);
    sum_weights_.insert(sum_weights_.end(), weights, weights + down_.max_taps);
    sum_weights_.resize(static_cast<std::size_t>(i + 1) * static_cast<std::size_t>(row_count_));
  }
}

int FastPlane::rows_per_line() const {
  if (shared_.empty()) return row_count_;
  return shared_.count[shared_.count.size() / 2];
}

void FastPlane::share_fetching(double down, double across, double encode) {
  constexpr int kCacheLine = 64;
  const double bytes = bytes_ / (down + across + (encodes_ ? encode : 0.0));
  fetched_down_ = static_cast<int>(down * bytes) / kCacheLine * kCacheLine;
  fetched_across_ =
      encodes_ ? static_cast<int>((down + across) * bytes) / kCacheLine * kCacheLine : bytes_;
}

void FastPlane::lay_out_workspace(bool copied) {
  const auto lines = static_cast<std::size_t>(samples_);
  const auto rows = static_cast<std::size_t>(down_.max_taps);
  std::size_t end = 0;
  const auto take = [&end](std::size_t size) { return std::exchange(end, end + aligned(size)); };
  ring_pitch_ = aligned(static_cast<std::size_t>(bytes_));
  ring_offset_ = take(copied ? rows * ring_pitch_ : 0);
  const auto words = static_cast<std::size_t>(bilinear_ ? 0 : bytes_ + across_.words_behind());
  words_offset_ = take(words * sizeof(std::int16_t));
  const auto kept = static_cast<std::size_t>(shared_.empty() ? 0 : kept_sums(bytes_));
  kept_offset_ = take(kept * sizeof(std::int32_t));
  lines_offset_ = take(lines * static_cast<std::size_t>(padded_) * sizeof(std::int16_t));
  pointers_offset_ = take(2 * (rows + 1) * sizeof(void*));
  workspace_size_ = end;
}

FastStream::FastStream(const FastPlane& plane, const FastKernels& kernels, const FastRows& rows,
                       std::uint8_t* workspace)
    : plane_(plane),
      kernels_(kernels),
      rows_(rows),
      ring_(workspace + plane.ring_offset_),
      words_(reinterpret_cast<std::int16_t*>(workspace + plane.words_offset_)),
      kept_(reinterpret_cast<std::int32_t*>(workspace + plane.kept_offset_)),
      current_(reinterpret_cast<const std::uint8_t**>(workspace + plane.pointers_offset_)),
      next_(current_ + plane.down_.max_taps + 1),
      ahead_{next_, 0, plane.fetched_down_, plane.fetched_across_, plane.bytes_} {
  auto* line = reinterpret_cast<std::int16_t*>(workspace + plane.lines_offset_);
  for (int s = 0; s < plane.samples_; ++s, line += plane.padded_) {
    lines_[static_cast<std::size_t>(s)] = line;
  }
}

void FastStream::copy_rows(int first, int count) {
  for (int y = std::max(next_row_, first); y < first + count; ++y) {
    auto* slot = ring_ + static_cast<std::size_t>(y % plane_.down_.max_taps) * plane_.ring_pitch_;
    rows_.copies->copy(y, slot);
  }
}

const std::uint8_t* FastStream::row(int y) const {
  if (rows_.copies == nullptr) return rows_.first + y * rows_.stride;
  return ring_ + static_cast<std::size_t>(y % plane_.down_.max_taps) * plane_.ring_pitch_;
}

// The rows of the next line that this one does not need. Only their number changes: to write all of
// ahead_ anew, from narrow parts, would stall the copy for each line.
void FastStream::look_ahead(int y) {
  ahead_.count = 0;
  if (rows_.copies != nullptr || y + 1 >= plane_.down_.size()) return;
  const auto next = static_cast<std::size_t>(y + 1);
  const int end = plane_.down_.first[next] + plane_.down_.count[next];
  int count = 0;
  for (int r = std::max(next_row_, plane_.down_.first[next]); r < end; ++r) next_[count++] = row(r);
  ahead_.count = count;
}

void FastStream::sum_rows(int y) {
  const std::int16_t* weights =
      plane_.sum_weights_.data() + static_cast<std::ptrdiff_t>(y) * plane_.row_count_;
  const int count = plane_.down_.count[static_cast<std::size_t>(y)];
  current_[count] = current_[count - 1];
  const DownSum sum{current_, weights, count + count % 2, plane_.shift_, plane_.bytes_};
  kernels_.down(sum, ahead_, words_);
  kernels_.across(words_, plane_.across_, ahead_, lines_);
}

void FastStream::sum_shared_rows(int y) {
  const SharedRows& shared = plane_.shared_;
  const auto at = static_cast<std::size_t>(y);
  const int first = shared.first[at];
  const int count = shared.count[at];
  if (rows_.copies != nullptr) copy_rows(first, count);
  next_row_ = first + count;
  for (int k = 0; k < count; ++k) current_[k] = row(first + k);
  if (count > 0) current_[count] = current_[count - 1];
  look_ahead(y);
  const std::ptrdiff_t weights = static_cast<std::ptrdiff_t>(y) * shared.row_count;
  DownSum sum{current_, shared.weights.data() + weights, count + count % 2, plane_.shift_,
              plane_.bytes_};
  sum.next_weights = shared.next_weights.data() + weights;
  kernels_.down_shared(sum, ahead_, kept_, words_);
  next_kept_ = y + 1;
}

// Where a band begins, what line y shares with the one before it has yet to be summed.
void FastStream::begin_shared(int y) {
  std::fill_n(kept_, kept_sums(plane_.bytes_), 1 << (plane_.shift_ - 1));
  if (y > 0) sum_shared_rows(y - 1);
}

const FastLines& FastStream::line(int y) {
  if (!plane_.shared_.empty()) {
    if (y != next_kept_) begin_shared(y);
    sum_shared_rows(y);
    kernels_.across(words_, plane_.across_, ahead_, lines_);
    return lines_;
  }
  const auto at = static_cast<std::size_t>(y);
  const int first = plane_.down_.first[at];
  const int count = plane_.down_.count[at];
  if (rows_.copies != nullptr) copy_rows(first, count);
  next_row_ = first + count;
  for (int k = 0; k < count; ++k) current_[k] = row(first + k);
  look_ahead(y);
  if (plane_.bilinear_) {
    const std::uint8_t* lower = current_[count > 1 ? 1 : 0];
    kernels_.bilinear(current_[0], lower, plane_.lower_weights_[at], plane_.direct_, ahead_,
                      lines_);
  } else {
    sum_rows(y);
  }
  return lines_;
}

}  // namespace edgeclf

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

double effort_down(int rows) { return rows <= 2 ? 8.0 : 4.75 * rows + 8.0; }
double effort_down_shared(int rows) { return 6.5 * rows + 11.0; }
double effort_down_bundle(int rows, int rows_in_lines, int lines) {
  return 2.0 * rows + 2.67 * rows_in_lines + 8.0 * lines;
}

// `down`: of 64 bytes.
Effort effort_of(const AcrossTable& across, int bytes, double down) {
  const double groups = across.axis.taps.size() / 16.0;
  return {bytes / 64.0 * down, groups * (13.0 * across.steps + 22.0), groups * 16.0};
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
      bilinear_(is_bilinear(axes, fraction)),
      encodes_(encodes) {
  if (bilinear_) {
    direct_ = make_bilinear(axes.x, pixel, bytes_, kernels.bilinear_blocks);
    set_lower_weights(axes.y);
    const Effort effort = effort_of(direct_);
    share_fetching(effort.down, effort.across, effort.encode);
  } else {
    across_ = make_across(axes.x, pixel, kernels.blocks);
    set_sums(axes.y, fraction, kernels);
    const Effort effort = effort_of(across_, bytes_, effort_of_sums());
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

void FastPlane::set_sums(const Axis<double>& axis, int fraction, const FastKernels& kernels) {
  FixedAxis fixed = to_words(axis, bits_down(axis));
  down_ = std::move(fixed.taps);
  shift_ = fixed.bits - fraction;
  if (kernels.bundled > 0 && down_.max_taps > 2) {
    shared_ = shared_rows(down_);
    if (!shared_.empty()) return;
    bundled_ = bundled_rows(down_, kernels.bundled);
    if (!bundled_.empty()) return;
  }
  row_count_ = down_.max_taps + down_.max_taps % 2;
  for (int i = 0; i < down_.size(); ++i) {
    const std::int16_t* weights = down_.weight(i);
    sum_weights_.insert(sum_weights_.end(), weights, weights + down_.max_taps);
    sum_weights_.resize(static_cast<std::size_t>(i + 1) * static_cast<std::size_t>(row_count_));
  }
}

// Of 64 bytes, in cycles; for one line or for a bundle.
double FastPlane::effort_of_sums() const {
  if (!shared_.empty()) return effort_down_shared(shared_.count[shared_.count.size() / 2]);
  if (bundled_.empty()) return effort_down(row_count_);
  const std::size_t middle = bundled_.count.size() / 2;
  const auto lines = static_cast<std::size_t>(bundled_.lines);
  int rows_in_lines = 0;
  for (std::size_t line = middle * lines; line < (middle + 1) * lines; ++line) {
    rows_in_lines += bundled_.end[line] - bundled_.begin[line];
  }
  return effort_down_bundle(bundled_.count[middle], rows_in_lines, bundled_.lines);
}

void FastPlane::share_fetching(double down, double across, double encode) {
  constexpr int kCacheLine = 64;
  const int lines = lines_at_once();
  across *= lines;
  const double whole = down + across + (encodes_ ? lines * encode : 0.0);
  const auto reached = [&](double effort) {
    return static_cast<int>(effort / whole * bytes_) / kCacheLine * kCacheLine;
  };
  const int after_down = reached(down);
  int fetched = encodes_ ? reached(down + across) : bytes_;
  for (int i = 0; i < lines; ++i) {
    const bool last = !encodes_ || i + 1 == lines;
    const int after_line = last ? bytes_ : reached(down + across + (i + 1) * encode);
    const int begin = i == 0 ? after_down : fetched;
    fetched_[static_cast<std::size_t>(i)] = {nullptr, 0, begin, fetched, after_line};
    fetched = after_line;
  }
}

// The most that a line, or a bundle, is made of.
int FastPlane::rows_at_once() const {
  return bundled_.empty() ? down_.max_taps : bundled_.row_count;
}

int FastPlane::lines_at_once() const { return bundled_.empty() ? 1 : bundled_.lines; }

void FastPlane::lay_out_workspace(bool copied) {
  const auto lines = static_cast<std::size_t>(lines_at_once());
  const auto rows = static_cast<std::size_t>(rows_at_once());
  std::size_t end = 0;
  const auto take = [&end](std::size_t size) { return std::exchange(end, end + aligned(size)); };
  ring_pitch_ = aligned(static_cast<std::size_t>(bytes_));
  ring_offset_ = take(copied ? rows * ring_pitch_ : 0);
  const auto words = static_cast<std::size_t>(bilinear_ ? 0 : bytes_ + across_.words_behind());
  words_size_ = aligned(words * sizeof(std::int16_t));
  words_offset_ = take(lines * words_size_);
  const auto kept = static_cast<std::size_t>(shared_.empty() ? 0 : kept_sums(bytes_));
  kept_offset_ = take(kept * sizeof(std::int32_t));
  const auto line = static_cast<std::size_t>(samples_ * padded_) * sizeof(std::int16_t);
  lines_offset_ = take(lines * line);
  pointers_offset_ = take(2 * (rows + 1) * sizeof(void*));
  workspace_size_ = end;
}

}  // namespace edgeclf

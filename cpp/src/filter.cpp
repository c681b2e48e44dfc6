// The filters as functions of the distance, and how each kind of them fills a table. Over 200 lines
// because all kinds share the few helpers at the top.
#include "edgeclf/filter.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "edgeclf/fold.h"

namespace edgeclf {
namespace {

constexpr double kPi = 3.14159265358979323846;

// One side of the picture: `source` pixels become `resized`; outputs begin, begin + 1, ... are
// kept.
struct Side {
  int source;
  std::int64_t resized;
  std::int64_t begin;
  int size;
  Fold blocks;  // of which the averages are the source
};

struct Kernel {
  double (*weight)(double distance);
  double support;
};

double box_weight(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double triangle_weight(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

// Keys' cubic. The order of the operations is Pillow's: the last bit of a weight depends on it.
double cubic_weight(double x, double a) {
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

double pillow_cubic_weight(double x) { return cubic_weight(x, -0.5); }
double opencv_cubic_weight(double x) { return cubic_weight(x, -0.75); }

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= kPi;
  return std::sin(x) / x;
}

double lanczos_weight(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

Kernel pillow_kernel(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::bicubic: return {pillow_cubic_weight, 2.0};
    case Interpolation::lanczos: return {lanczos_weight, 3.0};
    case Interpolation::box: return {box_weight, 0.5};
    default: return {triangle_weight, 1.0};
  }
}

Kernel plain_kernel(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::bicubic: return {opencv_cubic_weight, 2.0};
    case Interpolation::lanczos: return {lanczos_weight, 3.0};
    default: return {triangle_weight, 1.0};
  }
}

// Rows of weights of different lengths, before they are laid out at a common distance.
class Rows {
 public:
  explicit Rows(int size) {
    axis_.first.reserve(static_cast<std::size_t>(size));
    axis_.count.reserve(static_cast<std::size_t>(size));
  }

  void add(int first, const std::vector<double>& row) {
    axis_.first.push_back(first);
    axis_.count.push_back(static_cast<std::int32_t>(row.size()));
    flat_.insert(flat_.end(), row.begin(), row.end());
    axis_.max_taps = std::max(axis_.max_taps, static_cast<int>(row.size()));
  }

  Axis<double> finish() {
    const auto taps = static_cast<std::size_t>(axis_.max_taps);
    axis_.weights.assign(axis_.first.size() * taps, 0.0);
    auto from = flat_.cbegin();
    for (std::size_t i = 0; i < axis_.first.size(); ++i) {
      const auto to = axis_.weights.begin() + static_cast<std::ptrdiff_t>(i * taps);
      std::copy(from, from + axis_.count[i], to);
      from += axis_.count[i];
    }
    return std::move(axis_);
  }

 private:
  Axis<double> axis_;
  std::vector<double> flat_;
};

Axis<double> selection(std::vector<std::int32_t> first, bool consecutive) {
  Axis<double> axis;
  axis.count.assign(first.size(), 1);
  axis.weights.assign(first.size(), 1.0);
  axis.first = std::move(first);
  axis.selects = true;
  axis.consecutive = consecutive;
  return axis;
}

Axis<double> pass_through(const Side& side) {
  std::vector<std::int32_t> first(static_cast<std::size_t>(side.size));
  auto next = static_cast<std::int32_t>(side.begin);
  for (auto& index : first) index = next++;
  return selection(std::move(first), true);
}

// The position is accumulated, not multiplied: so does Pillow, and the last bits decide.
Axis<double> nearest(const Side& side) {
  const double scale = static_cast<double>(side.source) / static_cast<double>(side.resized);
  std::vector<std::int32_t> first;
  first.reserve(static_cast<std::size_t>(side.size));
  double position = scale * 0.5;
  for (std::int64_t i = 0; i < side.begin + side.size; ++i, position += scale) {
    const int index = std::min(static_cast<int>(position), side.source - 1);
    if (i >= side.begin) first.push_back(index);
  }
  return selection(std::move(first), false);
}

Axis<double> pillow_axis(const Side& side, const Kernel& kernel) {
  const double scale = static_cast<double>(side.source) / static_cast<double>(side.resized);
  const double widening = std::max(scale, 1.0);
  const double support = kernel.support * widening;
  const double narrowing = 1.0 / widening;
  Rows rows(side.size);
  std::vector<double> row;
  for (int i = 0; i < side.size; ++i) {
    const double center = (static_cast<double>(side.begin + i) + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), side.source);
    row.clear();
    double sum = 0.0;
    for (int x = first; x < end; ++x) {
      row.push_back(kernel.weight((x - center + 0.5) * narrowing));
      sum += row.back();
    }
    if (sum != 0.0) {
      for (double& weight : row) weight /= sum;
    }
    rows.add(first, row);
  }
  return rows.finish();
}

// Of averages of blocks; positions and lengths are in blocks. Without a part of a block at either
// end it is pillow_axis for a source of as many pixels as there are blocks.
Axis<double> averages_axis(const Side& side, const Kernel& kernel) {
  const double span = side.blocks.span;
  const double phase = side.blocks.phase / span;
  const double length = side.source / span;
  const auto blocks = static_cast<int>(std::ceil(phase + length));
  const double scale = length / static_cast<double>(side.resized);
  const double widening = std::max(scale, 1.0);
  const double support = kernel.support * widening;
  Rows rows(side.size);
  std::vector<double> row;
  for (int i = 0; i < side.size; ++i) {
    const double center = phase + (static_cast<double>(side.begin + i) + 0.5) * scale;
    int first = std::max(static_cast<int>(center - support + 0.5), 0);
    int end = std::min(static_cast<int>(center + support + 0.5), blocks);
    // The middle of a part of a block can be in reach where that of a whole block would not be.
    const auto reaches = [&](double from, double to) {
      return std::abs((from + to) / 2.0 - center) < support;
    };
    if (first == 1 && reaches(phase, 1.0)) first = 0;
    if (end == blocks - 1 && reaches(end, phase + length)) end = blocks;
    row.clear();
    double sum = 0.0;
    for (int x = first; x < end; ++x) {
      const double from = std::max<double>(x, phase);
      const double to = std::min(x + 1.0, phase + length);
      row.push_back((to - from) * kernel.weight(((from + to) / 2.0 - center) / widening));
      sum += row.back();
    }
    if (sum != 0.0) {
      for (double& weight : row) weight /= sum;
    }
    rows.add(first, row);
  }
  return rows.finish();
}

// The taps first, first + 1, ... may lie beyond the edges, where the edge pixel stands in for them.
void add_with_repeated_edges(Rows& rows, int source, std::int64_t first,
                             const std::vector<double>& taps, std::vector<double>& row) {
  const std::int64_t last = source - 1;
  const auto end = first + static_cast<std::int64_t>(taps.size()) - 1;
  const std::int64_t begin = std::clamp<std::int64_t>(first, 0, last);
  row.assign(static_cast<std::size_t>(std::clamp<std::int64_t>(end, 0, last) - begin + 1), 0.0);
  for (std::size_t k = 0; k < taps.size(); ++k) {
    const auto at = std::clamp<std::int64_t>(first + static_cast<std::int64_t>(k), 0, last);
    row[static_cast<std::size_t>(at - begin)] += taps[k];
  }
  rows.add(static_cast<int>(begin), row);
}

Axis<double> plain_axis(const Side& side, const Kernel& kernel) {
  const double scale = static_cast<double>(side.source) / static_cast<double>(side.resized);
  const int reach = static_cast<int>(kernel.support);
  Rows rows(side.size);
  std::vector<double> taps(static_cast<std::size_t>(2 * reach));
  std::vector<double> row;
  for (int i = 0; i < side.size; ++i) {
    const double position = (static_cast<double>(side.begin + i) + 0.5) * scale - 0.5;
    const double whole = std::floor(position);
    double sum = 0.0;
    for (int k = 0; k < 2 * reach; ++k) {
      auto& weight = taps[static_cast<std::size_t>(k)];
      weight = kernel.weight(whole - (reach - 1) + k - position);
      sum += weight;
    }
    for (double& weight : taps) weight /= sum;
    const auto first = static_cast<std::int64_t>(whole) - (reach - 1);
    add_with_repeated_edges(rows, side.source, first, taps, row);
  }
  return rows.finish();
}

// Every source pixel weighs as much as the part of it that the output pixel covers.
Axis<double> area_average(const Side& side) {
  const double scale = static_cast<double>(side.source) / static_cast<double>(side.resized);
  Rows rows(side.size);
  std::vector<double> row;
  for (int i = 0; i < side.size; ++i) {
    const double begin = static_cast<double>(side.begin + i) * scale;
    const double end = std::min(begin + scale, static_cast<double>(side.source));
    const int first = std::min(static_cast<int>(begin), side.source - 1);
    const int last = std::min(std::max(static_cast<int>(std::ceil(end)), first + 1), side.source);
    row.clear();
    for (int x = first; x < last; ++x) {
      row.push_back(std::max(0.0, std::min(end, x + 1.0) - std::max<double>(begin, x)));
    }
    for (double& weight : row) weight /= end - begin;
    rows.add(first, row);
  }
  return rows.finish();
}

// OpenCV's INTER_AREA where an axis grows: linear, but in the middle of a source pixel's area the
// pixel stays as it is.
Axis<double> area_linear(const Side& side) {
  const double growth = static_cast<double>(side.resized) / side.source;
  const double scale = 1.0 / growth;
  Rows rows(side.size);
  std::vector<double> taps(2);
  std::vector<double> row;
  for (int i = 0; i < side.size; ++i) {
    const double x = static_cast<double>(side.begin + i);
    const double whole = std::floor(x * scale);
    // OpenCV holds this fraction as a float32; where it just misses a whole number that matters.
    const auto ahead = static_cast<float>((x + 1.0) - (whole + 1.0) * growth);
    const float fraction = ahead <= 0.0F ? 0.0F : ahead - std::floor(ahead);
    taps[0] = 1.0 - static_cast<double>(fraction);
    taps[1] = static_cast<double>(fraction);
    add_with_repeated_edges(rows, side.source, static_cast<std::int64_t>(whole), taps, row);
  }
  return rows.finish();
}

Axis<double> pixels_axis(const InputSpec& spec, const Side& side, bool both_shrink) {
  if (side.source == side.resized) return pass_through(side);
  switch (spec.interpolation) {
    case Interpolation::nearest: return nearest(side);
    case Interpolation::area: return both_shrink ? area_average(side) : area_linear(side);
    case Interpolation::box: return pillow_axis(side, pillow_kernel(spec.interpolation));
    default: break;
  }
  return spec.antialias ? pillow_axis(side, pillow_kernel(spec.interpolation))
                        : plain_axis(side, plain_kernel(spec.interpolation));
}

Axis<double> make_axis(const InputSpec& spec, const Side& side, bool both_shrink) {
  if (side.blocks == Fold{}) return pixels_axis(spec, side, both_shrink);
  const bool smooth = spec.antialias && spec.interpolation != Interpolation::nearest &&
                      spec.interpolation != Interpolation::box &&
                      spec.interpolation != Interpolation::area;
  if (smooth) return averages_axis(side, pillow_kernel(spec.interpolation));
  return folded(pixels_axis(spec, side, both_shrink), side.blocks);
}

}  // namespace

Axes make_axes(const InputSpec& spec, const Geometry& geometry, int width, int height,
               const Fold& blocks_x, const Fold& blocks_y) {
  const bool both_shrink = width >= geometry.x.resized && height >= geometry.y.resized;
  const Side x{width, geometry.x.resized, geometry.x.crop_begin, geometry.x.size, blocks_x};
  const Side y{height, geometry.y.resized, geometry.y.crop_begin, geometry.y.size, blocks_y};
  return {make_axis(spec, x, both_shrink), make_axis(spec, y, both_shrink)};
}

}  // namespace edgeclf

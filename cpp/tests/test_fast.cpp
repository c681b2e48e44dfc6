// The fixed-point arithmetic: lines within their bounds of sums in double, and every instruction
// set equal to the scalar kernels, bit for bit. Rows lie in memory of exactly their size, so that
// the sanitizers see a byte too far.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "check.h"
#include "edgeclf/fast_plane.h"
#include "edgeclf/geometry.h"

using namespace edgeclf;

namespace {

std::mt19937 engine(3);

int any(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine); }

template <class T>
T one_of(const std::vector<T>& choices) {
  return choices[static_cast<std::size_t>(any(0, static_cast<int>(choices.size()) - 1))];
}

struct Free {
  void operator()(std::uint8_t* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::uint8_t, Free>;

Memory workspace_of(std::size_t size) {
  return Memory(
      static_cast<std::uint8_t*>(std::aligned_alloc(64, std::max<std::size_t>(size, 64))));
}

struct Case {
  InputSpec spec;
  int width = 0;
  int height = 0;
  PixelLayout pixel;
  Axes axes;
  int columns = 0;
  int fraction = 0;
  std::ptrdiff_t stride = 0;
  std::vector<std::uint8_t> bytes;  // from the first column that is read
};

InputSpec any_spec() {
  InputSpec spec;
  spec.width = one_of<int>({1, 2, 7, 8, 15, 16, 17, 31, 33, any(1, 60)});
  spec.height = any(1, 24);
  spec.resize_mode =
      one_of<ResizeMode>({ResizeMode::stretch, ResizeMode::letterbox, ResizeMode::center_crop});
  if (spec.resize_mode == ResizeMode::center_crop) {
    spec.resize_size = std::max(spec.width, spec.height) + any(0, 9);
  }
  spec.interpolation = one_of<Interpolation>(
      {Interpolation::nearest, Interpolation::bilinear, Interpolation::bilinear,
       Interpolation::bicubic, Interpolation::lanczos, Interpolation::box, Interpolation::area});
  spec.antialias = any(0, 1) == 1;
  return spec;
}

// The forms of the planes of all formats.
PixelLayout any_pixel() {
  return one_of<PixelLayout>({{3, 3, {0, 1, 2}},
                              {3, 3, {0, 1, 2}},
                              {4, 3, {0, 1, 2}},
                              {1, 1, {0, 0, 0}},
                              {2, 2, {0, 1, 0}},
                              {2, 1, {0, 0, 0}},
                              {4, 2, {0, 2, 0}},
                              {2, 3, {0, 1, 3}, true},  // YUYV
                              {2, 3, {1, 0, 2}, true},  // UYVY
                              {3, 1, {0, 0, 0}}});
}

// Errors add up most in black and white.
void fill(std::vector<std::uint8_t>& bytes) {
  const int kind = any(0, 3);
  const int level = any(0, 255);
  for (auto& byte : bytes) {
    const int value = kind == 0 ? level : kind == 1 ? any(0, 1) * 255 : any(0, 255);
    byte = static_cast<std::uint8_t>(value);
  }
}

Case any_case() {
  Case result;
  result.spec = any_spec();
  const int most = any(0, 4) == 0 ? 700 : 90;
  result.width = any(1, most);
  result.height = any(1, most);
  result.pixel = any_pixel();
  const Geometry geometry = place(result.spec, result.width, result.height);
  result.axes = make_axes(result.spec, geometry, result.width, result.height);
  const int first = result.axes.x.first.front();
  result.columns = result.axes.x.first.back() + result.axes.x.count.back() - first;
  for (auto& index : result.axes.x.first) index -= first;
  result.fraction = fraction_bits(result.axes);
  const bool bilinear = is_bilinear(result.axes, result.fraction);
  const bool shares = result.pixel.shares_chroma;
  if (shares) result.pixel = result.pixel.beginning_at(any(0, 1));
  const bool short_row = result.pixel.bytes(result.columns) < kFastRowBytes;
  if ((bilinear && !fits_bilinear(result.pixel)) || (shares && (!bilinear || short_row))) {
    result.pixel = copied_layout(result.pixel.samples);  // as a plan does
  }
  const int row = result.pixel.bytes(result.columns);
  result.stride = row + any(0, 5);
  result.bytes.resize(static_cast<std::size_t>(result.stride * (result.height - 1) + row));
  fill(result.bytes);
  return result;
}

// Chroma that is shared stands at the first of two pixels.
int byte_of(const PixelLayout& pixel, int column, std::size_t sample) {
  const int place = column + pixel.phase;
  const bool shared = pixel.shares_chroma && sample > 0;
  return (shared ? place - place % 2 : column) * pixel.step + pixel.offset[sample];
}

double level(const Case& test, std::size_t sample, int x, int y) {
  const Axis<double>& across = test.axes.x;
  const Axis<double>& down = test.axes.y;
  const auto i = static_cast<std::size_t>(x);
  const auto j = static_cast<std::size_t>(y);
  double sum = 0.0;
  for (int r = 0; r < down.count[j]; ++r) {
    const std::uint8_t* row = test.bytes.data() + (down.first[j] + r) * test.stride;
    double of_row = 0.0;
    for (int k = 0; k < across.count[i]; ++k) {
      of_row += across.weight(x)[k] * row[byte_of(test.pixel, across.first[i] + k, sample)];
    }
    sum += of_row * down.weight(y)[r];
  }
  return sum;
}

// A row as a plane of single bytes, for rows that have to be copied.
PlaneView bytes_of(const Case& test) {
  return {test.bytes.data(), 1, test.stride, 1, {0, 0, 0}, {}, {}};
}

// What is fetched lies within the frame, and each line goes on where the one before ended, up to
// the end of the rows. `fetched`: how far the line before came.
void check_fetching(const Case& test, const Ahead& ahead, bool copied, int& fetched) {
  const int row_bytes = std::max(test.pixel.bytes(test.columns), kFastRowBytes);
  CHECK(0 <= ahead.down && ahead.down <= ahead.across && ahead.across <= ahead.bytes);
  const bool goes_on = fetched < row_bytes;
  CHECK(!goes_on || (ahead.down == fetched && ahead.across == fetched));
  CHECK(ahead.bytes <= row_bytes);
  fetched = ahead.bytes;
  CHECK(!copied || ahead.count == 0);
  for (int k = 0; k < ahead.count; ++k) {
    const std::ptrdiff_t at = ahead.rows[k] - test.bytes.data();
    CHECK(at >= 0 && at % test.stride == 0 && at / test.stride < test.height);
  }
}

// All lines from `first` on, one after the other.
std::vector<std::int16_t> lines_of(const Case& test, const FastKernels& kernels, bool copied,
                                   int first = 0) {
  const int row_bytes = test.pixel.bytes(test.columns);
  copied = copied || row_bytes < kFastRowBytes;
  const FastPlane plane(test.axes, test.pixel, test.columns, copied, test.fraction, kernels,
                        any(0, 1) == 0);
  const Memory workspace = workspace_of(plane.workspace_size());
  const RowReader reader(bytes_of(test), 1, 0, row_bytes, nullptr);
  const FastRows rows{test.bytes.data(), test.stride, copied ? &reader : nullptr};
  FastStream stream(plane, kernels, rows, workspace.get());
  std::vector<std::int16_t> all;
  int fetched = std::numeric_limits<int>::max();
  for (int y = first; y < test.axes.y.size(); ++y) {
    const FastLines& lines = stream.line(y);
    check_fetching(test, stream.ahead(), copied, fetched);
    for (std::size_t s = 0; s < static_cast<std::size_t>(test.pixel.samples); ++s) {
      all.insert(all.end(), lines[s], lines[s] + test.axes.x.size());
    }
  }
  return all;
}

double largest_error(const Case& test, const std::vector<std::int16_t>& lines) {
  double largest = 0.0;
  auto word = lines.begin();
  for (int y = 0; y < test.axes.y.size(); ++y) {
    for (std::size_t s = 0; s < static_cast<std::size_t>(test.pixel.samples); ++s) {
      for (int x = 0; x < test.axes.x.size(); ++x) {
        const double found = std::ldexp(static_cast<double>(*word++), -test.fraction);
        largest = std::max(largest, std::abs(found - level(test, s, x, y)));
      }
    }
  }
  return largest;
}

// What docs/hotpath.md promises: bilinear, and every other filter.
constexpr double kBounds[2] = {0.03, 0.05};
double worst[2];

std::size_t bound_of(const Case& test) {
  const Interpolation filter = test.spec.interpolation;
  const bool bilinear = filter == Interpolation::bilinear && !test.spec.antialias;
  return bilinear || filter == Interpolation::nearest ? 0 : 1;
}

void test_lines() {
  const Case test = any_case();
  const auto& sets = available_fast_kernels();
  const auto expected = lines_of(test, sets.front(), false);
  const double error = largest_error(test, expected);
  const std::size_t bound = bound_of(test);
  worst[bound] = std::max(worst[bound], error);
  CHECK(error < kBounds[bound]);
  // Threads begin anywhere.
  const int first = any(0, test.axes.y.size() - 1);
  const auto begin =
      expected.begin() + first * static_cast<std::ptrdiff_t>(expected.size()) / test.axes.y.size();
  const std::vector<std::int16_t> band(begin, expected.end());
  for (const FastKernels& kernels : sets) {
    CHECK(lines_of(test, kernels, false) == expected);
    CHECK(lines_of(test, kernels, true) == expected);
    CHECK(lines_of(test, kernels, any(0, 1) == 1, first) == band);
  }
}

}  // namespace

int main() {
  constexpr int kCases = 1000;
  for (int i = 0; i < kCases; ++i) test_lines();
  std::cout << "largest errors: " << worst[0] << " " << worst[1] << "\n";
  for (const auto& kernels : available_fast_kernels()) std::cout << kernels.name << " ";
  return check::result();
}

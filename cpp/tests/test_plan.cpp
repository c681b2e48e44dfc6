#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <vector>

#include "check.h"
#include "edgeclf/fast.h"
#include "edgeclf/plan.h"
#include "yuv_samples.h"

using namespace edgeclf;

namespace {

InputSpec spec_of(int width, int height, Interpolation interpolation) {
  InputSpec spec;
  spec.width = width;
  spec.height = height;
  spec.interpolation = interpolation;
  spec.layout = Layout::nhwc;
  return spec;
}

// With a workspace of exactly the size that is asked for, so that a sanitizer sees any overrun.
std::vector<float> tensor_of(const InputSpec& spec, const FrameView& frame) {
  const Plan plan(spec, FrameLayout(frame));
  struct alignas(64) Line {
    std::uint8_t bytes[64];
  };
  std::vector<Line> workspace(plan.workspace_size() / sizeof(Line));
  CHECK_EQUAL(workspace.size() * sizeof(Line), plan.workspace_size());
  std::vector<float> tensor(static_cast<std::size_t>(spec.width * spec.height * spec.channels()),
                            -1.0F);
  plan.run(frame, Affine(spec, {}), tensor.data(),
           reinterpret_cast<std::uint8_t*>(workspace.data()), {0, plan.rows()});
  return tensor;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, static_cast<double>(std::abs(a[i] - b[i])));
  }
  return largest;
}

// The frame with a U and a V for every pixel, in memory of its own.
struct Repeated {
  std::vector<std::uint8_t> memory[3];
  FrameView frame;

  Repeated(YuvFormat format, int width, int height) {
    const int down = halves_rows(format) ? 2 : 1;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        memory[0].push_back(luma_at(x, y));
        memory[1].push_back(u_at(x / 2, y / down));
        memory[2].push_back(v_at(x / 2, y / down));
      }
    }
    frame.kind = FrameKind::yuv;
    frame.width = width;
    frame.height = height;
    frame.plane_count = 3;
    for (std::size_t p = 0; p < 3; ++p) {
      frame.planes[p] = {memory[p].data(), 1, width, 1, {0, 0, 0}, {}, {}};
    }
  }
};

// In double, and in fixed point, which is what yuv frames get unless exact is asked for.
struct Arithmetic {
  std::optional<bool> exact;
  double tolerance;  // of a level
};
constexpr Arithmetic kArithmetics[] = {{true, 1e-3}, {std::nullopt, 0.06}};

void shared_chroma_is_repeated_chroma(const Arithmetic& arithmetic) {
  constexpr Interpolation filters[] = {Interpolation::nearest, Interpolation::bilinear,
                                       Interpolation::bicubic, Interpolation::lanczos,
                                       Interpolation::box,     Interpolation::area};
  for (const YuvFormat format : kYuvFormats) {
    const YuvSamples samples(format, 23, 17, 5);
    const Repeated repeated(format, 23, 17);
    for (const Interpolation filter : filters) {
      for (const ColorMode mode : {ColorMode::rgb, ColorMode::bgr, ColorMode::gray}) {
        for (int turns = 0; turns < 4; ++turns) {
          InputSpec spec = spec_of(9, 11, filter);
          spec.color_mode = mode;
          spec.exact = arithmetic.exact;
          const auto part = [&](const FrameView& frame) {
            return rotated(region_of(frame, 3, 1, 19, 14), turns);
          };
          const auto expected = tensor_of(spec, part(repeated.frame));
          CHECK(distance(tensor_of(spec, part(samples.frame())), expected) < arithmetic.tolerance);
        }
      }
    }
  }
}

// Any part of any size to any size, in fixed point, against double. A sanitizer sees what is read
// beyond a plane.
void any_part_of_any_frame() {
  std::mt19937 random(5);
  const auto below = [&](int end) {
    return static_cast<int>(random() % static_cast<unsigned>(end));
  };
  for (int n = 0; n < 1500; ++n) {
    const YuvFormat format = kYuvFormats[below(6)];
    const int width = 1 + below(n % 3 == 0 ? 4 : 40);
    const int height = 1 + below(n % 5 == 0 ? 4 : 40);
    InputSpec spec = spec_of(1 + below(30), 1 + below(30), static_cast<Interpolation>(below(6)));
    spec.antialias = below(2) == 0;
    spec.color_mode = static_cast<ColorMode>(below(3));
    spec.resize_mode = static_cast<ResizeMode>(below(3));
    if (spec.resize_mode == ResizeMode::center_crop) spec.resize_size = 1 + below(40);
    const int x = below(width);
    const int y = below(height);
    const int part_width = 1 + below(width - x);
    const int part_height = 1 + below(height - y);
    const int turns = below(4);
    const auto part = [&](const FrameView& frame) {
      return rotated(region_of(frame, x, y, part_width, part_height), turns);
    };
    const YuvSamples samples(format, width, height, below(4));
    const Repeated repeated(format, width, height);
    InputSpec in_double = spec;
    in_double.exact = true;
    const auto expected = tensor_of(in_double, part(repeated.frame));
    CHECK(distance(tensor_of(spec, part(samples.frame())), expected) < 0.1);
  }
}

// White where a weight was rounded up, black where down, and the other way round: no row is further
// from the truth. For every output of a few resizes, among them some with very many taps, and some
// with far fewer at the edges: a sanitizer sees what is read beyond a row of words.
void no_picture_is_further_off() {
  for (const auto& [source, size] :
       {std::pair{16, 101}, {100, 8}, {1920, 32}, {1920, 224}, {3840, 8}}) {
    for (int filter = 1; filter < 6; ++filter) {
      InputSpec spec = spec_of(size, 1, static_cast<Interpolation>(filter));
      spec.exact = false;
      const Axis<double> axis = make_axes(spec, place(spec, source, 1), source, 1).x;
      const FixedAxis fixed = to_words(axis, kMostBitsAcross);
      for (int i = 0; i < size; i += 7) {
        std::vector<std::uint8_t> row(static_cast<std::size_t>(source) * 3);
        double expected = 0.0;
        for (int k = 0; k < axis.count[static_cast<std::size_t>(i)]; ++k) {
          if (std::ldexp(fixed.taps.weight(i)[k], -fixed.bits) <= axis.weight(i)[k]) continue;
          const auto at = static_cast<std::size_t>(axis.first[static_cast<std::size_t>(i)] + k);
          std::fill_n(row.begin() + static_cast<std::ptrdiff_t>(at * 3), 3, std::uint8_t{255});
          expected += 255.0 * axis.weight(i)[k];
        }
        const auto tensor =
            tensor_of(spec, packed_frame({row.data(), 3, 3 * source, 1}, source, 1, 3, {0, 1, 2}));
        const double got = static_cast<double>(tensor[static_cast<std::size_t>(i) * 3]);
        CHECK(std::abs(got - std::min(std::max(expected, 0.0), 255.0)) < 0.08);
      }
    }
  }
}

double clipped(double level) { return std::min(std::max(level, 0.0), 255.0); }

void a_frame_of_the_right_size_is_converted(const Arithmetic& arithmetic) {
  for (const YuvFormat format : kYuvFormats) {
    const YuvSamples samples(format, 7, 5, 0);
    InputSpec spec = spec_of(7, 5, Interpolation::bilinear);
    spec.exact = arithmetic.exact;
    const auto tensor = tensor_of(spec, samples.frame());
    const int down = halves_rows(format) ? 2 : 1;
    for (int y = 0; y < 5; ++y) {
      for (int x = 0; x < 7; ++x) {
        // BT.601, limited range, as BT.601's tables round it.
        const double luma = 1.164383 * (luma_at(x, y) - 16);
        const double u = u_at(x / 2, y / down) - 128;
        const double v = v_at(x / 2, y / down) - 128;
        const float* pixel = tensor.data() + (y * 7 + x) * 3;
        CHECK(std::abs(pixel[0] - clipped(luma + 1.596027 * v)) < arithmetic.tolerance);
        CHECK(std::abs(pixel[1] - clipped(luma - 0.391762 * u - 0.812968 * v)) <
              arithmetic.tolerance);
        CHECK(std::abs(pixel[2] - clipped(luma + 2.017232 * u)) < arithmetic.tolerance);
      }
    }
  }
}

void a_layout_is_more_than_a_size() {
  const YuvSamples nv12(YuvFormat::nv12, 9, 9, 0);
  const YuvSamples nv21(YuvFormat::nv21, 9, 9, 0);
  const YuvSamples i420(YuvFormat::i420, 9, 9, 0);
  const YuvSamples yuyv(YuvFormat::yuyv, 9, 9, 0);
  const auto layout = [](const YuvSamples& samples, int x, int y) {
    return FrameLayout(region_of(samples.frame(), x, y, 8, 8));
  };
  CHECK(layout(nv12, 0, 0) == layout(nv21, 0, 0));
  CHECK(!(layout(nv12, 0, 0) == layout(i420, 0, 0)));
  CHECK(!(layout(nv12, 0, 0) == layout(yuyv, 0, 0)));
  CHECK(!(layout(nv12, 0, 0) == layout(nv12, 1, 0)));
  CHECK(!(layout(nv12, 0, 0) == layout(nv12, 0, 1)));
  CHECK(layout(yuyv, 0, 0) == layout(yuyv, 0, 1));
  const FrameView whole = nv12.frame();
  CHECK(!(FrameLayout(whole) == FrameLayout(rotated(whole, 2))));
}

void sixteen_bits_are_seen_through_a_window() {
  const std::vector<std::uint16_t> values{0, 999, 1000, 1500, 3000, 65535};
  const FrameView frame = gray16_frame({reinterpret_cast<const std::uint8_t*>(values.data()), 2, 6},
                                       3, 2, {1000.0, 3000.0});
  InputSpec spec = spec_of(3, 2, Interpolation::bilinear);
  spec.color_mode = ColorMode::gray;
  const std::vector<float> expected{0, 0, 0, 63.75F, 255, 255};
  CHECK(distance(tensor_of(spec, frame), expected) < 1e-4);
}

}  // namespace

int main() {
  for (const Arithmetic& arithmetic : kArithmetics) {
    shared_chroma_is_repeated_chroma(arithmetic);
    a_frame_of_the_right_size_is_converted(arithmetic);
  }
  no_picture_is_further_off();
  any_part_of_any_frame();
  a_layout_is_more_than_a_size();
  sixteen_bits_are_seen_through_a_window();
  return check::result();
}

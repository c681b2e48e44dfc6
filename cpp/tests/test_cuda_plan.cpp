// The CUDA kernel, run by the host, against the host's own preprocessor; the Python tests go
// through many more specs. Here memory is exact, so that a sanitizer sees what is read beyond it.
#include <cmath>
#include <vector>

#include "check.h"
#include "edgeclf/cuda_plan.h"
#include "edgeclf/preprocessor.h"
#include "yuv_samples.h"

extern "C" void edgeclf_launch(const unsigned* grid, const unsigned* block, const void* arguments);

using namespace edgeclf;

namespace {

constexpr float kTolerance = 0.01F;  // of a level

std::vector<float> launched(CudaArguments a, const CudaPlan& plan) {
  std::vector<float> tensor(static_cast<std::size_t>(a.width * a.height * a.channels));
  a.tables = plan.tables().data();
  a.tensor = tensor.data();
  const unsigned block[3] = {32, 8, 1};
  const unsigned grid[3] = {static_cast<unsigned>(a.width + 31) / 32,
                            static_cast<unsigned>(a.height + 7) / 8, 1};
  edgeclf_launch(grid, block, &a);
  return tensor;
}

float distance(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::fmax(largest, std::abs(a[i] - b[i]));
  return largest;
}

// Where the frame is, and from a copy of what is needed of it.
void check_frame(InputSpec spec, const FrameView& frame, float tolerance) {
  if (frame.kind == FrameKind::yuv) spec.exact = true;  // the host's double, not its fixed point
  Preprocessor host(spec, {});
  std::vector<float> expected(static_cast<std::size_t>(spec.width * spec.height * spec.channels()));
  host.run(frame, expected.data());
  const CudaPlan plan(spec, Affine(spec, {}), FrameLayout(frame));
  const std::vector<float> in_place = launched(plan.arguments(frame), plan);
  CHECK(distance(in_place, expected) <= tolerance);
  const Staging staging(plan, frame);
  std::vector<std::uint8_t> memory(staging.size());
  staging.copy(memory.data());
  CHECK(launched(staging.arguments(memory.data()), plan) == in_place);
}

InputSpec spec_of(ColorMode mode, ResizeMode resize) {
  InputSpec spec;
  spec.width = 19;
  spec.height = 13;
  spec.color_mode = mode;
  spec.resize_mode = resize;
  if (resize == ResizeMode::center_crop) spec.resize_size = 24;
  return spec;
}

template <class Check>
void for_parts(const FrameView& whole, Check check) {
  for (int turns = 0; turns < 4; ++turns) {
    check(rotated(whole, turns));
    if (whole.width < 9 || whole.height < 9) continue;
    check(rotated(region_of(whole, 1, 3, whole.width - 4, whole.height - 4), turns));
    check(rotated(region_of(whole, 3, 2, 1, 5), turns));
    check(rotated(region_of(whole, 2, 3, 5, 1), turns));
  }
}

void yuv_frames() {
  for (const YuvFormat format : kYuvFormats) {
    for (const int width : {1, 2, 33, 40}) {
      const YuvSamples samples(format, width, 27, 5);
      for_parts(samples.frame(), [&](const FrameView& frame) {
        check_frame(spec_of(ColorMode::rgb, ResizeMode::stretch), frame, kTolerance);
        check_frame(spec_of(ColorMode::bgr, ResizeMode::center_crop), frame, kTolerance);
        check_frame(spec_of(ColorMode::gray, ResizeMode::letterbox), frame, kTolerance);
      });
    }
  }
}

std::vector<std::uint8_t> noise(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::uint8_t>(i * 2654435761U >> 13);
  return bytes;
}

// With alpha, without, planar (channels far apart), and shown as colour by a stride of 0.
void packed_frames() {
  const int width = 37;
  const int height = 29;
  const auto bytes = noise(std::size_t{37} * 29 * 4);
  const ByteGrid grids[] = {{bytes.data(), 4, width * 4, 1},
                            {bytes.data(), 3, width * 3, 1},
                            {bytes.data(), 1, width, width * height},
                            {bytes.data(), 1, width, 0},
                            {bytes.data() + 3 * (width - 1), -3, width * 3, 1}};
  for (const ByteGrid& grid : grids) {
    for (const ColorMode mode : {ColorMode::rgb, ColorMode::bgr, ColorMode::gray}) {
      const FrameView whole = packed_frame(grid, width, height, 3, {2, 1, 0});
      for_parts(whole, [&](const FrameView& frame) {
        check_frame(spec_of(mode, ResizeMode::stretch), frame, 0);
        InputSpec plain = spec_of(mode, ResizeMode::letterbox);
        plain.antialias = false;
        plain.interpolation = Interpolation::bicubic;
        check_frame(plain, frame, kTolerance);
      });
    }
  }
}

// Luma and chroma of yuyv share their bytes, and are copied once.
void shared_bytes_are_copied_once() {
  const YuvSamples samples(YuvFormat::yuyv, 64, 32, 0);
  const InputSpec spec = spec_of(ColorMode::rgb, ResizeMode::stretch);
  const CudaPlan plan(spec, Affine(spec, {}), FrameLayout(samples.frame()));
  CHECK_EQUAL(Staging(plan, samples.frame()).size(), std::size_t{64 * 32 * 2});
}

// A crop of the middle needs no more than the middle.
void only_what_is_read_is_copied() {
  const auto bytes = noise(std::size_t{400} * 400 * 3);
  InputSpec spec = spec_of(ColorMode::rgb, ResizeMode::center_crop);
  spec.width = spec.height = 40;
  spec.resize_size = 400;
  const FrameView frame = packed_frame({bytes.data(), 3, 1200, 1}, 400, 400, 3, {0, 1, 2});
  const CudaPlan plan(spec, Affine(spec, {}), FrameLayout(frame));
  CHECK(Staging(plan, frame).size() < 6000);
}

}  // namespace

int main() {
  yuv_frames();
  packed_frames();
  shared_bytes_are_copied_once();
  only_what_is_read_is_copied();
  return check::result();
}

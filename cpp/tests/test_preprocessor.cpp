#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>
#include <vector>

#include "check.h"
#include "edgeclf/preprocessor.h"
#include "edgeclf/resample.h"
#include "yuv_samples.h"

namespace {

// Counts what one thread allocates.
thread_local std::size_t allocations = 0;

}  // namespace

// Not inlined: else GCC sees malloc() here and delete there, or new and free(), and warns.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace edgeclf;

namespace {

InputSpec spec_of(int width, int height) {
  InputSpec spec;
  spec.width = width;
  spec.height = height;
  spec.dtype = DType::uint8;
  spec.layout = Layout::nhwc;
  return spec;
}

FrameView view(const std::vector<std::uint8_t>& pixels, int width, int height) {
  return packed_frame({pixels.data(), 3, 3 * width}, width, height, 3, {0, 1, 2});
}

std::vector<std::uint8_t> flat(int width, int height, std::uint8_t level) {
  return std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3), level);
}

void a_frame_of_the_right_size_is_copied() {
  Preprocessor preprocessor(spec_of(5, 4), {});
  std::vector<std::uint8_t> pixels(60);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i);
  std::vector<std::uint8_t> tensor(60);
  preprocessor.run(view(pixels, 5, 4), tensor.data());
  CHECK(tensor == pixels);
}

// 400 rows of noise, whatever the number of threads: each writes its band and nothing else.
void threads_change_nothing() {
  std::vector<std::uint8_t> pixels(500 * 400 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<std::uint8_t>(i * 2654435761U >> 13);
  }
  for (const auto mode : {ResizeMode::stretch, ResizeMode::letterbox}) {
    InputSpec spec = spec_of(97, 111);
    spec.resize_mode = mode;
    std::vector<std::uint8_t> expected(97 * 111 * 3);
    Preprocessor(spec, {}).run(view(pixels, 500, 400), expected.data());
    for (const int threads : {2, 3, 9}) {
      Preprocessor preprocessor(spec, {}, threads);
      std::vector<std::uint8_t> tensor(expected.size(), 1);
      preprocessor.run(view(pixels, 500, 400), tensor.data());
      CHECK(tensor == expected);
    }
  }
}

void threads_change_nothing_for_yuv() {
  for (const YuvFormat format : kYuvFormats) {
    const YuvSamples samples(format, 203, 151, 1);
    const FrameView frame = rotated(region_of(samples.frame(), 1, 1, 199, 149), 1);
    const InputSpec spec = spec_of(97, 111);
    std::vector<std::uint8_t> expected(97 * 111 * 3);
    Preprocessor(spec, {}).run(frame, expected.data());
    Preprocessor preprocessor(spec, {}, 3);
    std::vector<std::uint8_t> tensor(expected.size(), 1);
    preprocessor.run(frame, tensor.data());
    CHECK(tensor == expected);
  }
}

void the_second_frame_of_a_size_allocates_nothing() {
  InputSpec bicubic = spec_of(50, 40);
  bicubic.interpolation = Interpolation::bicubic;
  for (const bool exact : {true, false}) {
    bicubic.exact = exact;
    Preprocessor preprocessor(bicubic, {});
    const auto pixels = flat(64, 48, 9);
    const FrameView frame = view(pixels, 64, 48);
    const FrameView turned = rotated(region_of(frame, 8, 0, 48, 48), 1);
    std::vector<std::uint8_t> tensor(50 * 40 * 3);
    preprocessor.run(frame, tensor.data());
    preprocessor.run(turned, tensor.data());
    const std::size_t before = allocations;
    for (int i = 0; i < 10; ++i) {
      preprocessor.run(frame, tensor.data());
      preprocessor.run(turned, tensor.data());
    }
    CHECK_EQUAL(allocations, before);
    CHECK(tensor == flat(50, 40, 9));
  }
}

void the_second_yuv_frame_of_a_layout_allocates_nothing() {
  for (const YuvFormat format : kYuvFormats) {
    const YuvSamples samples(format, 64, 48, 0);
    Preprocessor preprocessor(spec_of(50, 40), {});
    const FrameView frame = samples.frame();
    std::vector<std::uint8_t> tensor(50 * 40 * 3);
    preprocessor.run(frame, tensor.data());
    const std::size_t before = allocations;
    for (int i = 0; i < 10; ++i) preprocessor.run(frame, tensor.data());
    CHECK_EQUAL(allocations, before);
    preprocessor.run(region_of(frame, 0, 0, 48, 40), tensor.data());
    preprocessor.run(region_of(frame, 2, 4, 48, 40), tensor.data());
    CHECK_EQUAL(preprocessor.plans_made(), std::size_t{2});
    preprocessor.run(region_of(frame, 1, 0, 48, 40), tensor.data());
    CHECK_EQUAL(preprocessor.plans_made(), std::size_t{3});
  }
}

// A byte table is for one distance between pixels: frames with another get a plan of their own.
void each_pixel_step_keeps_its_byte_table() {
  Preprocessor preprocessor(spec_of(50, 40), {});
  const std::vector<std::uint8_t> pixels(64 * 48 * 4, 9);
  const FrameView three = view(pixels, 64, 48);
  const FrameView four = packed_frame({pixels.data(), 4, 4 * 64}, 64, 48, 3, {2, 1, 0});
  std::vector<std::uint8_t> tensor(50 * 40 * 3);
  for (int i = 0; i < 3; ++i) {
    preprocessor.run(four, tensor.data());
    preprocessor.run(three, tensor.data());
  }
  CHECK_EQUAL(preprocessor.plans_made(), std::size_t{kernels().takes_byte_tables ? 2U : 1U});
}

void plans_are_kept_by_last_use() {
  Preprocessor preprocessor(spec_of(3, 3), {});
  const auto pixels = flat(64, 64, 1);
  std::vector<std::uint8_t> tensor(27);
  for (int width = 1; width <= 64; ++width) {
    preprocessor.run(view(pixels, width, 5), tensor.data());
    preprocessor.run(view(pixels, 1, 5), tensor.data());
  }
  CHECK_EQUAL(preprocessor.plans_made(), std::size_t{64});
  CHECK_EQUAL(preprocessor.plans_kept(), std::size_t{16});
}

void threads_share_one_preprocessor() {
  Preprocessor preprocessor(spec_of(16, 16), {});
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::uint8_t> tensor(16 * 16 * 3);
      for (int n = 1; n < 60; ++n) {
        const int side = 1 + (n * 7 + static_cast<int>(t)) % 40;
        const auto level = static_cast<std::uint8_t>(n);
        const auto pixels = flat(side, side, level);
        preprocessor.run(view(pixels, side, side), tensor.data());
        if (tensor != flat(16, 16, level)) ++wrong[t];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int count : wrong) CHECK_EQUAL(count, 0);
}

// A fork copies locks as they are, and not the threads that would open them. Tiny frames, so that
// one is mostly held.
void a_forked_child_goes_on() {
  constexpr int kThreads = 3;
  constexpr int kForks = 300;
  constexpr unsigned kPatienceSeconds = 20;
  Preprocessor preprocessor(spec_of(2, 2), {});
  const auto pixels = flat(2, 2, 9);
  std::atomic<bool> stopping{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      std::vector<std::uint8_t> tensor(12);
      while (!stopping) preprocessor.run(view(pixels, 2, 2), tensor.data());
    });
  }
  int failed = 0;
  for (int i = 0; i < kForks && failed == 0; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(kPatienceSeconds);  // ends a child that waits for ever
      std::vector<std::uint8_t> tensor(12);
      preprocessor.run(view(pixels, 2, 2), tensor.data());
      _exit(tensor == flat(2, 2, 9) ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (status != 0) ++failed;
  }
  stopping = true;
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(failed, 0);
}

}  // namespace

int main() {
  a_frame_of_the_right_size_is_copied();
  threads_change_nothing();
  threads_change_nothing_for_yuv();
  the_second_frame_of_a_size_allocates_nothing();
  the_second_yuv_frame_of_a_layout_allocates_nothing();
  each_pixel_step_keeps_its_byte_table();
  plans_are_kept_by_last_use();
  threads_share_one_preprocessor();
  a_forked_child_goes_on();
  return check::result();
}

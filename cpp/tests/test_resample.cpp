#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "check.h"
#include "edgeclf/filter.h"
#include "edgeclf/resample.h"

using namespace edgeclf;

namespace {

std::vector<std::uint8_t> noise(std::size_t size, unsigned state) {
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return bytes;
}

Axis<double> axis_of(Interpolation interpolation, int source, int size) {
  InputSpec spec;
  spec.width = size;
  spec.height = size;
  spec.interpolation = interpolation;
  return make_axes(spec, place(spec, source, source), source, source).x;
}

// The definition, one output sample at a time, in 64 bits.
std::uint8_t defined(const std::vector<std::uint8_t>& samples, const std::int32_t* weights) {
  std::int64_t sum = 1 << 21;
  for (std::size_t k = 0; k < samples.size(); ++k) sum += std::int64_t{samples[k]} * weights[k];
  const std::int64_t level = sum >> 22;
  return static_cast<std::uint8_t>(level < 0 ? 0 : level > 255 ? 255 : level);
}

// Every step between pixels, every part of the row: sizes that do not fill a vector among them.
void rows(const Kernels& kernels, Interpolation interpolation, int channels, int step, int source,
          int size) {
  const Axis<double> axis = axis_of(interpolation, source, size);
  Axis<std::int32_t> fixed = to_fixed(axis);
  fixed.bytes = byte_table(fixed, step);
  // To the byte: a read beyond the last sample is caught by the address sanitizer.
  const auto bytes = noise(static_cast<std::size_t>((source - 1) * step + channels), 5);
  for (int begin = 0; begin < size; begin += size / 3 + 1) {
    const auto count = static_cast<std::size_t>((size - begin) * channels);
    std::vector<std::uint8_t> exact(count);
    std::vector<double> precise(count);
    const SourceRow row{bytes.data(), step, source, channels};
    kernels.resample_exact(row, nullptr, fixed, begin, size - begin, exact.data(), nullptr);
    kernels.resample_precise(row, axis, begin, size - begin, precise.data());
    std::vector<double> reference(count);
    available_kernels().front().resample_precise(row, axis, begin, size - begin, reference.data());
    CHECK(precise == reference);
    for (int i = begin; i < size; ++i) {
      for (int c = 0; c < channels; ++c) {
        std::vector<std::uint8_t> samples;
        double sum = 0.0;
        for (int k = 0; k < fixed.count[static_cast<std::size_t>(i)]; ++k) {
          const int x = fixed.first[static_cast<std::size_t>(i)] + k;
          samples.push_back(bytes[static_cast<std::size_t>(x * step + c)]);
          sum += samples.back() * axis.weight(i)[k];
        }
        const auto at = static_cast<std::size_t>((i - begin) * channels + c);
        CHECK_EQUAL(exact[at], defined(samples, fixed.weight(i)));
        CHECK(std::abs(precise[at] - sum) < 1e-10);
      }
    }
  }
}

// Two rows in one call give what each gives by itself, and that is what the reference gives. The
// rows are as far apart as in a frame, and whole heap blocks: what lies beyond a row's last byte is
// not to be read, and what lies beyond the outputs not to be written.
void two_rows(const Kernels& kernels, std::mt19937& engine) {
  const auto up_to = [&](int most) { return 1 + static_cast<int>(engine() % unsigned(most)); };
  constexpr Interpolation filters[] = {Interpolation::nearest, Interpolation::box,
                                       Interpolation::bilinear, Interpolation::bicubic,
                                       Interpolation::lanczos};
  constexpr std::pair<int, int> kinds[] = {{1, 1}, {3, 3}, {3, 4}, {1, 3}};
  const auto [channels, step] = kinds[engine() % 4];
  const int source = up_to(engine() % 2 ? 40 : 900);
  const int size = engine() % 8 == 0 ? source : up_to(120);
  Axis<std::int32_t> axis = to_fixed(axis_of(filters[engine() % 5], source, size));
  // Now and then for pixels of another step: then it is of no use.
  axis.bytes = byte_table(axis, engine() % 8 == 0 ? 7 - step : step);
  const int begin = static_cast<int>(engine() % unsigned(size));
  const auto samples = static_cast<std::size_t>((size - begin) * channels);
  const auto bytes = static_cast<std::size_t>((source - 1) * step + channels);
  const std::size_t apart = bytes + engine() % 9;
  const auto pixels = noise(apart + bytes, static_cast<unsigned>(engine()));
  const SourceRow row{pixels.data(), step, source, channels};
  const SourceRow below{pixels.data() + apart, step, source, channels};
  std::vector<std::uint8_t> out(samples), out_below(samples), expected(samples),
      expected_below(samples);
  kernels.resample_exact(row, below.pixels, axis, begin, size - begin, out.data(),
                         out_below.data());
  const Kernels& scalar = available_kernels().front();
  scalar.resample_exact(row, nullptr, axis, begin, size - begin, expected.data(), nullptr);
  scalar.resample_exact(below, nullptr, axis, begin, size - begin, expected_below.data(), nullptr);
  CHECK(out == expected);
  CHECK(out_below == expected_below);
  kernels.resample_exact(below, nullptr, axis, begin, size - begin, out.data(), nullptr);
  CHECK(out == expected_below);
}

void combined(const Kernels& kernels, int taps, int size) {
  const Axis<double> axis = axis_of(Interpolation::lanczos, taps, 1);
  const Axis<std::int32_t> fixed = to_fixed(axis);
  std::vector<std::vector<std::uint8_t>> lines;
  std::vector<const std::uint8_t*> pointers;
  for (int k = 0; k < taps; ++k) {
    lines.push_back(noise(static_cast<std::size_t>(size), static_cast<unsigned>(k)));
  }
  for (const auto& line : lines) pointers.push_back(line.data());
  std::vector<std::uint8_t> out(static_cast<std::size_t>(size));
  kernels.combine_exact(pointers.data(), fixed, 0, size, out.data());
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::vector<std::uint8_t> samples;
    for (const auto& line : lines) samples.push_back(line[i]);
    CHECK_EQUAL(out[i], defined(samples, fixed.weight(0)));
  }
}

void combined_doubles(const Kernels& kernels, int taps, int size) {
  std::vector<std::vector<double>> lines;
  std::vector<const double*> pointers;
  std::vector<double> weights;
  for (int k = 0; k < taps; ++k) {
    const auto bytes = noise(static_cast<std::size_t>(size), static_cast<unsigned>(k));
    lines.emplace_back(bytes.begin(), bytes.end());
    weights.push_back(1.0F / static_cast<double>(k + 3));
  }
  for (const auto& line : lines) pointers.push_back(line.data());
  std::vector<double> out(static_cast<std::size_t>(size));
  std::vector<double> reference(out.size());
  kernels.combine_precise(pointers.data(), weights.data(), taps, size, out.data());
  available_kernels().front().combine_precise(pointers.data(), weights.data(), taps, size,
                                              reference.data());
  CHECK(out == reference);
  for (std::size_t i = 0; i < out.size(); ++i) {
    double sum = 0.0;
    for (std::size_t k = 0; k < lines.size(); ++k) {
      sum += lines[k][i] * weights[k];
    }
    CHECK(std::abs(out[i] - sum) < 1e-10);
  }
}

void every_size(const Kernels& kernels) {
  for (const auto interpolation : {Interpolation::nearest, Interpolation::bilinear,
                                   Interpolation::bicubic, Interpolation::lanczos}) {
    for (const auto& [channels, step] : {std::pair{1, 1}, {3, 3}, {3, 4}}) {
      for (const int source : {1, 2, 7, 100, 333}) {
        for (const int size : {1, 3, 16, 33, 100, 224}) {
          rows(kernels, interpolation, channels, step, source, size);
        }
      }
    }
  }
  for (const int taps : {2, 3, 4, 5, 63, 64, 65, 131}) {
    for (const int size : {1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100}) {
      combined(kernels, taps, size);
      combined_doubles(kernels, taps, size);
    }
  }
}

}  // namespace

int main() {
  for (const Kernels& kernels : available_kernels()) {
    std::cout << kernels.name << "\n";
    every_size(kernels);
    std::mt19937 engine(3);
    for (int i = 0; i < 3000; ++i) two_rows(kernels, engine);
  }
  return check::result();
}

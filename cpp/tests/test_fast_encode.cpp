// From lines of words to the tensor, and from YUV to levels: the scalar kernels against the formula
// in double, the others against the scalar ones, bit for bit.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "edgeclf/fast.h"
#include "edgeclf/half.h"

using namespace edgeclf;

namespace {

std::mt19937 engine(4);

int any(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine); }

template <class T>
T one_of(const std::vector<T>& choices) {
  return choices[static_cast<std::size_t>(any(0, static_cast<int>(choices.size()) - 1))];
}

constexpr int kMostPixels = 61;

// Lines with everything a word can be.
struct Lines {
  std::vector<std::int16_t> words;
  ConstFastLines at{};

  Lines() : words(3 * fast_padded(kMostPixels)) {
    for (auto& word : words) {
      word =
          static_cast<std::int16_t>(any(0, 3) == 0 ? any(-32768, 32767) : any(-200, 33000 - 300));
    }
    for (std::size_t c = 0; c < 3; ++c) at[c] = words.data() + c * fast_padded(kMostPixels);
  }
};

// A value in the tensor's dtype, from the encoding's formula in double.
double encoded(const FastEncoding& encoding, std::size_t c, std::int16_t word) {
  const double level = std::clamp<double>(word, 0.0, encoding.top);
  const double value =
      level * static_cast<double>(encoding.gain[c]) + static_cast<double>(encoding.bias[c]);
  if (encoding.dtype == DType::uint8) return std::nearbyint(std::clamp(value, 0.0, 255.0));
  if (encoding.dtype == DType::int8) return std::nearbyint(std::clamp(value, -128.0, 127.0));
  if (encoding.dtype == DType::float16) return static_cast<double>(from_half(to_half(value)));
  return value;
}

double element_at(const std::vector<std::uint8_t>& tensor, DType dtype, std::size_t i) {
  float single;
  std::uint16_t half;
  switch (dtype) {
    case DType::float32:
      std::memcpy(&single, &tensor[4 * i], 4);
      return static_cast<double>(single);
    case DType::float16:
      std::memcpy(&half, &tensor[2 * i], 2);
      return static_cast<double>(from_half(half));
    case DType::int8: return static_cast<std::int8_t>(tensor[i]);
    default: return tensor[i];
  }
}

// What may lie between a value rounded from float32 and one rounded from double.
double tolerance(const FastEncoding& encoding, std::size_t c, double value) {
  if (size_of(encoding.dtype) == 1) return 1.0;
  const double terms = std::abs(static_cast<double>(encoding.gain[c])) * encoding.top +
                       std::abs(static_cast<double>(encoding.bias[c]));
  const double single = terms * std::ldexp(1.0, -22);
  if (encoding.dtype == DType::float32) return single;
  constexpr double kInfiniteFrom = 65400.0;
  if (std::abs(value) > kInfiniteFrom) return std::numeric_limits<double>::infinity();
  return single + std::max(std::abs(value) * std::ldexp(1.0, -10), std::ldexp(1.0, -24));
}

FastEncoding any_encoding() {
  FastEncoding encoding;
  encoding.dtype = one_of<DType>({DType::float32, DType::float16, DType::uint8, DType::int8});
  encoding.channels = one_of<int>({1, 3, 3});
  encoding.top = static_cast<std::int16_t>(255 << one_of<int>({6, 7}));
  const bool codes = size_of(encoding.dtype) == 1;
  if (codes && any(0, 2) == 0) {  // the levels themselves, as far as `top` goes
    encoding.gain.fill(std::ldexp(1.0F, one_of<int>({-6, -7})));
    encoding.bias.fill(encoding.dtype == DType::int8 ? -128.0F : 0.0F);
    if (any(0, 5) == 0) encoding.bias[static_cast<std::size_t>(any(0, 2))] += 1.0F;
    if (any(0, 5) == 0) encoding.gain[static_cast<std::size_t>(any(0, 2))] *= 2.0F;
    return encoding;
  }
  // Values of every size, those that leave the dtype's range and float16's subnormals too.
  const int exponent = codes ? any(-8, -5) : any(-34, 4);
  for (std::size_t c = 0; c < 3; ++c) {
    encoding.gain[c] = std::ldexp(static_cast<float>(any(-1200, 2000)) / 1000.0F, exponent);
    encoding.bias[c] = codes ? static_cast<float>(any(-150, 260))
                             : 1000.0F * encoding.gain[c] * static_cast<float>(any(-9, 1));
  }
  return encoding;
}

void test_encode() {
  const FastEncoding encoding = any_encoding();
  const Lines lines;
  const int size = any(1, kMostPixels);
  const bool planar = encoding.channels == 1 || any(0, 1) == 0;
  const std::ptrdiff_t gap = planar ? size + any(0, 3) : 1;
  const std::ptrdiff_t elements = planar ? gap * (encoding.channels - 1) + size : 3 * size;
  const auto bytes = static_cast<std::size_t>(elements * size_of(encoding.dtype));
  std::vector<std::uint8_t> expected(bytes, 7);
  const auto run = [&](const FastKernels& kernels, std::vector<std::uint8_t>& tensor) {
    kernels.encode(lines.at, encoding, size, {tensor.data(), gap, planar ? 1 : 3}, {});
  };
  run(available_fast_kernels().front(), expected);
  bool right = true;
  for (std::size_t c = 0; c < static_cast<std::size_t>(encoding.channels); ++c) {
    for (int i = 0; i < size; ++i) {
      const auto at = static_cast<std::ptrdiff_t>(c) * gap + i * (planar ? 1 : 3);
      const double value = encoded(encoding, c, lines.at[c][i]);
      const double found = element_at(expected, encoding.dtype, static_cast<std::size_t>(at));
      const bool same = found == value;
      right = right && (same || std::abs(found - value) <= tolerance(encoding, c, value));
    }
  }
  CHECK(right);
  for (const FastKernels& kernels : available_fast_kernels()) {
    std::vector<std::uint8_t> tensor(bytes, 7);
    run(kernels, tensor);
    CHECK(tensor == expected);
  }
}

// 8-bit pixels that are taken as they are, all words there are: a tie goes to the even code.
void test_levels(DType dtype, int bits, std::ptrdiff_t pixel_step) {
  constexpr int kSize = 65536;
  FastEncoding encoding;
  encoding.dtype = dtype;
  encoding.channels = 3;
  encoding.top = static_cast<std::int16_t>(255 << bits);
  encoding.gain.fill(std::ldexp(1.0F, -bits));
  encoding.bias.fill(dtype == DType::int8 ? -128.0F : 0.0F);
  std::vector<std::int16_t> words(kSize);
  for (int i = 0; i < kSize; ++i) {
    words[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(i - 32768);
  }
  const std::ptrdiff_t gap = pixel_step == 3 ? 1 : kSize;
  for (const FastKernels& kernels : available_fast_kernels()) {
    std::vector<std::uint8_t> codes(3 * kSize);
    kernels.encode({words.data(), words.data(), words.data()}, encoding, kSize,
                   {codes.data(), gap, pixel_step}, {});
    int wrong = 0;
    for (std::ptrdiff_t c = 0; c < 3; ++c) {
      for (int i = 0; i < kSize; ++i) {
        const double level = std::ldexp(std::clamp(i - 32768, 0, 255 << bits), -bits);
        const int code = static_cast<int>(std::nearbyint(level)) - (dtype == DType::int8 ? 128 : 0);
        const auto at = static_cast<std::size_t>(c * gap + i * pixel_step);
        wrong += codes[at] == static_cast<std::uint8_t>(code) ? 0 : 1;
      }
    }
    CHECK_EQUAL(wrong, 0);
  }
}

void test_convert() {
  constexpr int kFraction = 7;
  const YuvEncoding encoding{one_of<ColorMatrix>({ColorMatrix::bt601, ColorMatrix::bt709}),
                             one_of<ColorRange>({ColorRange::limited, ColorRange::full})};
  const int channels = one_of<int>({1, 3});
  const Conversion conversion =
      channels == 3 ? rgb_from_yuv(encoding) : gray_from_luma(encoding.range);
  const FixedConversion fixed = to_fixed(conversion, kFraction);
  Lines samples;
  for (auto& word : samples.words) word = static_cast<std::int16_t>(any(0, 255 << kFraction));
  const int size = any(1, kMostPixels);
  std::vector<std::vector<std::int16_t>> all;
  for (const FastKernels& kernels : available_fast_kernels()) {
    std::vector<std::int16_t> levels(samples.words.size());
    const std::size_t line = levels.size() / 3;
    const FastLines out{levels.data(), levels.data() + line, levels.data() + 2 * line};
    kernels.convert(samples.at, fixed, channels, size, out);
    std::vector<std::int16_t> kept;
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
      kept.insert(kept.end(), out[c], out[c] + size);
    }
    all.push_back(kept);
    CHECK(kept == all.front());
  }
  double largest = 0.0;
  for (int c = 0; c < channels; ++c) {
    for (int i = 0; i < size; ++i) {
      const auto at = static_cast<std::size_t>(c);
      double level = conversion.bias[at];
      for (std::size_t k = 0; k < static_cast<std::size_t>(channels); ++k) {
        level += conversion.weight[at][k] * samples.at[k][i] / 128.0;
      }
      const double found =
          all.front()[at * static_cast<std::size_t>(size) + static_cast<std::size_t>(i)] / 128.0;
      largest = std::max(largest,
                         std::abs(std::clamp(found, 0.0, 255.0) - std::clamp(level, 0.0, 255.0)));
    }
  }
  CHECK(largest < 0.05);
}

}  // namespace

int main() {
  constexpr int kCases = 1000;
  for (int i = 0; i < kCases; ++i) {
    test_encode();
    test_convert();
  }
  for (const DType dtype : {DType::uint8, DType::int8}) {
    for (const int bits : {6, 7}) {
      for (const std::ptrdiff_t pixel_step : {1, 3}) test_levels(dtype, bits, pixel_step);
    }
  }
  return check::result();
}

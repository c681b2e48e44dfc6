// Every instruction set's levels.h against the definitions, at sizes that do not fill a vector.
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "check.h"
#include "edgeclf/levels.h"
#include "edgeclf/resample.h"

using namespace edgeclf;

namespace {

std::mt19937 engine(7);

// Exactly as long as asked for: the address sanitizer sees any byte beyond.
std::unique_ptr<std::uint8_t[]> noise(int size) {
  auto bytes = std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) bytes[static_cast<std::size_t>(i)] = std::uint8_t(engine());
  return bytes;
}

void split(const LevelKernels& kernels, int size, std::uint8_t flip) {
  const auto pixels = noise(3 * size);
  const std::unique_ptr<std::uint8_t[]> planes[3] = {noise(size), noise(size), noise(size)};
  std::uint8_t* const pointers[3] = {planes[0].get(), planes[1].get(), planes[2].get()};
  kernels.split(pixels.get(), size, flip, pointers);
  for (int i = 0; i < 3 * size; ++i) {
    CHECK_EQUAL(pointers[i % 3][i / 3], pixels[static_cast<std::size_t>(i)] ^ flip);
  }
}

void reorder(const LevelKernels& kernels, int size, std::uint8_t flip,
             const std::array<int, 3>& order) {
  const auto pixels = noise(3 * size);
  const auto out = noise(3 * size);
  kernels.reorder(pixels.get(), order, size, flip, out.get());
  for (int i = 0; i < 3 * size; ++i) {
    const int from = i / 3 * 3 + order[static_cast<std::size_t>(i % 3)];
    CHECK_EQUAL(out[static_cast<std::size_t>(i)], pixels[static_cast<std::size_t>(from)] ^ flip);
  }
}

// Any coefficients: the last bit of every element has to be that of float32 arithmetic.
void to_floats(const LevelKernels& kernels, int size) {
  std::uniform_real_distribution<float> any(-3.0F, 3.0F);
  FloatLevels map;
  for (auto* part : {&map.gain, &map.bias, &map.gain_rest, &map.bias_rest}) {
    for (float& coefficient : *part) coefficient = any(engine);
  }
  const auto levels = noise(size);
  const auto out = std::make_unique<float[]>(static_cast<std::size_t>(size));
  kernels.to_floats(levels.get(), size, map, out.get());
  for (int i = 0; i < size; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::size_t c = at % kLevelPeriod;
    const auto level = static_cast<float>(levels[at]);
    const float whole = level * map.gain[c] + map.bias[c];
    const float rest = level * map.gain_rest[c] + map.bias_rest[c];
    const float expected = whole + rest;
    CHECK(std::memcmp(&out[at], &expected, sizeof expected) == 0);
  }
}

// Coefficients in quarters, so that halves are exact and many.
void to_codes(const LevelKernels& kernels, int size, bool is_signed) {
  std::uniform_int_distribution<int> quarters(-12, 12);
  CodeLevels map;
  map.is_signed = is_signed;
  for (float& gain : map.gain) gain = static_cast<float>(quarters(engine)) / 4.0F;
  for (float& bias : map.bias) bias = static_cast<float>(quarters(engine) * 30) / 4.0F;
  const auto levels = noise(size);
  const auto out = noise(size);
  kernels.to_codes(levels.get(), size, map, out.get());
  for (int i = 0; i < size; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::size_t c = at % kLevelPeriod;
    const double code = levels[at] * static_cast<double>(map.gain[c]) + map.bias[c];
    const double low = is_signed ? -128.0 : 0.0;
    const double expected = std::nearbyint(std::fmin(std::fmax(code, low), low + 255.0));
    CHECK_EQUAL(out[at], static_cast<std::uint8_t>(static_cast<int>(expected)));
  }
}

}  // namespace

int main() {
  for (const Kernels& kernels : available_kernels()) {
    std::cout << kernels.name << "\n";
    for (int size = 0; size < 140; ++size) {
      split(kernels.levels, size, size % 2 == 0 ? 0x80 : 0);
      reorder(kernels.levels, size, size % 3 == 0 ? 0x80 : 0, {2, 1, 0});
      reorder(kernels.levels, size, 0, {1, 2, 0});
      to_floats(kernels.levels, size);
      to_codes(kernels.levels, size, size % 2 == 0);
    }
  }
  return check::result();
}

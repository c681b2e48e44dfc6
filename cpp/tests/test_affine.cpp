#include <cmath>
#include <vector>

#include "check.h"
#include "edgeclf/affine.h"

using namespace edgeclf;

namespace {

InputSpec spec_of(DType dtype, double mean, double std) {
  InputSpec spec;
  spec.color_mode = ColorMode::gray;
  spec.dtype = dtype;
  spec.mean = PerChannel<double>{mean, mean, mean};
  spec.std = PerChannel<double>{std, std, std};
  return spec;
}

template <class Element, class Sample>
std::vector<Element> encoded(const Affine& affine, const std::vector<Sample>& samples) {
  std::vector<Element> out(samples.size());
  affine.encode(samples.data(), 1, {0, 0, 0}, static_cast<int>(samples.size()), {out.data(), 0, 1});
  return out;
}

void float32() {
  const Affine affine(spec_of(DType::float32, 127.5, 127.5), {});
  const auto out = encoded<float>(affine, std::vector<std::uint8_t>{0, 51, 255});
  CHECK(out[0] == -1.0F);
  CHECK(out[1] == -0.6F);
  CHECK(out[2] == 1.0F);
  const auto between = encoded<float>(affine, std::vector<double>{-9.0, 127.5, 300.0});
  CHECK(between[0] == -1.0F);  // clamped
  CHECK(between[1] == 0.0F);
  CHECK(between[2] == 1.0F);
}

// Whatever way the elements are made: the nearest float32 of the quotient in double, for every
// level, channel, order, layout and width.
void every_level_is_rounded_once(const std::array<double, 3>& mean,
                                 const std::array<double, 3>& std, double rescale_factor) {
  InputSpec spec;
  spec.mean = PerChannel<double>{mean[0], mean[1], mean[2]};
  spec.std = PerChannel<double>{std[0], std[1], std[2]};
  spec.rescale_factor = rescale_factor;
  const Affine affine(spec, {});
  for (const int size : {1, 5, 256, 300, 700}) {
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < 3 * size; ++i) pixels.push_back(static_cast<std::uint8_t>(i * 7 + i / 256));
    for (const bool planar : {true, false}) {
      std::vector<float> out(pixels.size());
      const RowTarget target{out.data(), planar ? size : 1, planar ? 1 : 3};
      affine.encode(pixels.data(), 3, {2, 1, 0}, size, target);
      for (int i = 0; i < size; ++i) {
        for (int c = 0; c < 3; ++c) {
          const auto channel = static_cast<std::size_t>(c);
          const int level = pixels[static_cast<std::size_t>(3 * i + 2 - c)];
          const double exact = (level * rescale_factor - mean[channel]) / std[channel];
          const float got = out[static_cast<std::size_t>(planar ? c * size + i : 3 * i + c)];
          CHECK(got == static_cast<float>(exact));
        }
      }
    }
  }
}

void codes_saturate_and_round_halves_to_even() {
  const Affine affine(spec_of(DType::int8, 100.0, 1.0), Quantization{2.0, 100});
  const auto out =
      encoded<std::int8_t>(affine, std::vector<std::uint8_t>{0, 97, 99, 101, 103, 255});
  // -50, -1.5, -0.5, 0.5, 1.5 and 77.5 codes from 100.
  const std::vector<std::int8_t> expected{50, 98, 100, 100, 102, 127};
  CHECK(out == expected);
  const auto between = encoded<std::int8_t>(affine, std::vector<double>{97.0, 103.0, 255.0});
  CHECK(between == (std::vector<std::int8_t>{98, 102, 127}));
}

void extreme_quantisations_do_not_overflow() {
  const Affine fine(spec_of(DType::uint8, 128.0, 1e-6), Quantization{1e-300, 7});
  CHECK(encoded<std::uint8_t>(fine, std::vector<std::uint8_t>{0, 128, 255}) ==
        (std::vector<std::uint8_t>{0, 7, 255}));
  CHECK(encoded<std::uint8_t>(fine, std::vector<double>{0.0, 255.0}) ==
        (std::vector<std::uint8_t>{0, 255}));
}

void channels_and_layout() {
  InputSpec spec;
  spec.dtype = DType::uint8;
  const Affine affine(spec, {});
  CHECK(affine.takes_pixels());
  const std::vector<std::uint8_t> pixels{1, 2, 3, 4, 5, 6};
  std::vector<std::uint8_t> out(6);
  affine.encode(pixels.data(), 3, {2, 1, 0}, 2, {out.data(), 2, 1});
  CHECK(out == (std::vector<std::uint8_t>{3, 6, 2, 5, 1, 4}));
  affine.encode(pixels.data(), 3, {2, 1, 0}, 2, {out.data(), 1, 3});
  CHECK(out == (std::vector<std::uint8_t>{3, 2, 1, 6, 5, 4}));
  affine.fill({7, 8, 9}, 2, {out.data(), 1, 3});
  CHECK(out == (std::vector<std::uint8_t>{7, 8, 9, 7, 8, 9}));
}

}  // namespace

int main() {
  float32();
  every_level_is_rounded_once({0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}, 1.0 / 255.0);
  every_level_is_rounded_once({127.5, 127.5, 127.5}, {127.5, 127.5, 127.5}, 1.0);
  every_level_is_rounded_once({0.0, 0.0, 0.0}, {1.0, 1.0, 1.0}, 1.0 / 255.0);
  // For these float32 arithmetic misses a last bit, and the table is looked up.
  every_level_is_rounded_once({0.365, 0.817, 0.577}, {0.15, 0.168, 0.54}, 1.0 / 255.0);
  every_level_is_rounded_once({103.939, 116.779, 123.68}, {1.0, 57.375, 1e-30}, 1.0);
  codes_saturate_and_round_halves_to_even();
  extreme_quantisations_do_not_overflow();
  channels_and_layout();
  return check::result();
}

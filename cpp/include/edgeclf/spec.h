// How a frame becomes the model's input tensor: edgeclf/spec.py's InputSpec, field for field, and
// the quantisation of the tensor. Values are checked by the Python side; nothing here throws.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace edgeclf {

enum class ColorMode : std::uint8_t { rgb, bgr, gray };
enum class ResizeMode : std::uint8_t { stretch, letterbox, center_crop };
enum class CropRounding : std::uint8_t { round, floor };
enum class Interpolation : std::uint8_t { nearest, bilinear, bicubic, lanczos, box, area };
enum class Layout : std::uint8_t { nchw, nhwc };
enum class DType : std::uint8_t { float32, float16, uint8, int8 };

// real = scale * (code - zero_point)
struct Quantization {
  double scale = 1.0;
  int zero_point = 0;
};

// One value per channel of the tensor, in the tensor's channel order; a grey tensor uses the first.
template <class T>
using PerChannel = std::array<T, 3>;

struct InputSpec {
  int width = 1;   // 1..16384
  int height = 1;  // 1..16384
  ColorMode color_mode = ColorMode::rgb;
  ResizeMode resize_mode = ResizeMode::stretch;
  std::optional<int> resize_size;  // present exactly where resize_mode is center_crop
  CropRounding crop_rounding = CropRounding::round;
  Interpolation interpolation = Interpolation::bilinear;
  bool antialias = true;
  std::optional<bool> exact;
  double rescale_factor = 1.0;
  std::optional<PerChannel<double>> mean;
  std::optional<PerChannel<double>> std;  // every value above 0
  std::optional<PerChannel<std::uint8_t>> pad_value;
  Layout layout = Layout::nchw;
  DType dtype = DType::float32;

  int channels() const { return color_mode == ColorMode::gray ? 1 : 3; }

  bool normalised() const { return mean || std || rescale_factor != 1.0; }

  // Whether the resampled pixels are Pillow's, byte for byte.
  bool takes_pillow_bytes() const { return exact.value_or(true) && pillow_has_it(); }

  // Whether 16-bit fixed point is good enough: where it is asked for, and where there are no exact
  // bytes of anyone's to keep, as in a yuv frame.
  bool takes_fixed_point(bool yuv) const { return !exact.value_or(!yuv); }

 private:
  bool pillow_has_it() const {
    switch (interpolation) {
      case Interpolation::nearest:
      case Interpolation::box: return true;
      case Interpolation::bilinear:
      case Interpolation::bicubic:
      case Interpolation::lanczos: return antialias;
      case Interpolation::area: break;
    }
    return false;
  }
};

constexpr int size_of(DType dtype) {
  return dtype == DType::float32 ? 4 : dtype == DType::float16 ? 2 : 1;
}

}  // namespace edgeclf

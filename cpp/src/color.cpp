#include "edgeclf/color.h"

namespace edgeclf {
namespace {

constexpr double kTop = 255.0;
constexpr double kNeutral = 128.0;  // U and V of a grey

struct Scaling {
  double luma;    // levels per code of Y
  double black;   // the code of Y that is level 0
  double chroma;  // levels per code of U and V
};

Scaling scaling_of(ColorRange range) {
  if (range == ColorRange::full) return {1.0, 0.0, 1.0};
  return {kTop / 219.0, 16.0, kTop / 224.0};
}

}  // namespace

Conversion rgb_from_yuv(const YuvEncoding& encoding) {
  const bool hd = encoding.matrix == ColorMatrix::bt709;
  const double kr = hd ? 0.2126 : 0.299;
  const double kb = hd ? 0.0722 : 0.114;
  const double kg = 1.0 - kr - kb;
  const Scaling scaling = scaling_of(encoding.range);
  const double red_v = 2.0 * (1.0 - kr) * scaling.chroma;
  const double blue_u = 2.0 * (1.0 - kb) * scaling.chroma;
  Conversion result;
  result.weight = {{{scaling.luma, 0.0, red_v},
                    {scaling.luma, -kb * blue_u / kg, -kr * red_v / kg},
                    {scaling.luma, blue_u, 0.0}}};
  for (std::size_t c = 0; c < 3; ++c) {
    const auto& weight = result.weight[c];
    result.bias[c] = -scaling.luma * scaling.black - kNeutral * (weight[1] + weight[2]);
  }
  return result;
}

Conversion gray_from_luma(ColorRange range) {
  const Scaling scaling = scaling_of(range);
  Conversion result;
  result.weight[0][0] = scaling.luma;
  result.bias[0] = -scaling.luma * scaling.black;
  return result;
}

Conversion gray_from_bytes(const Window& window) {
  const double gain = kTop / (window.high - window.low);
  Conversion result;
  result.weight[0] = {gain, 256.0 * gain, 0.0};
  result.bias[0] = -window.low * gain;
  return result;
}

}  // namespace edgeclf

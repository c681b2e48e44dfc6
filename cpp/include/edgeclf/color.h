// From a frame's samples to levels (0..255) of red, green and blue, or of grey.
#pragma once

#include <array>
#include <cstdint>

namespace edgeclf {

enum class ColorMatrix : std::uint8_t { bt601, bt709 };
enum class ColorRange : std::uint8_t { limited, full };

// How a yuv frame was made.
struct YuvEncoding {
  ColorMatrix matrix = ColorMatrix::bt601;
  ColorRange range = ColorRange::limited;
};

// Of 16-bit values: `low` becomes level 0, `high` level 255. They differ; low may be the larger.
struct Window {
  double low = 0.0;
  double high = 65535.0;
};

// level[c] = the sum over k of weight[c][k] * sample[k], plus bias[c]. Not clipped: that comes
// last, when a level is encoded.
struct Conversion {
  std::array<std::array<double, 3>, 3> weight{};
  std::array<double, 3> bias{};
};

// Y, U, V to red, green, blue. With luma coefficients Kr and Kb, Kg = 1 - Kr - Kb, and Y, Pb, Pr
// scaled to 0..255 and -127.5..127.5:
//   R = Y + 2 (1 - Kr) Pr     B = Y + 2 (1 - Kb) Pb     G = (Y - Kr R - Kb B) / Kg
// BT.601: Kr 0.299, Kb 0.114 (ITU-R BT.601-7, 2.5.1); BT.709: Kr 0.2126, Kb 0.0722 (ITU-R
// BT.709-6, 3). Limited range: Y is 16..235, U and V are 128 +- 112 (the same, 2.5.3 and 4.6);
// full: 0..255 and 128 +- 127.5 (JFIF 1.02).
Conversion rgb_from_yuv(const YuvEncoding& encoding);

// Y alone to grey.
Conversion gray_from_luma(ColorRange range);

// The low and the high byte of a 16-bit value to grey. Resampling is linear, so the two bytes are
// resampled apart and meet here.
Conversion gray_from_bytes(const Window& window);

}  // namespace edgeclf

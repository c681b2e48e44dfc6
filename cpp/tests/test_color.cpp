#include <cmath>

#include "check.h"
#include "edgeclf/color.h"

using namespace edgeclf;

namespace {

double level(const Conversion& conversion, std::size_t c, double a, double b, double d) {
  const auto& weight = conversion.weight[c];
  return weight[0] * a + weight[1] * b + weight[2] * d + conversion.bias[c];
}

bool near(double a, double b, double tolerance) { return std::abs(a - b) < tolerance; }

void check_rgb(const YuvEncoding& encoding, double y, double u, double v, double red, double green,
               double blue, double tolerance) {
  const Conversion conversion = rgb_from_yuv(encoding);
  CHECK(near(level(conversion, 0, y, u, v), red, tolerance));
  CHECK(near(level(conversion, 1, y, u, v), green, tolerance));
  CHECK(near(level(conversion, 2, y, u, v), blue, tolerance));
}

constexpr YuvEncoding kSd{ColorMatrix::bt601, ColorRange::limited};
constexpr YuvEncoding kSdFull{ColorMatrix::bt601, ColorRange::full};
constexpr YuvEncoding kHd{ColorMatrix::bt709, ColorRange::limited};
constexpr YuvEncoding kHdFull{ColorMatrix::bt709, ColorRange::full};

void grey_has_no_chroma() {
  for (const YuvEncoding& limited : {kSd, kHd}) {
    check_rgb(limited, 16, 128, 128, 0, 0, 0, 1e-9);
    check_rgb(limited, 235, 128, 128, 255, 255, 255, 1e-9);
  }
  for (const YuvEncoding& full : {kSdFull, kHdFull}) {
    check_rgb(full, 0, 128, 128, 0, 0, 0, 1e-9);
    check_rgb(full, 77, 128, 128, 77, 77, 77, 1e-9);
  }
}

// What the forward formulas of the standards give for the pure colours, unrounded.
void pure_colours_come_back() {
  check_rgb(kSd, 16 + 219 * 0.299, 128 - 112 * 0.299 / 0.886, 240, 255, 0, 0, 1e-9);
  check_rgb(kSd, 16 + 219 * 0.114, 240, 128 - 112 * 0.114 / 0.701, 0, 0, 255, 1e-9);
  check_rgb(kHd, 16 + 219 * 0.7152, 128 - 112 * 0.7152 / 0.9278, 128 - 112 * 0.7152 / 0.7874, 0,
            255, 0, 1e-9);
  check_rgb(kHdFull, 255 * 0.2126, 128 - 127.5 * 0.2126 / 0.9278, 255.5, 255, 0, 0, 1e-9);
}

void luma_is_grey() {
  CHECK(near(level(gray_from_luma(ColorRange::limited), 0, 16, 9, 9), 0, 1e-9));
  CHECK(near(level(gray_from_luma(ColorRange::limited), 0, 235, 9, 9), 255, 1e-9));
  CHECK(near(level(gray_from_luma(ColorRange::full), 0, 77, 9, 9), 77, 1e-9));
}

void a_window_has_two_ends() {
  const Conversion window = gray_from_bytes({1000, 3000});
  CHECK(near(level(window, 0, 1000 % 256, 1000 / 256, 9), 0, 1e-9));
  CHECK(near(level(window, 0, 3000 % 256, 3000 / 256, 9), 255, 1e-9));
  CHECK(near(level(window, 0, 2000 % 256, 2000 / 256, 9), 127.5, 1e-9));
  CHECK(near(level(gray_from_bytes({3000, 1000}), 0, 1000 % 256, 1000 / 256, 9), 255, 1e-9));
}

}  // namespace

int main() {
  grey_has_no_chroma();
  pure_colours_come_back();
  luma_is_grey();
  a_window_has_two_ends();
  return check::result();
}

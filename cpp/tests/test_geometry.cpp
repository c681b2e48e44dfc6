#include "check.h"
#include "edgeclf/geometry.h"

using namespace edgeclf;

namespace {

InputSpec spec_of(ResizeMode mode, int width, int height) {
  InputSpec spec;
  spec.resize_mode = mode;
  spec.width = width;
  spec.height = height;
  return spec;
}

InputSpec crop_of(int resize_size, int width, int height,
                  CropRounding rounding = CropRounding::round) {
  InputSpec spec = spec_of(ResizeMode::center_crop, width, height);
  spec.resize_size = resize_size;
  spec.crop_rounding = rounding;
  return spec;
}

void check_axis(const AxisPlacement& axis, std::int64_t resized, std::int64_t crop_begin,
                int tensor_begin, int size) {
  CHECK_EQUAL(axis.resized, resized);
  CHECK_EQUAL(axis.crop_begin, crop_begin);
  CHECK_EQUAL(axis.tensor_begin, tensor_begin);
  CHECK_EQUAL(axis.size, size);
}

void stretch() {
  const Geometry geometry = place(spec_of(ResizeMode::stretch, 30, 20), 7, 1000);
  check_axis(geometry.x, 30, 0, 0, 30);
  check_axis(geometry.y, 20, 0, 0, 20);
}

void center_crop() {
  // 500 x 375 to 341 x 256: the crop begins at 117 / 2, half to even, or its floor.
  check_axis(place(crop_of(256, 224, 224), 500, 375).x, 341, 58, 0, 224);
  check_axis(place(crop_of(256, 224, 224), 500, 375).y, 256, 16, 0, 224);
  check_axis(place(crop_of(256, 224, 224, CropRounding::floor), 500, 375).x, 341, 58, 0, 224);
  // 3 / 2 is 2 to even, 1 by floor; 5 / 2 is 2 both ways.
  check_axis(place(crop_of(227, 224, 224), 9, 9).x, 227, 2, 0, 224);
  check_axis(place(crop_of(227, 224, 224, CropRounding::floor), 9, 9).x, 227, 1, 0, 224);
  check_axis(place(crop_of(229, 224, 224), 9, 9).x, 229, 2, 0, 224);
}

void a_crop_larger_than_the_picture() {
  check_axis(place(crop_of(221, 224, 224), 9, 9).x, 221, 0, 1, 221);
  check_axis(place(crop_of(221, 224, 224, CropRounding::floor), 9, 9).x, 221, 0, 2, 221);
  const Geometry one_side = place(crop_of(200, 224, 224), 20, 40);
  check_axis(one_side.x, 200, 0, 12, 200);
  check_axis(one_side.y, 400, 88, 0, 224);
}

void lengths_beyond_an_int() {
  const Geometry geometry = place(crop_of(16384, 1, 1), 1, 65535);
  // 1073725439 / 2 lies between two whole numbers, of which 536862720 is even.
  check_axis(geometry.y, 1073725440, 536862720, 0, 1);
}

void letterbox() {
  const Geometry geometry = place(spec_of(ResizeMode::letterbox, 64, 64), 640, 481);
  check_axis(geometry.x, 64, 0, 0, 64);
  check_axis(geometry.y, 48, 0, 8, 48);
  const Geometry thin = place(spec_of(ResizeMode::letterbox, 64, 64), 1, 65535);
  check_axis(thin.x, 1, 0, 31, 1);  // never nothing
  check_axis(thin.y, 64, 0, 0, 64);
  const Geometry enlarged = place(spec_of(ResizeMode::letterbox, 64, 33), 2, 1);
  check_axis(enlarged.x, 64, 0, 0, 64);
  check_axis(enlarged.y, 32, 0, 0, 32);
}

}  // namespace

int main() {
  stretch();
  center_crop();
  a_crop_larger_than_the_picture();
  lengths_beyond_an_int();
  letterbox();
  return check::result();
}

#include "edgeclf/geometry.h"

#include <algorithm>
#include <cmath>

namespace edgeclf {
namespace {

// n / 2, halves to the even neighbour, as Python's round(n / 2).
std::int64_t half_to_even(std::int64_t n) {
  const std::int64_t down = n / 2;
  return n % 2 == 1 && down % 2 == 1 ? down + 1 : down;
}

AxisPlacement crop(std::int64_t resized, int size, CropRounding rounding) {
  const std::int64_t surplus = resized - size;
  const bool floors = rounding == CropRounding::floor;
  if (surplus >= 0) {
    return {resized, floors ? surplus / 2 : half_to_even(surplus), 0, size};
  }
  // The picture is smaller than the crop. torchvision puts the odd pixel of padding behind it;
  // Hugging Face, whose crop starts at the floor of a negative number, before it.
  const std::int64_t missing = -surplus;
  const std::int64_t before = floors ? (missing + 1) / 2 : missing / 2;
  return {resized, 0, static_cast<int>(before), static_cast<int>(resized)};
}

Geometry center_crop(const InputSpec& spec, int width, int height) {
  const std::int64_t shorter = *spec.resize_size;
  // int(shorter * long / short) of torchvision: its float quotient never rounds up to the next
  // whole number at these magnitudes, so whole-number division gives the same.
  const std::int64_t longer = shorter * std::max(width, height) / std::min(width, height);
  const bool portrait = width <= height;
  return {crop(portrait ? shorter : longer, spec.width, spec.crop_rounding),
          crop(portrait ? longer : shorter, spec.height, spec.crop_rounding)};
}

AxisPlacement centred(int source, double ratio, int size) {
  const double length = std::nearbyint(source * ratio);
  const int resized = static_cast<int>(std::clamp(length, 1.0, static_cast<double>(size)));
  return {resized, 0, (size - resized) / 2, resized};
}

Geometry letterbox(const InputSpec& spec, int width, int height) {
  const double ratio =
      std::min(static_cast<double>(spec.width) / width, static_cast<double>(spec.height) / height);
  return {centred(width, ratio, spec.width), centred(height, ratio, spec.height)};
}

}  // namespace

Geometry place(const InputSpec& spec, int width, int height) {
  switch (spec.resize_mode) {
    case ResizeMode::center_crop: return center_crop(spec, width, height);
    case ResizeMode::letterbox: return letterbox(spec, width, height);
    case ResizeMode::stretch: break;
  }
  return {{spec.width, 0, 0, spec.width}, {spec.height, 0, 0, spec.height}};
}

}  // namespace edgeclf

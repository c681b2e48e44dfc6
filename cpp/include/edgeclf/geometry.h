// Where the pixels of a frame land in the tensor.
#pragma once

#include <cstdint>

#include "edgeclf/spec.h"

namespace edgeclf {

// One axis: the whole picture becomes `resized` pixels long; of these, `size` pixels from
// `crop_begin` on reach the tensor, at `tensor_begin`. The rest of the tensor is padding.
struct AxisPlacement {
  std::int64_t resized = 0;
  std::int64_t crop_begin = 0;
  int tensor_begin = 0;
  int size = 0;
};

struct Geometry {
  AxisPlacement x;
  AxisPlacement y;
};

// The placement of a frame of width x height pixels (after region of interest and rotation).
// center-crop is torchvision's Resize(resize_size) and CenterCrop; with CropRounding::floor the
// crop is that of Hugging Face's image processors. letterbox keeps the aspect ratio and centres.
Geometry place(const InputSpec& spec, int width, int height);

}  // namespace edgeclf

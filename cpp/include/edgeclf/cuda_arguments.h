// What the CUDA kernel is told, by value: plain numbers and addresses, filled in by CudaPlan.
//
// The kernel's compiler reads this file too, and has no standard headers: nothing is included.
#pragma once

namespace edgeclf {

// Where in CudaArguments::tables the table of one axis is (see axis.h): output i is made from
// tables[count + i] blocks from tables[first + i] on, and its weights begin at
// tables[weights + i * max_taps]. Weights are whole numbers of 22 fractional bits in exact
// arithmetic, else the bits of a float32.
struct CudaAxis {
  int first;
  int count;
  int weights;
  int max_taps;
};

// One plane of the frame (see PlaneView), from the first block that is read on.
struct CudaPlane {
  const unsigned char* data;
  long long stride_x;
  long long stride_y;
  long long offset[3];
  CudaAxis x;
  CudaAxis y;
  int channels;  // samples of a block
  int reserved;  // no padding: equal arguments are equal bytes
};

struct CudaArguments {
  const int* tables;
  void* tensor;
  CudaPlane planes[3];
  int width;  // the tensor, and where in it the pixels are; the rest is padding
  int height;
  int x_begin;
  int y_begin;
  int x_size;
  int y_size;
  int plane_count;
  int exact;      // Pillow's bytes
  int luma;       // a plane of red, green and blue is read as Pillow's L
  int converted;  // samples become levels through weight and offset
  int samples;    // of a pixel, over all planes
  int levels;     // of a pixel: 1 where source or tensor is grey
  int channels;   // of the tensor
  int order[3];   // which of a pixel's levels is the tensor's channel c
  int planar;
  int element_size;  // 4: float32, 2: float16, 1: codes
  int elements;      // where in tables every level's element is, as bits: 256 for each channel
  int pad[3];        // levels
  float weight[3][3];
  float offset[3];
  float gain[3];  // element = level * gain + bias
  float bias[3];
  float code_low;
  float code_high;
};

}  // namespace edgeclf

// What NVRTC knows by itself, for a C++ compiler; included in front of cpp/cuda/preprocess.cu.
#pragma once

#include <math.h>  // fmaf and its like, outside of std

#include <cstring>

struct CudaIndex {
  unsigned x = 0;
  unsigned y = 0;
  unsigned z = 0;
};

static thread_local CudaIndex threadIdx, blockIdx, blockDim;

#define __device__
#define __global__

inline float __int_as_float(int bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float __uint_as_float(unsigned bits) { return __int_as_float(static_cast<int>(bits)); }

inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

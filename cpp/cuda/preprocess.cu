// Frame to tensor on the device: one kernel for every format, mode, layout and dtype.
//
// One thread makes one pixel of the tensor. It sums over the taps of the host's own tables
// (CudaPlan), so geometry and weights exist once. In exact arithmetic it gives Pillow's bytes, as
// the host does; else it sums in float32 with fused multiply-adds, converts what was resampled, and
// clips last.
//
// Compiled by NVRTC, which has no headers, for any GPU; and by a C++ compiler behind the few lines
// of cpp/tests/cuda_on_host.h, which is how it is tested where there is no GPU. Over 200 lines
// because it is one source for one compiler.
#include "edgeclf/cuda_arguments.h"

#ifdef __CUDACC__
#define EDGECLF_UNROLL _Pragma("unroll")
#else
#define EDGECLF_UNROLL
#endif

namespace edgeclf {

// Sums of this many taps, added up, do not drift in float32.
constexpr int kTapsPerSum = 64;

constexpr int kFraction = 22;

__device__ inline int clipped(int sum) {
  const int level = (sum + (1 << (kFraction - 1))) >> kFraction;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

__device__ inline float weight_of(int bits) { return __int_as_float(bits); }

// Pillow's L: 0.299, 0.587, 0.114 of 2^16.
__device__ inline int luma_of(int red, int green, int blue) {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

// The samples of one block.
__device__ inline void read(const CudaPlane& plane, const unsigned char* block, int luma,
                            int (&sample)[3]) {
  sample[0] = block[plane.offset[0]];
  if (plane.channels > 1) sample[1] = block[plane.offset[1]];
  if (plane.channels > 2) sample[2] = block[plane.offset[2]];
  if (luma) sample[0] = luma_of(sample[0], sample[1], sample[2]);
}

__device__ inline const unsigned char* row_of(const CudaPlane& plane, int x, int y) {
  return plane.data + x * plane.stride_x + y * plane.stride_y;
}

// Pillow's sums: rounded and clipped to 8 bits after the pass across, and again after the one down.
__device__ inline void resample_exact(const CudaArguments& a, const CudaPlane& plane, int i, int j,
                                      int (&level)[3]) {
  const int* const across = a.tables + plane.x.weights + i * plane.x.max_taps;
  const int* const down = a.tables + plane.y.weights + j * plane.y.max_taps;
  const int taps_x = a.tables[plane.x.count + i];
  const int taps_y = a.tables[plane.y.count + j];
  const unsigned char* row =
      row_of(plane, a.tables[plane.x.first + i], a.tables[plane.y.first + j]);
  int total[3] = {0, 0, 0};
  for (int v = 0; v < taps_y; ++v, row += plane.stride_y) {
    int sum[3] = {0, 0, 0};
    const unsigned char* block = row;
    for (int u = 0; u < taps_x; ++u, block += plane.stride_x) {
      int sample[3] = {0, 0, 0};
      read(plane, block, a.luma, sample);
      EDGECLF_UNROLL
      for (int c = 0; c < 3; ++c) sum[c] += sample[c] * across[u];
    }
    EDGECLF_UNROLL
    for (int c = 0; c < 3; ++c) total[c] += clipped(sum[c]) * down[v];
  }
  EDGECLF_UNROLL
  for (int c = 0; c < 3; ++c) level[c] = clipped(total[c]);
}

// The weighted sum of one row's blocks.
__device__ inline void sum_across(const CudaArguments& a, const CudaPlane& plane,
                                  const unsigned char* block, const int* weights, int taps,
                                  float (&total)[3]) {
  total[0] = total[1] = total[2] = 0.0F;
  for (int begin = 0; begin < taps; begin += kTapsPerSum) {
    const int end = taps < begin + kTapsPerSum ? taps : begin + kTapsPerSum;
    float sum[3] = {0.0F, 0.0F, 0.0F};
    for (int u = begin; u < end; ++u, block += plane.stride_x) {
      int sample[3] = {0, 0, 0};
      read(plane, block, a.luma, sample);
      const float weight = weight_of(weights[u]);
      EDGECLF_UNROLL
      for (int c = 0; c < 3; ++c) sum[c] = fmaf(static_cast<float>(sample[c]), weight, sum[c]);
    }
    EDGECLF_UNROLL
    for (int c = 0; c < 3; ++c) total[c] += sum[c];
  }
}

// No rounding between the passes, and no clipping.
__device__ inline void resample(const CudaArguments& a, const CudaPlane& plane, int i, int j,
                                float (&total)[3]) {
  const int* const across = a.tables + plane.x.weights + i * plane.x.max_taps;
  const int* const down = a.tables + plane.y.weights + j * plane.y.max_taps;
  const int taps_x = a.tables[plane.x.count + i];
  const int taps_y = a.tables[plane.y.count + j];
  const unsigned char* row =
      row_of(plane, a.tables[plane.x.first + i], a.tables[plane.y.first + j]);
  total[0] = total[1] = total[2] = 0.0F;
  for (int begin = 0; begin < taps_y; begin += kTapsPerSum) {
    const int end = taps_y < begin + kTapsPerSum ? taps_y : begin + kTapsPerSum;
    float sum[3] = {0.0F, 0.0F, 0.0F};
    for (int v = begin; v < end; ++v, row += plane.stride_y) {
      float line[3];
      sum_across(a, plane, row, across, taps_x, line);
      const float weight = weight_of(down[v]);
      EDGECLF_UNROLL
      for (int c = 0; c < 3; ++c) sum[c] = fmaf(line[c], weight, sum[c]);
    }
    EDGECLF_UNROLL
    for (int c = 0; c < 3; ++c) total[c] += sum[c];
  }
}

// The samples of all planes, one after the other, as levels.
__device__ inline void levels_of(const CudaArguments& a, int i, int j, float (&level)[3]) {
  float sample[3] = {0.0F, 0.0F, 0.0F};
  resample(a, a.planes[0], i, j, sample);
  if (a.plane_count > 1) {
    float chroma[3];
    resample(a, a.planes[1], i, j, chroma);
    sample[1] = chroma[0];
    sample[2] = chroma[1];
  }
  if (a.plane_count > 2) {
    float chroma[3];
    resample(a, a.planes[2], i, j, chroma);
    sample[2] = chroma[0];
  }
  EDGECLF_UNROLL
  for (int c = 0; c < 3; ++c) {
    float sum = a.offset[c];
    EDGECLF_UNROLL
    for (int k = 0; k < 3; ++k) sum = fmaf(a.weight[c][k], sample[k], sum);
    level[c] = a.converted ? sum : sample[c];
  }
}

// IEEE 754 binary16, rounded half to even.
__device__ inline unsigned half_bits(float value) {
  const unsigned bits = __float_as_uint(value);
  const unsigned sign = (bits >> 16) & 0x8000U;
  const unsigned magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return sign | 0x7E00U;   // NaN
  if (magnitude >= 0x477FF000U) return sign | 0x7C00U;  // 65520 and beyond
  if (magnitude < 0x38800000U) {                        // below 2^-14: a multiple of 2^-24
    return sign | static_cast<unsigned>(rintf(__uint_as_float(magnitude) * 16777216.0F));
  }
  const unsigned rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U);
  return sign | ((rounded - 0x38000000U) >> 13);
}

__device__ inline unsigned element_of(const CudaArguments& a, int c, float level) {
  const float clipped_level = fminf(fmaxf(level, 0.0F), 255.0F);
  const float value = fmaf(clipped_level, a.gain[c], a.bias[c]);
  if (a.element_size == 4) return __float_as_uint(value);
  if (a.element_size == 2) return half_bits(value);
  return static_cast<unsigned>(
      static_cast<int>(rintf(fminf(fmaxf(value, a.code_low), a.code_high))));
}

__device__ inline void store(const CudaArguments& a, int x, int y, int c, unsigned bits) {
  const long long pixel = static_cast<long long>(y) * a.width + x;
  const long long at =
      a.planar ? c * (static_cast<long long>(a.width) * a.height) + pixel : pixel * a.channels + c;
  if (a.element_size == 4) {
    static_cast<unsigned*>(a.tensor)[at] = bits;
  } else if (a.element_size == 2) {
    static_cast<unsigned short*>(a.tensor)[at] = static_cast<unsigned short>(bits);
  } else {
    static_cast<unsigned char*>(a.tensor)[at] = static_cast<unsigned char>(bits);
  }
}

__device__ inline unsigned looked_up(const CudaArguments& a, int c, int level) {
  return static_cast<unsigned>(a.tables[a.elements + 256 * c + level]);
}

}  // namespace edgeclf

extern "C" __global__ void edgeclf_preprocess(const edgeclf::CudaArguments a) {
  using namespace edgeclf;
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= a.width || y >= a.height) return;
  const int i = x - a.x_begin;
  const int j = y - a.y_begin;
  if (i < 0 || i >= a.x_size || j < 0 || j >= a.y_size) {
    for (int c = 0; c < a.channels; ++c) store(a, x, y, c, looked_up(a, c, a.pad[c]));
  } else if (a.exact) {
    int level[3];
    resample_exact(a, a.planes[0], i, j, level);
    for (int c = 0; c < a.channels; ++c) {
      const int k = a.order[c];
      store(a, x, y, c, looked_up(a, c, k == 0 ? level[0] : k == 1 ? level[1] : level[2]));
    }
  } else {
    float level[3];
    levels_of(a, i, j, level);
    for (int c = 0; c < a.channels; ++c) {
      const int k = a.order[c];
      store(a, x, y, c, element_of(a, c, k == 0 ? level[0] : k == 1 ? level[1] : level[2]));
    }
  }
}

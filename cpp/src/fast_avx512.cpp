// The fixed-point kernels for AVX-512.
#include "edgeclf/instruction_set.h"
#include "fast_sets.h"

#if defined(__x86_64__) || defined(__i386__)

#define EDGECLF_SIMD_AVX512
#include "simd.h"
// After simd.h: what follows is compiled for AVX-512.
#include "fast_vector.h"
// This one uses what stands above.
#include "fast_vector_anywhere.h"
#include "simd_end.h"

namespace edgeclf {

void add_avx512_fast_kernels(std::vector<FastKernels>& kernels) {
  if (!has_instruction_set("avx512")) return;
  // Bilinear from four pixels was 0.9 to 1.0 times as fast as AVX2's: it gathers, and there are as
  // many loads for a wider vector, and fewer ports to put them together.
  const FastKernels& avx2 = kernels.back();
  kernels.push_back({"avx512", kBlocks, avx2.blocks, kBundled, down, down_bundle, down_shared,
                     across_anywhere, across_bundle_anywhere, avx2.bilinear, convert, encode});
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_avx512_fast_kernels(std::vector<FastKernels>&) {}

}  // namespace edgeclf

#endif

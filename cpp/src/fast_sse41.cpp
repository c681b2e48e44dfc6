// The fixed-point kernels for SSE4.1.
#include "edgeclf/instruction_set.h"
#include "fast_sets.h"

#if defined(__x86_64__) || defined(__i386__)

#define EDGECLF_SIMD_SSE41
#include "simd.h"
// After simd.h: what follows is compiled for SSE4.1.
#include "fast_vector.h"
#include "simd_end.h"

namespace edgeclf {

void add_sse41_fast_kernels(std::vector<FastKernels>& kernels) {
  if (!has_instruction_set("sse41")) return;
  kernels.push_back({"sse41", kBlocks, kBlocks, kBundled, down, down_bundle, down_shared, across,
                     across_bundle, bilinear, convert, encode});
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_sse41_fast_kernels(std::vector<FastKernels>&) {}

}  // namespace edgeclf

#endif

// The fixed-point kernels for NEON.
#include "fast_sets.h"

#if defined(__ARM_NEON)

#define EDGECLF_SIMD_NEON
#include "simd.h"
// After simd.h: what follows is compiled for NEON.
#include "fast_vector.h"
#include "simd_end.h"

namespace edgeclf {

void add_neon_fast_kernels(std::vector<FastKernels>& kernels) {
  kernels.push_back({"neon", kBlocks, kBlocks, kBundled, down, down_bundle, down_shared, across,
                     across_bundle, bilinear, convert, encode});
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_neon_fast_kernels(std::vector<FastKernels>&) {}

}  // namespace edgeclf

#endif

// The kernels of NEON, on ARMv7 and AArch64.
#include "resample_sets.h"

#if defined(__ARM_NEON)

#include <cstring>

#include "resample_scalar.h"
// After all others.
#define EDGECLF_SIMD_NEON
// clang-format off
#include "simd.h"
#include "levels_simd.h"
#include "resample_exact.h"
#include "simd_end.h"
// clang-format on

namespace edgeclf {

void add_neon_kernels(std::vector<Kernels>& kernels) {
  Kernels neon = kernels.front();
  neon.name = "neon";
  neon.resample_exact = resample_exact;
  neon.combine_exact = combine_exact;
  neon.levels = kLevelKernels;
  kernels.push_back(neon);
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_neon_kernels(std::vector<Kernels>&) {}

}  // namespace edgeclf

#endif

// The kernels of AVX2 on x86: Pillow's arithmetic, two rows at once.
#include "resample_sets.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cstring>

#include "resample_scalar.h"
// After all others: what follows is compiled for AVX2.
#define EDGECLF_SIMD_AVX2
// clang-format off
#include "simd.h"
#include "levels_simd.h"
#include "resample_exact.h"
// clang-format on

#include "simd_end.h"

namespace edgeclf {

void add_avx2_kernels(std::vector<Kernels>& kernels) {
  if (!has_instruction_set("avx2")) return;
  // In double the compiler's own code is quick enough: it is the way for a few taps.
  const Kernels& scalar = kernels.front();
  kernels.push_back({"avx2", resample_exact, combine_exact, scalar.resample_precise,
                     scalar.combine_precise, kLevelKernels});
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_avx2_kernels(std::vector<Kernels>&) {}

}  // namespace edgeclf

#endif

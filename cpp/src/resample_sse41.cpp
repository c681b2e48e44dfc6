// The kernels of SSE4.1 on x86: one row at a time.
#include "resample_sets.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cstring>

#include "resample_scalar.h"
// After all others: what follows is compiled for SSE4.1.
#define EDGECLF_SIMD_SSE41
// clang-format off
#include "simd.h"
#include "levels_simd.h"
#include "resample_exact.h"
#include "simd_end.h"
// clang-format on

namespace edgeclf {

void add_sse41_kernels(std::vector<Kernels>& kernels) {
  if (!has_instruction_set("sse41")) return;
  Kernels sse41 = kernels.front();
  sse41.name = "sse41";
  sse41.resample_exact = resample_exact;
  sse41.combine_exact = combine_exact;
  sse41.levels = kLevelKernels;
  kernels.push_back(sse41);
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_sse41_kernels(std::vector<Kernels>&) {}

}  // namespace edgeclf

#endif

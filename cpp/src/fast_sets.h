// The definition of the fixed-point arithmetic: what every vector kernel gives, bit for bit.
#pragma once

#include <cstdint>

#include "edgeclf/fast.h"

namespace edgeclf {

// The kernels of plain C++; blocks is 0.
FastKernels scalar_fast_kernels();

// The set of an instruction set, or none where it is not compiled in or the processor lacks it.
void add_sse41_fast_kernels(std::vector<FastKernels>& kernels);
void add_avx2_fast_kernels(std::vector<FastKernels>& kernels);
void add_avx512_fast_kernels(std::vector<FastKernels>& kernels);
void add_neon_fast_kernels(std::vector<FastKernels>& kernels);

}  // namespace edgeclf

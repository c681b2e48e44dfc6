// What each instruction set adds to the list of kernels.
#pragma once

#include <vector>

#include "edgeclf/instruction_set.h"
#include "edgeclf/resample.h"

namespace edgeclf {

// For what has no vectors: selections, and instruction sets without kernels.
void resample_exact_scalar(const SourceRow& row, const std::uint8_t* below,
                           const Axis<std::int32_t>& axis, int begin, int size, std::uint8_t* out,
                           std::uint8_t* out_below);

// Each adds its kernels where this processor can run them, and does nothing elsewhere.
void add_sse41_kernels(std::vector<Kernels>& kernels);
void add_avx2_kernels(std::vector<Kernels>& kernels);
void add_avx512_kernels(std::vector<Kernels>& kernels);
void add_neon_kernels(std::vector<Kernels>& kernels);

}  // namespace edgeclf

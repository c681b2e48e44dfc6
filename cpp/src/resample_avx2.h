#pragma once

#include <vector>

#include "edgeclf/resample.h"

namespace edgeclf {

// Adds them where this processor has AVX2; does nothing elsewhere.
void add_avx2_kernels(std::vector<Kernels>& kernels);

}  // namespace edgeclf

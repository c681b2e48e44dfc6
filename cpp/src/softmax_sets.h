#pragma once

#include <cstddef>
#include <vector>

namespace edgeclf {

struct SoftmaxKernel {
  const char* name;
  void (*run)(float* scores, std::size_t size);
};

// Those this processor can run, the plain one first; what EDGECLF_CPU allows of them is used.
const std::vector<SoftmaxKernel>& softmax_kernels();

// Each adds it where this processor has the set; does nothing elsewhere.
void add_avx2_softmax(std::vector<SoftmaxKernel>& kernels);
void add_avx512_softmax(std::vector<SoftmaxKernel>& kernels);

}  // namespace edgeclf

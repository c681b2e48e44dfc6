#include "softmax.h"

namespace edgeclf {
namespace {

void softmax(float* scores, std::size_t size) { softmax_of(scores, size); }

std::vector<SoftmaxKernel> found_kernels() {
  std::vector<SoftmaxKernel> found{{"scalar", softmax}};
  add_avx2_softmax(found);
  add_avx512_softmax(found);
  return found;
}

}  // namespace

const std::vector<SoftmaxKernel>& softmax_kernels() {
  static const std::vector<SoftmaxKernel> found = found_kernels();
  return found;
}

}  // namespace edgeclf

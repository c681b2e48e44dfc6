// The CUDA kernel as a function of the host: thread after thread. A test of its own in C++, and
// tests/cuda/host_kernel.py compiles this file with the source that is embedded in the module.
#include "cuda_on_host.h"

#include EDGECLF_CUDA_SOURCE

extern "C" __attribute__((visibility("default"))) void edgeclf_launch(const unsigned* grid,
                                                                      const unsigned* block,
                                                                      const void* arguments) {
  edgeclf::CudaArguments a;
  std::memcpy(&a, arguments, sizeof a);
  blockDim = {block[0], block[1], block[2]};
  for (blockIdx.y = 0; blockIdx.y < grid[1]; ++blockIdx.y) {
    for (blockIdx.x = 0; blockIdx.x < grid[0]; ++blockIdx.x) {
      for (threadIdx.y = 0; threadIdx.y < block[1]; ++threadIdx.y) {
        for (threadIdx.x = 0; threadIdx.x < block[0]; ++threadIdx.x) edgeclf_preprocess(a);
      }
    }
  }
}

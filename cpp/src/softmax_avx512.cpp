#include "edgeclf/instruction_set.h"
#include "softmax_sets.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cstdint>
#include <cstring>

#include "edgeclf/scores.h"
// After all others: what follows is compiled for AVX-512.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#endif
#include "softmax.h"

namespace edgeclf {
namespace {

void softmax(float* scores, std::size_t size) { softmax_of(scores, size); }

}  // namespace
}  // namespace edgeclf

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace edgeclf {

void add_avx512_softmax(std::vector<SoftmaxKernel>& kernels) {
  if (has_instruction_set("avx512")) kernels.push_back({"avx512", softmax});
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_avx512_softmax(std::vector<SoftmaxKernel>&) {}

}  // namespace edgeclf

#endif

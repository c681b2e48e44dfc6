// Which vector instructions are used: the best that this processor has, or no more than
// EDGECLF_CPU names. The variable is read once.
//
// Every list of kernels goes from plain C++ to the fastest set, and names each by one of these:
// scalar, sse41, avx2, avx512; or scalar, neon. avx512 is that of Ice Lake, Zen 4 and later: F, BW,
// DQ, VL, VBMI and VNNI. Those before have less of it, and slow down where they use it.
#pragma once

#include <string>
#include <vector>

namespace edgeclf {

// Whether this processor can run it. Unknown names cannot be run.
bool has_instruction_set(const std::string& name);

// Those it can run, the plainest first.
std::vector<std::string> available_instruction_sets();

// Whether EDGECLF_CPU allows it. Throws std::invalid_argument where the variable names something
// that is unknown, or that this processor has not.
bool allows_instruction_set(const std::string& name);

// The last of a list whose name is allowed; the first is, always.
template <class Kernels>
const Kernels& best_allowed(const std::vector<Kernels>& list) {
  auto best = list.rbegin();
  while (!allows_instruction_set(best->name)) ++best;
  return *best;
}

}  // namespace edgeclf

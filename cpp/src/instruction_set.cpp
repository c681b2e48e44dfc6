#include "edgeclf/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "x86_features.h"

namespace edgeclf {
namespace {

#if defined(__x86_64__) || defined(__i386__)

const std::vector<std::string> kNames{"scalar", "sse41", "avx2"};

bool runs(std::size_t rank) {
  switch (rank) {
    case 0: return true;
    case 1: return x86_supports("sse4.1");
    default: return x86_supports("avx2");
  }
}

#elif defined(__ARM_NEON)

// What is compiled with NEON runs nowhere without it.
const std::vector<std::string> kNames{"scalar", "neon"};
bool runs(std::size_t) { return true; }

#else

const std::vector<std::string> kNames{"scalar"};
bool runs(std::size_t) { return true; }

#endif

std::size_t rank_of(const std::string& name) {
  return static_cast<std::size_t>(std::find(kNames.begin(), kNames.end(), name) - kNames.begin());
}

std::size_t highest_allowed() {
  const char* wanted = std::getenv("EDGECLF_CPU");
  if (wanted == nullptr || *wanted == '\0') return kNames.size();
  if (has_instruction_set(wanted)) return rank_of(wanted);
  std::string message = "EDGECLF_CPU: expected one of";
  for (const std::string& name : available_instruction_sets()) message += " " + name;
  throw std::invalid_argument(message + " on this machine, or nothing for the best; got " + wanted);
}

}  // namespace

bool has_instruction_set(const std::string& name) {
  const std::size_t rank = rank_of(name);
  return rank < kNames.size() && runs(rank);
}

std::vector<std::string> available_instruction_sets() {
  std::vector<std::string> names;
  std::copy_if(kNames.begin(), kNames.end(), std::back_inserter(names), has_instruction_set);
  return names;
}

bool allows_instruction_set(const std::string& name) {
  static const std::size_t highest = highest_allowed();
  return rank_of(name) <= highest;
}

}  // namespace edgeclf

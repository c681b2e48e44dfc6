// The kernel of the system is asked the same question: it lists what the processor has and it
// keeps.
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "check.h"
#include "edgeclf/instruction_set.h"
#include "x86_features.h"

using namespace edgeclf;

namespace {

struct Name {
  const char* compilers;
  const char* systems;
};

constexpr Name kNames[] = {
    {"sse4.1", "sse4_1"},         {"avx2", "avx2"},
    {"avx512f", "avx512f"},       {"avx512dq", "avx512dq"},
    {"avx512bw", "avx512bw"},     {"avx512vl", "avx512vl"},
    {"avx512vbmi", "avx512vbmi"}, {"avx512vnni", "avx512_vnni"},
};

std::set<std::string> flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line);
    std::set<std::string> found;
    for (std::string word; words >> word;) found.insert(word);
    return found;
  }
  return {};
}

}  // namespace

int main() {
  const auto listed = flags();
  if (!listed.empty()) {
    for (const Name& name : kNames) {
      CHECK(x86_supports(name.compilers) == (listed.count(name.systems) != 0));
    }
    CHECK(has_instruction_set("sse41") == (listed.count("sse4_1") != 0));
    CHECK(has_instruction_set("avx2") == (listed.count("avx2") != 0));
  }
  CHECK(!x86_supports("avx3"));
  CHECK(!x86_supports(""));
  return check::result();
}

#include <cstdlib>
#include <stdexcept>

#include "check.h"
#include "edgeclf/instruction_set.h"
#include "edgeclf/resample.h"

using namespace edgeclf;

namespace {

struct Named {
  const char* name;
};

}  // namespace

int main() {
  const auto available = available_instruction_sets();
  CHECK(available.front() == "scalar");
  for (const auto& name : available) CHECK(has_instruction_set(name));
  CHECK(!has_instruction_set("avx"));
  CHECK(!has_instruction_set(""));
  // Every set has its kernels.
  CHECK(available_kernels().size() == available.size());
  for (std::size_t i = 0; i < available.size(); ++i) {
    CHECK(available_kernels()[i].name == available[i]);
  }
  // A wrong name is an error each time, and never the best set in silence.
  setenv("EDGECLF_CPU", "fastest", 1);
  for (int i = 0; i < 2; ++i) {
    bool thrown = false;
    try {
      kernels();
    } catch (const std::invalid_argument&) {
      thrown = true;
    }
    CHECK(thrown);
  }
  // At most what it names, in every list; read once.
  const std::string name = available.size() > 1 ? available[1] : available[0];
  setenv("EDGECLF_CPU", name.c_str(), 1);
  CHECK(kernels().name == name);
  setenv("EDGECLF_CPU", "scalar", 1);
  CHECK(kernels().name == name);
  CHECK(best_allowed(std::vector<Named>{{"scalar"}, {available.back().c_str()}}).name ==
        (available.size() > 2 ? "scalar" : available.back()));
  return check::result();
}

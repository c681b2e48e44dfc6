// Runs a fuzz target on files: what was found once stays found, with any compiler. Each set of
// kernels that this processor has replays them in a process of its own (EDGECLF_CPU is read once),
// and all must come to the same bits.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "edgeclf/resample.h"
#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::filesystem::path> files_in(const char* folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void replay(const std::vector<std::filesystem::path>& files) {
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    const std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
}

// The digest of all results with the kernels of this name; 0 when the replay did not end well.
std::uint64_t digest_with(const char* kernels, const std::vector<std::filesystem::path>& files) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    setenv("EDGECLF_CPU", kernels, 1);
    replay(files);
    const std::uint64_t digest = edgeclf::digest();
    const bool written = write(ends[1], &digest, sizeof digest) == sizeof digest;
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::uint64_t digest = 0;
  if (read(ends[0], &digest, sizeof digest) != sizeof digest) digest = 0;
  close(ends[0]);
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? digest : 0;
}

}  // namespace

int main(int, char** arguments) {
  const auto files = files_in(arguments[1]);
  bool passed = !files.empty();
  std::uint64_t first = 0;
  for (const auto& kernels : edgeclf::available_kernels()) {
    const std::uint64_t digest = digest_with(kernels.name, files);
    std::printf("%zu files, %s: %016llx\n", files.size(), kernels.name,
                static_cast<unsigned long long>(digest));
    if (first == 0) first = digest;
    passed = passed && digest != 0 && digest == first;
  }
  return passed ? 0 : 1;
}

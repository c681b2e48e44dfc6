// Every cache line that is ahead comes once, column after column, in parts of equal size.
#include <algorithm>
#include <random>
#include <vector>

#include "check.h"
#include "fetch_pace.h"

using namespace edgeclf;

namespace {

std::mt19937 engine(7);

int any(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine); }

using Addresses = std::vector<const std::uint8_t*>;

Addresses part_of(FetchPace& pace) {
  Addresses part;
  pace.begin_part();
  while (const std::uint8_t* at = pace.next()) part.push_back(at);
  CHECK(pace.next() == nullptr);
  return part;
}

void lines_come_once(int count, int begin, int end, int parts) {
  const std::vector<std::uint8_t> memory(8192);
  Addresses rows;
  for (int k = 0; k < count; ++k) rows.push_back(memory.data() + any(0, 4000));
  Addresses expected;
  for (int at = begin; at < end; at += 64) {
    for (const std::uint8_t* row : rows) expected.push_back(row + at);
  }
  FetchPace pace({rows.data(), count, 0, 0, 0}, begin, end, parts);
  CHECK(pace.next() == nullptr);
  Addresses found;
  const std::size_t whole = parts > 0 ? (expected.size() + static_cast<std::size_t>(parts) - 1) /
                                            static_cast<std::size_t>(parts)
                                      : 0;
  for (int i = 0; i < parts; ++i) {
    const Addresses part = part_of(pace);
    CHECK(part.size() == std::min(whole, expected.size() - found.size()));
    found.insert(found.end(), part.begin(), part.end());
  }
  if (parts == 0) expected.clear();
  CHECK(found == expected);
  CHECK(part_of(pace).empty());
}

}  // namespace

int main() {
  for (int i = 0; i < 2000; ++i) {
    const int begin = any(0, 20) * 64;
    lines_come_once(any(0, 6), begin, begin + any(-100, 2000), any(0, 50));
  }
  return check::result();
}

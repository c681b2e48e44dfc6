#include "edgeclf/fast_shared.h"

#include <algorithm>
#include <numeric>

namespace edgeclf {
namespace {

// Rows are added in pairs. A pair costs 14 vector instructions for one line and 22 for two; what is
// gained has to be more than what keeping the sums costs.
constexpr double kCostForBoth = 22.0 / 14.0;
constexpr double kMostOfCost = 0.85;

int pairs_of(const std::vector<std::int32_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0,
                         [](int sum, std::int32_t count) { return sum + (count + 1) / 2; });
}

std::int16_t weight_of(const Axis<std::int16_t>& down, int line, int row) {
  if (line >= down.size()) return 0;
  const int tap = row - down.first[static_cast<std::size_t>(line)];
  const bool there = tap >= 0 && tap < down.count[static_cast<std::size_t>(line)];
  return there ? down.weight(line)[tap] : std::int16_t{0};
}

int end_of(const Axis<std::int16_t>& down, int line) {
  const auto at = static_cast<std::size_t>(line);
  return down.first[at] + down.count[at];
}

// Whether line i has no row that neither its own part nor that of line i - 1 adds. Rows that weigh
// nothing do not count: rounding may put one at the edge of a filter's reach.
bool is_covered(const Axis<std::int16_t>& down, int i, int begin) {
  for (int row = down.first[static_cast<std::size_t>(i)]; row < begin; ++row) {
    if (weight_of(down, i, row) != 0) return false;
  }
  return true;
}

}  // namespace

SharedRows shared_rows(const Axis<std::int16_t>& down) {
  SharedRows shared;
  int read = down.first[0];
  int begin_before = read;
  for (int i = 0; i < down.size(); ++i) {
    if (!is_covered(down, i, begin_before)) return {};
    const int first = std::max(read, down.first[static_cast<std::size_t>(i)]);
    begin_before = first;
    read = end_of(down, i);
    shared.first.push_back(first);
    shared.count.push_back(read - first);
    shared.row_count = std::max(shared.row_count, read - first + (read - first) % 2);
  }
  if (kCostForBoth * pairs_of(shared.count) > kMostOfCost * pairs_of(down.count)) return {};
  for (int i = 0; i < down.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    for (int k = 0; k < shared.row_count; ++k) {
      const bool there = k < shared.count[at];
      const int row = shared.first[at] + k;
      shared.weights.push_back(there ? weight_of(down, i, row) : std::int16_t{0});
      shared.next_weights.push_back(there ? weight_of(down, i + 1, row) : std::int16_t{0});
    }
  }
  return shared;
}

}  // namespace edgeclf

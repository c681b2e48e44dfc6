#include "edgeclf/fast_shared.h"

#include <algorithm>
#include <numeric>

namespace edgeclf {
namespace {

// Rows are added in pairs. A pair costs 14 vector instructions for one line and 22 for two; what is
// gained has to be more than what keeping the sums costs, which few rows do not bring back.
constexpr double kCostForBoth = 22.0 / 14.0;
constexpr double kMostOfCost = 0.85;
constexpr int kFewRows = 4;

// The same of lines that are made together, where a pair that is widened once takes 6, and to add
// it to a line 4 (AVX-512). Above this it was 0.9 to 1.1 times as fast, below 1.03 to 1.3, with
// SSE4.1, AVX2 and AVX-512; NEON was never timed.
constexpr double kMostOfCostOfTwo = 0.88;

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

int even(int count) { return count + count % 2; }

// The rows of lines y and y + 1, where there is such a line.
void add_pair_of(const Axis<std::int16_t>& down, int y, PairedRows& paired) {
  const bool alone = y + 1 == down.size();
  const int first = alone ? down.first[static_cast<std::size_t>(y)]
                          : std::min(down.first[static_cast<std::size_t>(y)],
                                     down.first[static_cast<std::size_t>(y) + 1]);
  const int end = even(end_of(down, y) - first);
  const int next_first = alone ? first + end : down.first[static_cast<std::size_t>(y) + 1];
  const int next_begin = std::min((next_first - first) / 2 * 2, end);
  paired.first.push_back(first);
  paired.next_begin.push_back(next_begin);
  paired.end.push_back(end);
  paired.count.push_back(alone ? end_of(down, y) - first
                               : std::max(end_of(down, y), end_of(down, y + 1)) - first);
  paired.row_count = std::max(paired.row_count, even(paired.count.back()));
}

bool pays(const PairedRows& paired, const Axis<std::int16_t>& down) {
  int together = 0;
  for (std::size_t i = 0; i < paired.count.size(); ++i) {
    const int rows = even(paired.count[i]);
    together += 6 * rows / 2 + 4 * (paired.end[i] + rows - paired.next_begin[i]) / 2;
  }
  return together <= kMostOfCostOfTwo * 10 * pairs_of(down.count);
}

}  // namespace

PairedRows paired_rows(const Axis<std::int16_t>& down) {
  PairedRows paired;
  for (int y = 0; y < down.size(); y += 2) add_pair_of(down, y, paired);
  if (!pays(paired, down)) return {};
  for (std::size_t i = 0; i < paired.first.size(); ++i) {
    const int y = static_cast<int>(i) * 2;
    for (int k = 0; k < paired.row_count; ++k) {
      const int row = paired.first[i] + k;
      paired.weights.push_back(weight_of(down, y, row));
      paired.next_weights.push_back(weight_of(down, y + 1, row));
    }
  }
  return paired;
}

SharedRows shared_rows(const Axis<std::int16_t>& down) {
  SharedRows shared;
  if (down.max_taps <= kFewRows) return shared;
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

#include "edgeclf/fast_shared.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace edgeclf {
namespace {

// Rows are added in pairs. A pair costs 14 vector instructions for one line and 22 for two; what is
// gained has to be more than what keeping the sums costs, which few rows do not bring back.
constexpr double kCostForBoth = 22.0 / 14.0;
constexpr double kMostOfCost = 0.85;
constexpr int kFewRows = 4;

// The same of bundles, where a pair that is widened once takes 6, and to add it to a line 4
// (AVX-512). Above this it was 0.9 to 1.1 times as fast, below 1.03 to 1.3, with SSE4.1, AVX2 and
// AVX-512; NEON was never timed.
constexpr int kCostOfPair = 6;
constexpr int kCostInLine = 4;
constexpr double kMostOfCostOfBundles = 0.88;

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

// Of lines y and following. None begins after the first has ended; those that are not there, behind
// the last line, weigh nothing.
void add_bundle(const Axis<std::int16_t>& down, int y, BundledRows& bundled) {
  const int last = std::min(y + bundled.lines, down.size()) - 1;
  const int first = down.first[static_cast<std::size_t>(y)];
  const int count = end_of(down, last) - first;
  const int first_ends = even(end_of(down, y) - first);
  bundled.first.push_back(first);
  bundled.count.push_back(count);
  bundled.row_count = std::max(bundled.row_count, even(count));
  for (int i = y; i < y + bundled.lines; ++i) {
    const int begin = i <= last ? down.first[static_cast<std::size_t>(i)] - first : count;
    bundled.begin.push_back(std::min(begin / 2 * 2, first_ends));
    bundled.end.push_back(even(end_of(down, std::min(i, last)) - first));
  }
}

double cost_of(const BundledRows& bundled) {
  double cost = 0.0;
  for (const int count : bundled.count) cost += kCostOfPair * even(count) / 2;
  for (std::size_t i = 0; i < bundled.begin.size(); ++i) {
    cost += kCostInLine * (bundled.end[i] - bundled.begin[i]) / 2;
  }
  return cost;
}

BundledRows bundles_of(const Axis<std::int16_t>& down, int lines) {
  BundledRows bundled;
  bundled.lines = lines;
  for (int y = 0; y < down.size(); y += lines) add_bundle(down, y, bundled);
  return bundled;
}

void set_weights(const Axis<std::int16_t>& down, BundledRows& bundled) {
  for (std::size_t i = 0; i < bundled.begin.size(); ++i) {
    const int first = bundled.first[i / static_cast<std::size_t>(bundled.lines)];
    for (int k = 0; k < bundled.row_count; ++k) {
      bundled.weights.push_back(weight_of(down, static_cast<int>(i), first + k));
    }
  }
}

}  // namespace

BundledRows bundled_rows(const Axis<std::int16_t>& down, int most_lines) {
  double least = kMostOfCostOfBundles * (kCostOfPair + kCostInLine) * pairs_of(down.count);
  BundledRows best;
  for (int lines = 2; lines <= most_lines; lines *= 2) {
    BundledRows bundled = bundles_of(down, lines);
    const double cost = cost_of(bundled);
    if (cost > least) continue;
    least = cost;
    best = std::move(bundled);
  }
  if (!best.empty()) set_weights(down, best);
  return best;
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

// Rows that are summed down for several lines at once, which would otherwise be read and widened
// for each.
#pragma once

#include <cstdint>
#include <vector>

#include "edgeclf/axis.h"

namespace edgeclf {

// With antialiased bilinear each row belongs to two neighbouring lines.
//
// Line i's sum is complete once rows first[i], ... have been added: those it has and line i - 1 had
// not. The same rows begin the sum of line i + 1. Sums are those of the Axis, bit for bit.
struct SharedRows {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  int row_count = 0;                       // weights for each line; even
  std::vector<std::int16_t> weights;       // in line i, zeros behind the last row
  std::vector<std::int16_t> next_weights;  // in line i + 1

  bool empty() const { return first.empty(); }
};

// Empty where some row belongs to more than two lines, or where sharing would gain too little: most
// rows belong to one line alone, or lines begin and end at odd rows.
SharedRows shared_rows(const Axis<std::int16_t>& down);

// With longer filters lines are made in bundles (see BundleSum): bundle i, of `lines` lines, has
// `count[i]` rows from first[i] on. The last may have lines that nobody asked for; they weigh
// nothing.
struct BundledRows {
  int lines = 0;
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<std::int32_t> begin;  // of each line
  std::vector<std::int32_t> end;
  int row_count = 0;                  // weights for each line; even
  std::vector<std::int16_t> weights;  // of each line

  bool empty() const { return first.empty(); }
};

// Of as many lines as pay, at most `most_lines`; empty where lines have too few rows in common.
BundledRows bundled_rows(const Axis<std::int16_t>& down, int most_lines);

}  // namespace edgeclf

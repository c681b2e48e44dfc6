// Rows that are summed down for two lines at once, which would otherwise be read and widened twice.
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

// With longer filters two lines are made of the rows of both: lines 2 i and 2 i + 1 of `count[i]`
// rows from first[i] on. See DownSum for the rest.
struct PairedRows {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<std::int32_t> next_begin;
  std::vector<std::int32_t> end;
  int row_count = 0;                       // weights for each pair; even
  std::vector<std::int16_t> weights;       // in line 2 i
  std::vector<std::int16_t> next_weights;  // in line 2 i + 1

  bool empty() const { return first.empty(); }
};

// Empty where lines have too few rows in common.
PairedRows paired_rows(const Axis<std::int16_t>& down);

}  // namespace edgeclf

// Pillow's arithmetic in vectors. Written over simd.h and compiled once for each instruction set,
// in resample_<set>.cpp.
//
// Across, each block of a vector works on a row of its own, with the same weights.
#pragma once

#include "resample_exact_across.h"
#include "resample_exact_down.h"

namespace edgeclf {
namespace {

Across across_of(const SourceRow& row, const std::uint8_t* below, const Axis<std::int32_t>& axis,
                 std::uint8_t* out, std::uint8_t* out_below) {
  Across across{};
  across.rows.pixels = row.pixels;
  across.rows.size = (row.columns - 1) * row.step + row.channels;
  across.step = row.step;
  across.first = axis.first.data();
  across.pairs = (axis.max_taps + 1) / 2;
  across.weights = axis.pairs.data();
  across.weights_step = std::ptrdiff_t{groups_of(axis.max_taps)} * kHalvesAtOnce;
  across.out[0] = out;
  if (below == nullptr) return across;
  if (kBlocks == 2) {
    across.rows.offsets[kBlocks - 1] = static_cast<std::int32_t>(below - row.pixels);
    across.out[kBlocks - 1] = out_below;
  }
  across.ahead = 2 * (below - row.pixels);
  return across;
}

void weigh(const Across& across, int channels, int begin, int end) {
  if (channels == 1) {
    weigh_row<1, 0>(across, begin, end);
    return;
  }
  // The loop over a known number of taps goes away.
  switch (across.pairs) {
    case 1: return weigh_row<3, 1>(across, begin, end);
    case 2: return weigh_row<3, 2>(across, begin, end);
    case 3: return weigh_row<3, 3>(across, begin, end);
    case 4: return weigh_row<3, 4>(across, begin, end);
    case 5: return weigh_row<3, 5>(across, begin, end);
    case 6: return weigh_row<3, 6>(across, begin, end);
    default: return weigh_row<3, 0>(across, begin, end);
  }
}

void resample_exact(const SourceRow& row, const std::uint8_t* below, const Axis<std::int32_t>& axis,
                    int begin, int size, std::uint8_t* out, std::uint8_t* out_below) {
  const bool drops_fourth = axis.consecutive && row.step == 4 && row.channels == 3;
  const bool sparse_grey = row.channels == 1 && row.step != 1;
  if (sparse_grey || (axis.selects && !drops_fourth)) {
    resample_exact_scalar(row, below, axis, begin, size, out, out_below);
    return;
  }
  if (kBlocks == 1 && below != nullptr) {
    // The row below comes as a row of its own; the one that follows it is as far away.
    resample_exact(row, nullptr, axis, begin, size, out, nullptr);
    const SourceRow second{below, row.step, row.columns, row.channels};
    resample_exact(second, nullptr, axis, begin, size, out_below, nullptr);
    return;
  }
  Across across = across_of(row, below, axis, out, out_below);
  if (below == nullptr && kBlocks == 2) across.out[kBlocks - 1] = out;  // the same row twice
  if (drops_fourth) {
    drop_fourth(across, begin, begin + size);
  } else {
    weigh(across, row.channels, begin, begin + size);
  }
}

}  // namespace
}  // namespace edgeclf

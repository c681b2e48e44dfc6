// Pillow's arithmetic in vectors. Written over simd.h and compiled once for each instruction set,
// in resample_<set>.cpp.
//
// Across, each block of a vector works on a row of its own, with the same weights.
#pragma once

#include "resample_exact_across.h"
#include "resample_exact_down.h"

namespace edgeclf {
namespace {

// Every block works on `row`.
Across across_of(const SourceRow& row, const Axis<std::int32_t>& axis, std::uint8_t* out) {
  Across across{};
  across.rows.pixels = row.pixels;
  across.rows.size = (row.columns - 1) * row.step + row.channels;
  across.step = row.step;
  across.first = axis.first.data();
  across.pairs = (axis.max_taps + 1) / 2;
  across.weights = axis.pairs.data();
  across.weights_step = std::ptrdiff_t{groups_of(axis.max_taps)} * kHalvesAtOnce;
  for (auto& block_out : across.out) block_out = out;
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

void run_across(const Across& across, int channels, bool drops, int begin, int end) {
  if (drops) {
    drop_fourth(across, begin, end);
  } else {
    weigh(across, channels, begin, end);
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
  Across across = across_of(row, axis, out);
  const std::ptrdiff_t apart = below == nullptr ? 0 : below - row.pixels;
  across.ahead = 2 * apart;
  // A view of memory may have rows further apart than 32 bits tell.
  const bool together = kBlocks == 2 && below && apart == static_cast<std::int32_t>(apart);
  if (together) {
    across.rows.offsets[kBlocks - 1] = static_cast<std::int32_t>(apart);
    across.out[kBlocks - 1] = out_below;
  }
  run_across(across, row.channels, drops_fourth, begin, begin + size);
  if (together || below == nullptr) return;
  across.rows.pixels = below;
  for (auto& block_out : across.out) block_out = out_below;
  run_across(across, row.channels, drops_fourth, begin, begin + size);
}

}  // namespace
}  // namespace edgeclf

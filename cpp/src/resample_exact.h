// Pillow's arithmetic in vectors: rows across, and several rows into one. Written over simd.h and
// compiled once for each instruction set; included by resample_exact.cpp alone.
//
// Weights of 22 fractional bits do not fit 16, their halves do: weight = high * 2^12 + low. The two
// sums are put together at the end, modulo 2^32, where the scalar kernel's sum stays below 2^31.
// Each block of a vector works on a row of its own, with the same weights.
#pragma once

namespace edgeclf {
namespace {

constexpr int kLowBits = 12;
constexpr std::int32_t kLowMask = (1 << kLowBits) - 1;

// Across, taps are read in fours, with eight halves of weights for each four (pair_weights).
constexpr int kTapsAtOnce = 4;
constexpr int kHalvesAtOnce = 8;
constexpr int kOutputsAtOnce = 4;

constexpr int kCacheLine = 64;

EDGECLF_INLINE_SIMD int groups_of(int taps) { return (taps + kTapsAtOnce - 1) / kTapsAtOnce; }

// `low` has begun with a half, for the rounding.
EDGECLF_INLINE_SIMD Vec levels_of(Vec high, Vec low) {
  return shift_right_ints<kFractionBits>(add_ints(shift_left_ints<kLowBits>(high), low));
}

// The rows that are read together, one for each block.
struct RowBlocks {
  const std::uint8_t* pixels;
  std::int32_t offsets[kBlocks];  // from `pixels` to each row
  std::ptrdiff_t size;            // bytes of a row
};

// 16 bytes of every row; with kNearEnd what lies beyond the row's last byte is not read, and 0.
template <bool kNearEnd>
EDGECLF_INLINE_SIMD Vec load_rows(const RowBlocks& rows, std::ptrdiff_t at) {
  if constexpr (!kNearEnd) return load_pieces<16>(rows.pixels + at, rows.offsets);
  std::uint8_t bytes[kBytes] = {};
  const std::ptrdiff_t left = rows.size - at;
  const auto readable = static_cast<std::size_t>(left < 0 ? 0 : left > 16 ? 16 : left);
  for (int b = 0; b < kBlocks; ++b) {
    if (readable > 0) std::memcpy(bytes + 16 * b, rows.pixels + rows.offsets[b] + at, readable);
  }
  return load(bytes);
}

EDGECLF_INLINE_SIMD Vec lookup_of(const std::int8_t* index) { return load_block_to_all(index); }

// Colour: a pixel's samples fill three of a block's four ints. -----------------------------------

// From 16 bytes of pixels to words: red of two taps, green of two, blue of two, nothing.
struct ColourTaps {
  Vec first_two;
  Vec last_two;

  explicit ColourTaps(int step) : first_two(taps(step, 0)), last_two(taps(step, 2)) {}

  static Vec taps(int step, int tap) {
    std::int8_t index[16];
    for (int c = 0; c < 4; ++c) {
      const int at = tap * step + c;
      index[4 * c] = static_cast<std::int8_t>(c < 3 ? at : -1);
      index[4 * c + 1] = -1;
      index[4 * c + 2] = static_cast<std::int8_t>(c < 3 ? at + step : -1);
      index[4 * c + 3] = -1;
    }
    return lookup_of(index);
  }
};

// The sums of an output's taps, in the two halves of their weights.
struct Sums {
  Vec high;
  Vec low;
};

EDGECLF_INLINE_SIMD void add_pair(Sums& sums, Vec words, const std::int16_t* weights) {
  sums.high = add_ints(sums.high, multiply_add_pairs(words, splat_pair(weights)));
  sums.low = add_ints(sums.low, multiply_add_pairs(words, splat_pair(weights + kTapsAtOnce)));
}

// kPairs of taps, or as many as `pairs` says where kPairs is 0.
template <int kPairs, bool kNearEnd>
EDGECLF_INLINE_SIMD Vec weigh_colour(const RowBlocks& rows, const ColourTaps& taps,
                                     std::ptrdiff_t at, std::ptrdiff_t step,
                                     const std::int16_t* weights, int pairs) {
  Sums sums{zero(), splat_ints(kHalf)};
  const int count = kPairs > 0 ? kPairs : pairs;
  for (int k = 0; k + 1 < count; k += 2) {
    const Vec four = load_rows<kNearEnd>(rows, at);
    add_pair(sums, lookup(four, taps.first_two), weights);
    add_pair(sums, lookup(four, taps.last_two), weights + 2);
    at += kTapsAtOnce * step;
    weights += kHalvesAtOnce;
  }
  if (count % 2 == 1) {
    const Vec four = load_rows<kNearEnd>(rows, at);
    add_pair(sums, lookup(four, taps.first_two), weights);
  }
  return levels_of(sums.high, sums.low);
}

// Four outputs of three samples each, out of 16 ints a block.
EDGECLF_INLINE_SIMD Vec colour_bytes(const Vec* levels) {
  constexpr std::int8_t without_fourth[16] = {0,  1,  2,  4,  5,  6,  8,  9,
                                              10, 12, 13, 14, -1, -1, -1, -1};
  const Vec bytes = pack_to_bytes(pack_ints(levels[0], levels[1]), pack_ints(levels[2], levels[3]));
  return lookup(bytes, lookup_of(without_fourth));
}

// The outputs of one call: where they come from and where they go.
struct Across {
  RowBlocks rows;
  std::ptrdiff_t step;
  const std::int32_t* first;
  int pairs;  // of taps, for every output
  const std::int16_t* weights;
  std::ptrdiff_t weights_step;
  std::uint8_t* out[kBlocks];
  std::ptrdiff_t ahead;  // from a row to the one that is likely to be next in its place
};

// The part of the coming rows that begins with output i and ends with the next four.
EDGECLF_INLINE_SIMD void prefetch_ahead(const Across& across, int i, int next) {
  const std::ptrdiff_t end = across.first[next] * across.step;
  for (std::ptrdiff_t at = across.first[i] * across.step; at < end; at += kCacheLine) {
    const std::uint8_t* bytes = across.rows.pixels + at + across.ahead;
    for (int b = 0; b < kBlocks; ++b) prefetch(bytes + across.rows.offsets[b]);
  }
}

// A row's bytes to its place. While enough outputs follow, whole blocks are stored: what is too
// much is overwritten by them.
EDGECLF_INLINE_SIMD void store_rows(const Across& across, std::ptrdiff_t at, Vec bytes,
                                    std::ptrdiff_t valid, std::ptrdiff_t left) {
  if (left >= 16) {
    for (int b = 0; b < kBlocks; ++b) store_block(across.out[b] + at, bytes, b);
    return;
  }
  std::uint8_t whole[kBytes];
  store(whole, bytes);
  for (int b = 0; b < kBlocks; ++b) {
    std::memcpy(across.out[b] + at, whole + 16 * b, static_cast<std::size_t>(valid));
  }
}

template <int kPairs, bool kNearEnd>
EDGECLF_INLINE_SIMD Vec colour_of(const Across& across, const ColourTaps& taps, int output) {
  return weigh_colour<kPairs, kNearEnd>(across.rows, taps, across.first[output] * across.step,
                                        across.step, across.weights + output * across.weights_step,
                                        across.pairs);
}

template <int kPairs, bool kNearEnd>
EDGECLF_INLINE_SIMD void weigh_four_colours(const Across& across, const ColourTaps& taps, int i,
                                            int begin, int end) {
  const int last = end - 1;
  if (across.ahead != 0) prefetch_ahead(across, i, smaller(i + 4, last));
  const Vec levels[kOutputsAtOnce] = {
      colour_of<kPairs, kNearEnd>(across, taps, i),
      colour_of<kPairs, kNearEnd>(across, taps, smaller(i + 1, last)),
      colour_of<kPairs, kNearEnd>(across, taps, smaller(i + 2, last)),
      colour_of<kPairs, kNearEnd>(across, taps, smaller(i + 3, last))};
  store_rows(across, std::ptrdiff_t{3} * (i - begin), colour_bytes(levels),
             std::ptrdiff_t{3} * smaller(end - i, kOutputsAtOnce), std::ptrdiff_t{3} * (end - i));
}

// Outputs from here on might read beyond the row's last byte.
EDGECLF_INLINE_SIMD int end_of_safe(const Across& across, int begin, int end) {
  const std::ptrdiff_t last_group = (across.pairs - 1) / 2 * kTapsAtOnce;
  while (end > begin &&
         (across.first[end - 1] + last_group) * across.step + 16 > across.rows.size) {
    --end;
  }
  return end;
}

template <int kPairs>
EDGECLF_INLINE_SIMD void weigh_colours(const Across& across, int begin, int end) {
  const ColourTaps taps(static_cast<int>(across.step));
  const int safe = end_of_safe(across, begin, end) - (kOutputsAtOnce - 1);
  int i = begin;
  for (; i < safe; i += kOutputsAtOnce)
    weigh_four_colours<kPairs, false>(across, taps, i, begin, end);
  for (; i < end; i += kOutputsAtOnce) weigh_four_colours<0, true>(across, taps, i, begin, end);
}

void weigh_rows(const Across& across, int begin, int end) {
  switch (across.pairs) {
    case 1: return weigh_colours<1>(across, begin, end);
    case 2: return weigh_colours<2>(across, begin, end);
    case 3: return weigh_colours<3>(across, begin, end);
    case 4: return weigh_colours<4>(across, begin, end);
    case 5: return weigh_colours<5>(across, begin, end);
    case 6: return weigh_colours<6>(across, begin, end);
    default: return weigh_colours<0>(across, begin, end);
  }
}

void resample_exact(const SourceRow& row, const std::uint8_t* below, const Axis<std::int32_t>& axis,
                    int begin, int size, std::uint8_t* out, std::uint8_t* out_below) {
  if (row.channels != 3 || axis.selects) {
    resample_exact_scalar(row, below, axis, begin, size, out, out_below);
    return;
  }
  const std::ptrdiff_t step = row.step;
  const std::ptrdiff_t bytes = (row.columns - 1) * step + row.channels;
  Across across{{row.pixels, {}, bytes},
                step,
                axis.first.data(),
                (axis.max_taps + 1) / 2,
                axis.pairs.data(),
                std::ptrdiff_t{groups_of(axis.max_taps)} * kHalvesAtOnce,
                {},
                below ? 2 * (below - row.pixels) : 0};
  across.out[0] = out;
  if (kBlocks == 2) {
    across.rows.offsets[kBlocks - 1] = below ? static_cast<std::int32_t>(below - row.pixels) : 0;
    across.out[kBlocks - 1] = below ? out_below : out;
  }
  weigh_rows(across, begin, begin + size);
  if (kBlocks == 1 && below) {
    across.rows.pixels = below;
    across.out[0] = out_below;
    weigh_rows(across, begin, begin + size);
  }
}

// Down: two rows are interleaved, so that a sample meets its neighbour below. ---------------------

// As many samples as a vector has bytes, from x on.
EDGECLF_INLINE_SIMD void combine_vector(const std::uint8_t* const* rows, std::ptrdiff_t x,
                                        const std::int16_t* weights, int taps, std::uint8_t* out) {
  Vec high[4] = {zero(), zero(), zero(), zero()};
  const Vec half = splat_ints(kHalf);
  Vec low[4] = {half, half, half, half};
  for (int k = 0; k < taps; k += 2) {
    const Vec above = load(rows[k] + x);
    const Vec below = load(rows[smaller(k + 1, taps - 1)] + x);
    const std::int16_t* pair = weights + k / kTapsAtOnce * kHalvesAtOnce + k % kTapsAtOnce;
    const Vec high_pair = splat_pair(pair);
    const Vec low_pair = splat_pair(pair + kTapsAtOnce);
    const Vec first = zip_low_bytes(above, below);
    const Vec last = zip_high_bytes(above, below);
    const Vec words[4] = {widen_low_bytes(first), widen_high_bytes(first), widen_low_bytes(last),
                          widen_high_bytes(last)};
    for (int v = 0; v < 4; ++v) {
      high[v] = add_ints(high[v], multiply_add_pairs(words[v], high_pair));
      low[v] = add_ints(low[v], multiply_add_pairs(words[v], low_pair));
    }
  }
  Vec levels[4];
  for (int v = 0; v < 4; ++v) levels[v] = levels_of(high[v], low[v]);
  store(out + x, pack_to_bytes(pack_ints(levels[0], levels[1]), pack_ints(levels[2], levels[3])));
}

void combine_exact(const std::uint8_t* const* rows, const Axis<std::int32_t>& axis, int i, int size,
                   std::uint8_t* out) {
  const int taps = axis.count[static_cast<std::size_t>(i)];
  if (size < kBytes) {
    for (int x = 0; x < size; ++x) combine_one(rows, x, axis.weight(i), taps, out);
    return;
  }
  const std::int16_t* weights =
      axis.pairs.data() + std::ptrdiff_t{i} * groups_of(axis.max_taps) * kHalvesAtOnce;
  // The last vector ends with the last sample, whatever it then does twice.
  for (int x = 0; x < size; x += kBytes) {
    combine_vector(rows, smaller(x, size - kBytes), weights, taps, out);
  }
}

}  // namespace
}  // namespace edgeclf

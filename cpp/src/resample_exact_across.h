// Rows across: the first pass of resample_exact.h. Over 200 lines because colour and grey share how
// rows are read and written.
#pragma once

#include "resample_exact_sums.h"

namespace edgeclf {
namespace {

constexpr int kOutputsAtOnce = 4;
constexpr int kCacheLine = 64;

// The rows that are read together, one for each block.
struct RowBlocks {
  const std::uint8_t* pixels;
  std::int32_t offsets[kBlocks];  // from `pixels` to each row
  std::ptrdiff_t size;            // bytes of a row
};

// The outputs of one call: where they come from and where they go.
struct Across {
  RowBlocks rows;
  std::ptrdiff_t step;
  const std::int32_t* first;
  int pairs;  // of taps, for every output: weights that it has not are 0
  const std::int16_t* weights;
  std::ptrdiff_t weights_step;
  std::uint8_t* out[kBlocks];
  std::ptrdiff_t ahead;  // from a row to the one that is likely to be next in its place, or 0
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

// Each row's `valid` bytes to their place, of which `left` are still to come. While they are
// enough, whole blocks are stored: what is too much is overwritten by the next.
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

// Which bytes of 16 a lookup takes. -1 gives 0.
struct BlockBytes {
  std::int8_t at[16];
};

// From pixels to words: in each of three ints, a sample of `tap` and the same of the next tap; on
// NEON, of `tap` alone.
EDGECLF_INLINE_SIMD Vec colour_index(int step, int tap, bool two) {
  BlockBytes index;
  for (int i = 0; i < 16; ++i) {
    const int at = tap * step + i / 4 + (i % 4 == 2 ? step : 0);
    const bool taken = i < 12 && (i % 4 == 0 || (two && i % 4 == 2));
    index.at[i] = static_cast<std::int8_t>(taken ? at : -1);
  }
  return load_block_to_all(index.at);
}

#if defined(EDGECLF_SIMD_NEON)

struct ColourTaps {
  Vec one[kTapsAtOnce];
};

EDGECLF_INLINE_SIMD ColourTaps colour_taps(int step) {
  return {{colour_index(step, 0, false), colour_index(step, 1, false), colour_index(step, 2, false),
           colour_index(step, 3, false)}};
}

template <int kTaps>
EDGECLF_INLINE_SIMD void add_taps(Sums& sums, Vec pixels, const ColourTaps& taps,
                                  const std::int16_t* weights) {
  for (int k = 0; k < kTaps; ++k) {
    add_product(sums, as_ints(lookup(pixels, taps.one[k])), weights + k);
  }
}

#else

struct ColourTaps {
  Vec two[2];
};

EDGECLF_INLINE_SIMD ColourTaps colour_taps(int step) {
  return {{colour_index(step, 0, true), colour_index(step, 2, true)}};
}

template <int kTaps>
EDGECLF_INLINE_SIMD void add_taps(Sums& sums, Vec pixels, const ColourTaps& taps,
                                  const std::int16_t* weights) {
  add_products(sums, lookup(pixels, taps.two[0]), weights);
  if (kTaps == 4) add_products(sums, lookup(pixels, taps.two[1]), weights + 2);
}

#endif

// An output's samples, in three of each block's ints. kPairs of taps, or across.pairs where it is
// 0.
template <int kPairs, bool kNearEnd>
EDGECLF_INLINE_SIMD Vec colour_of(const Across& across, const ColourTaps& taps, int output) {
  Sums sums = no_sums();
  std::ptrdiff_t at = across.first[output] * across.step;
  const std::int16_t* weights = across.weights + output * across.weights_step;
  const int pairs = kPairs > 0 ? kPairs : across.pairs;
  for (int k = 0; k + 1 < pairs; k += 2) {
    add_taps<4>(sums, load_rows<kNearEnd>(across.rows, at), taps, weights);
    at += kTapsAtOnce * across.step;
    weights += kHalvesAtOnce;
  }
  if (pairs % 2 == 1) add_taps<2>(sums, load_rows<kNearEnd>(across.rows, at), taps, weights);
  return level_of(sums);
}

EDGECLF_INLINE_SIMD Vec without_fourth(Vec bytes) {
  constexpr BlockBytes index{{0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1}};
  return lookup(bytes, load_block_to_all(index.at));
}

template <int kPairs, bool kNearEnd>
EDGECLF_INLINE_SIMD Vec four_colours(const Across& across, const ColourTaps& taps, int i,
                                     int last) {
  const Vec a = colour_of<kPairs, kNearEnd>(across, taps, i);
  const Vec b = colour_of<kPairs, kNearEnd>(across, taps, smaller(i + 1, last));
  const Vec c = colour_of<kPairs, kNearEnd>(across, taps, smaller(i + 2, last));
  const Vec d = colour_of<kPairs, kNearEnd>(across, taps, smaller(i + 3, last));
  return without_fourth(pack_to_bytes(pack_ints(a, b), pack_ints(c, d)));
}

// Grey: 16 taps are read at once. Four of them, twice over, meet their high and low halves.
struct GreyTaps {
  Vec four[4];
};

EDGECLF_INLINE_SIMD GreyTaps grey_taps() {
  GreyTaps taps;
  for (int g = 0; g < 4; ++g) {
    BlockBytes index;
    for (int i = 0; i < 16; ++i) {
      index.at[i] = static_cast<std::int8_t>(i % 2 == 0 ? 4 * g + i % 8 / 2 : -1);
    }
    taps.four[g] = load_block_to_all(index.at);
  }
  return taps;
}

// Two parts of the sum of high halves, then two of the low ones.
template <bool kNearEnd>
EDGECLF_INLINE_SIMD Vec grey_of(const Across& across, const GreyTaps& taps, int output) {
  Vec sum = zero();
  std::ptrdiff_t at = across.first[output] * across.step;
  const std::int16_t* weights = across.weights + output * across.weights_step;
  for (int groups = (across.pairs + 1) / 2; groups > 0; groups -= 4, at += 16) {
    const Vec pixels = load_rows<kNearEnd>(across.rows, at);
    for (int g = 0; g < smaller(groups, 4); ++g, weights += kHalvesAtOnce) {
      sum = add_ints(sum,
                     multiply_add_pairs(lookup(pixels, taps.four[g]), load_block_to_all(weights)));
    }
  }
  return sum;
}

template <bool kNearEnd>
EDGECLF_INLINE_SIMD Vec four_greys(const Across& across, const GreyTaps& taps, int i, int last) {
  const Vec a = grey_of<kNearEnd>(across, taps, i);
  const Vec b = grey_of<kNearEnd>(across, taps, smaller(i + 1, last));
  const Vec c = grey_of<kNearEnd>(across, taps, smaller(i + 2, last));
  const Vec d = grey_of<kNearEnd>(across, taps, smaller(i + 3, last));
  const Vec high[2] = {zip_low_ints(a, b), zip_low_ints(c, d)};
  const Vec low[2] = {zip_high_ints(a, b), zip_high_ints(c, d)};
  const Vec high_sum = add_ints(zip_low_longs(high[0], high[1]), zip_high_longs(high[0], high[1]));
  const Vec low_sum = add_ints(zip_low_longs(low[0], low[1]), zip_high_longs(low[0], low[1]));
  const Vec levels = rounded_level(add_ints(shift_left_ints<kLowBits>(high_sum), low_sum));
  const Vec words = pack_ints(levels, levels);
  return pack_to_bytes(words, words);
}

// The part of the coming rows that begins with output i and ends with the next four.
EDGECLF_INLINE_SIMD void prefetch_ahead(const Across& across, int i, int next) {
  const std::ptrdiff_t end = across.first[next] * across.step;
  for (std::ptrdiff_t at = across.first[i] * across.step; at < end; at += kCacheLine) {
    const std::uint8_t* bytes = across.rows.pixels + at + across.ahead;
    for (int b = 0; b < kBlocks; ++b) prefetch(bytes + across.rows.offsets[b]);
  }
}

// Outputs from here on might read beyond the row's last byte.
EDGECLF_INLINE_SIMD int end_of_safe(const Across& across, int channels, int begin, int end) {
  const std::ptrdiff_t taps_of_load = channels == 1 ? 16 : kTapsAtOnce;
  const std::ptrdiff_t last_load = (2 * across.pairs - 1) / taps_of_load * taps_of_load;
  while (end > begin && (across.first[end - 1] + last_load) * across.step + 16 > across.rows.size) {
    --end;
  }
  return end;
}

template <int kChannels, int kPairs>
EDGECLF_INLINE_SIMD void weigh_row(const Across& across, int begin, int end) {
  const ColourTaps colour = colour_taps(static_cast<int>(across.step));
  const GreyTaps grey = grey_taps();
  const int safe = end_of_safe(across, kChannels, begin, end) - (kOutputsAtOnce - 1);
  const int last = end - 1;
  for (int i = begin; i < end; i += kOutputsAtOnce) {
    if (across.ahead != 0) prefetch_ahead(across, i, smaller(i + kOutputsAtOnce, last));
    Vec bytes;
    if constexpr (kChannels == 1) {
      bytes = i < safe ? four_greys<false>(across, grey, i, last)
                       : four_greys<true>(across, grey, i, last);
    } else {
      bytes = i < safe ? four_colours<kPairs, false>(across, colour, i, last)
                       : four_colours<0, true>(across, colour, i, last);
    }
    store_rows(across, std::ptrdiff_t{kChannels} * (i - begin), bytes,
               std::ptrdiff_t{kChannels} * smaller(end - i, kOutputsAtOnce),
               std::ptrdiff_t{kChannels} * (end - i));
  }
}

// Pixels four bytes apart that become neighbours.
EDGECLF_INLINE_SIMD void drop_fourth(const Across& across, int begin, int end) {
  for (int i = begin; i < end; i += kOutputsAtOnce) {
    const std::ptrdiff_t at = across.first[i] * across.step;
    const Vec pixels = at + 16 <= across.rows.size ? load_rows<false>(across.rows, at)
                                                   : load_rows<true>(across.rows, at);
    store_rows(across, std::ptrdiff_t{3} * (i - begin), without_fourth(pixels),
               std::ptrdiff_t{3} * smaller(end - i, kOutputsAtOnce), std::ptrdiff_t{3} * (end - i));
  }
}

}  // namespace
}  // namespace edgeclf

// Sums down, in the operations of simd.h, and the fetching of what comes next; included by
// fast_vector.h. Over 200 lines because the ways down share their loads and their rounding.
#pragma once

#include "fetch_pace.h"

namespace edgeclf {
namespace {

// Fetching. -------------------------------------------------------------------------------------

EDGECLF_INLINE_SIMD void fetch_one(FetchPace& pace) {
  if (const std::uint8_t* at = pace.next()) prefetch(at);
}

EDGECLF_INLINE_SIMD void finish_part(FetchPace& pace) {
  while (const std::uint8_t* at = pace.next()) prefetch(at);
}

EDGECLF_INLINE_SIMD void fetch_part(FetchPace& pace) {
  pace.begin_part();
  finish_part(pace);
}

// Down. -----------------------------------------------------------------------------------------

struct Sums {
  Vec part[4];
};

struct RowPair {
  Vec words[4];
};

// Two rows, interleaved byte by byte, then word by word: a word meets its neighbour below.
EDGECLF_INLINE_SIMD RowPair load_pair(const std::uint8_t* upper, const std::uint8_t* lower) {
  const Vec above = load(upper);
  const Vec below = load(lower);
  const Vec low = zip_low_bytes(above, below);
  const Vec high = zip_high_bytes(above, below);
  return {
      {widen_low_bytes(low), widen_high_bytes(low), widen_low_bytes(high), widen_high_bytes(high)}};
}

EDGECLF_INLINE_SIMD void add_pair(const RowPair& pair, Vec weights, Sums& sums) {
  for (int p = 0; p < 4; ++p) {
    sums.part[p] = add_multiplied_pairs(sums.part[p], pair.words[p], weights);
  }
}

// The sums' high bits, as many words as a vector has bytes.
EDGECLF_INLINE_SIMD void store_sums(const Sums& sums, int shift, std::int16_t* words) {
  Vec levels[4];
  for (int p = 0; p < 4; ++p) levels[p] = shift_right_ints_by(sums.part[p], shift);
  const Vec low = pack_ints(levels[0], levels[1]);
  const Vec high = pack_ints(levels[2], levels[3]);
  store_blocks_in_turn(words, low, high);
}

// Of many rows this many vectors are summed side by side, where a cache line has as many.
constexpr int kSideBySide = kBytes < kCacheLine ? 2 : 1;

// Of so many rows all cache lines stay at hand.
constexpr int kFewRows = 4;

// kVectors side by side: of many rows a cache line is used at once where registers allow it.
template <int kVectors>
EDGECLF_INLINE_SIMD void down_at(const DownSum& sum, int at, Vec half, std::int16_t* words) {
  Sums sums[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    for (int p = 0; p < 4; ++p) sums[v].part[p] = half;
  }
  for (int k = 0; k < sum.count; k += 2) {
    const Vec weights = splat_pair(sum.weights + k);
    for (int v = 0; v < kVectors; ++v) {
      const int x = at + v * kBytes;
      add_pair(load_pair(sum.rows[k] + x, sum.rows[k + 1] + x), weights, sums[v]);
    }
  }
  for (int v = 0; v < kVectors; ++v) store_sums(sums[v], sum.shift, words + at + v * kBytes);
}

// Two rows whose weights are positive and sum to 2^14: bytes can be multiplied, by seven high and
// seven low bits. No sum leaves 16 bits, for the halves of one weight are what is left of the
// other's.
struct Blend {
  const std::uint8_t* upper;
  const std::uint8_t* lower;
  Vec high;
  Vec low;
};

EDGECLF_INLINE_SIMD bool is_blend(const DownSum& sum) {
  constexpr int kOne = 1 << 14;
  return sum.count == 2 && sum.shift == 7 && sum.weights[0] >= 0 && sum.weights[1] >= 0 &&
         sum.weights[0] + sum.weights[1] == kOne;
}

EDGECLF_INLINE_SIMD Vec splat_byte_pair(int first, int second) {
  return splat_words((first & 0xFF) | (second & 0xFF) << 8);
}

EDGECLF_INLINE_SIMD Blend blend_of(const DownSum& sum) {
  const int weight = sum.weights[0];
  // 0 and 2^14 are out of the halves' reach: then both rows are the same.
  const std::uint8_t* upper = sum.rows[weight == 0 ? 1 : 0];
  const std::uint8_t* lower = sum.rows[weight == 1 << 14 ? 0 : 1];
  const int kept = weight<1 ? 1 : weight>(1 << 14) - 1 ? (1 << 14) - 1 : weight;
  const int rounded = (kept + 64) >> 7;
  const int high = rounded < 1 ? 1 : rounded > 127 ? 127 : rounded;
  const int low = kept - high * 128;
  return {upper, lower, splat_byte_pair(high, 128 - high), splat_byte_pair(low, -low)};
}

// (x * 2^8 + 2^14) >> 15 is x / 2^7, rounded.
EDGECLF_INLINE_SIMD Vec blended(Vec bytes, const Blend& blend, Vec q8) {
  return add_words(multiply_add_bytes(bytes, blend.high),
                   multiply_q15(multiply_add_bytes(bytes, blend.low), q8));
}

EDGECLF_INLINE_SIMD void blend_at(const Blend& blend, int at, Vec q8, std::int16_t* words) {
  const Vec above = load(blend.upper + at);
  const Vec below = load(blend.lower + at);
  const Vec low = blended(zip_low_bytes(above, below), blend, q8);
  const Vec high = blended(zip_high_bytes(above, below), blend, q8);
  store_blocks_in_turn(words + at, low, high);
}

void blend_down(const DownSum& sum, const Ahead& ahead, std::int16_t* words) {
  const Blend blend = blend_of(sum);
  const Vec q8 = splat_words(1 << 8);
  FetchPace pace(ahead, 0, ahead.down, sum.bytes / kCacheLine);
  int x = 0;
  for (; x + kCacheLine <= sum.bytes; x += kCacheLine) {
    fetch_part(pace);
    for (int v = 0; v < kCacheLine; v += kBytes) blend_at(blend, x + v, q8, words);
  }
  for (; x + kBytes <= sum.bytes; x += kBytes) blend_at(blend, x, q8, words);
  if (x < sum.bytes) blend_at(blend, sum.bytes - kBytes, q8, words);
}

void down(const DownSum& sum, const Ahead& ahead, std::int16_t* words) {
  if (is_blend(sum)) {
    blend_down(sum, ahead, words);
    return;
  }
  const Vec half = splat_ints(1 << (sum.shift - 1));
  FetchPace pace(ahead, 0, ahead.down, sum.bytes / kCacheLine);
  int x = 0;
  for (; x + kCacheLine <= sum.bytes; x += kCacheLine) {
    fetch_part(pace);
    if (sum.count <= kFewRows) {
      for (int v = 0; v < kCacheLine; v += kBytes) down_at<1>(sum, x + v, half, words);
    } else {
      for (int v = 0; v < kCacheLine; v += kSideBySide * kBytes) {
        down_at<kSideBySide>(sum, x + v, half, words);
      }
    }
  }
  for (; x + kBytes <= sum.bytes; x += kBytes) down_at<1>(sum, x, half, words);
  // The rest is computed together with some of what was before it.
  if (x < sum.bytes) down_at<1>(sum, sum.bytes - kBytes, half, words);
}

// Down for several lines. -----------------------------------------------------------------------

// Rows k to `end` of a bundle, added to those of its lines that have them.
template <int kBegin, int kEnd>
EDGECLF_INLINE_SIMD void add_rows(const BundleSum& sum, int at, FetchPace& pace, int& k, int end,
                                  Sums* sums) {
  for (; k < end; k += 2) {
    fetch_one(pace);
    const RowPair pair = load_pair(sum.rows[k] + at, sum.rows[k + 1] + at);
    for (int i = kBegin; i < kEnd; ++i) {
      add_pair(pair, splat_pair(sum.weights + i * sum.pitch + k), sums[i]);
    }
  }
}

// Lines begin one after the other, then they end one after the other.
template <int kLines>
EDGECLF_INLINE_SIMD void down_bundle_at(const BundleSum& sum, int at, Vec half, FetchPace& pace,
                                        const WordBundle& words) {
  static_assert(kLines == 2 || kLines == 4, "or its steps are other ones");
  Sums sums[kLines];
  for (Sums& line : sums) {
    for (Vec& part : line.part) part = half;
  }
  int k = 0;
  add_rows<0, 1>(sum, at, pace, k, sum.begin[1], sums);
  if constexpr (kLines == 4) {
    add_rows<0, 2>(sum, at, pace, k, sum.begin[2], sums);
    add_rows<0, 3>(sum, at, pace, k, sum.begin[3], sums);
  }
  add_rows<0, kLines>(sum, at, pace, k, sum.end[0], sums);
  store_sums(sums[0], sum.shift, words[0] + at);
  add_rows<1, kLines>(sum, at, pace, k, sum.end[1], sums);
  store_sums(sums[1], sum.shift, words[1] + at);
  if constexpr (kLines == 4) {
    add_rows<2, 4>(sum, at, pace, k, sum.end[2], sums);
    store_sums(sums[2], sum.shift, words[2] + at);
    add_rows<3, 4>(sum, at, pace, k, sum.end[3], sums);
    store_sums(sums[3], sum.shift, words[3] + at);
  }
}

template <int kLines>
void down_lines(const BundleSum& sum, const Ahead& ahead, const WordBundle& words) {
  const Vec half = splat_ints(1 << (sum.shift - 1));
  FetchPace pace(ahead, 0, ahead.down, sum.bytes / kCacheLine);
  int x = 0;
  for (; x + kCacheLine <= sum.bytes; x += kCacheLine) {
    pace.begin_part();
    for (int v = x; v < x + kCacheLine; v += kBytes) {
      down_bundle_at<kLines>(sum, v, half, pace, words);
    }
    finish_part(pace);
  }
  for (; x + kBytes <= sum.bytes; x += kBytes) down_bundle_at<kLines>(sum, x, half, pace, words);
  if (x < sum.bytes) down_bundle_at<kLines>(sum, sum.bytes - kBytes, half, pace, words);
}

// The sums of four lines are 16 vectors, and AVX-512 has registers for them.
constexpr int kBundled = kBlocks == 4 ? 4 : 2;

void down_bundle(const BundleSum& sum, const Ahead& ahead, const WordBundle& words) {
  if constexpr (kBundled == 4) {
    if (sum.lines == 4) return down_lines<4>(sum, ahead, words);
  }
  down_lines<2>(sum, ahead, words);
}

EDGECLF_INLINE_SIMD void down_shared_at(const DownSum& sum, int at, Vec half, std::int32_t* kept,
                                        std::int16_t* words) {
  Sums sums;
  Sums next;
  for (int p = 0; p < 4; ++p) {
    sums.part[p] = load(kept + p * kInts);
    next.part[p] = half;
  }
  for (int k = 0; k < sum.count; k += 2) {
    const RowPair pair = load_pair(sum.rows[k] + at, sum.rows[k + 1] + at);
    add_pair(pair, splat_pair(sum.weights + k), sums);
    add_pair(pair, splat_pair(sum.next_weights + k), next);
  }
  for (int p = 0; p < 4; ++p) store(kept + p * kInts, next.part[p]);
  store_sums(sums, sum.shift, words + at);
}

// A vector's sums are kept behind those of the vector before it, be it one that overlaps.
void down_shared(const DownSum& sum, const Ahead& ahead, std::int32_t* kept, std::int16_t* words) {
  const Vec half = splat_ints(1 << (sum.shift - 1));
  FetchPace pace(ahead, 0, ahead.down, sum.bytes / kCacheLine);
  int x = 0;
  for (; x + kCacheLine <= sum.bytes; x += kCacheLine) {
    fetch_part(pace);
    for (int v = x; v < x + kCacheLine; v += kBytes) {
      down_shared_at(sum, v, half, kept + v, words);
    }
  }
  for (; x + kBytes <= sum.bytes; x += kBytes) down_shared_at(sum, x, half, kept + x, words);
  if (x < sum.bytes) down_shared_at(sum, sum.bytes - kBytes, half, kept + x, words);
}

}  // namespace
}  // namespace edgeclf

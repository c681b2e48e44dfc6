// Several rows into one: the second pass of resample_exact.h.
#pragma once

#include "resample_exact_sums.h"

namespace edgeclf {
namespace {

// Rows from k on, as many as are summed at once. Beyond the last the weight is 0.
struct Rows {
  const std::uint8_t* const* rows;
  int last;
  std::ptrdiff_t x;
};

EDGECLF_INLINE_SIMD Vec samples_of(const Rows& rows, int k) {
  return load(rows.rows[smaller(k, rows.last)] + rows.x);
}

#if defined(EDGECLF_SIMD_NEON)

constexpr int kRowsAtOnce = 1;

EDGECLF_INLINE_SIMD void add_rows(Sums* sums, const Rows& rows, int k,
                                  const std::int16_t* weights) {
  const Vec samples = samples_of(rows, k);
  const Vec words[2] = {widen_low_bytes(samples), widen_high_bytes(samples)};
  for (int v = 0; v < 4; ++v) {
    const Vec ints = v % 2 == 0 ? widen_low_words(words[v / 2]) : widen_high_words(words[v / 2]);
    add_product(sums[v], as_ints(ints), weights + k % kTapsAtOnce);
  }
}

#else

constexpr int kRowsAtOnce = 2;

// The rows are interleaved, so that a sample meets its neighbour below.
EDGECLF_INLINE_SIMD void add_rows(Sums* sums, const Rows& rows, int k,
                                  const std::int16_t* weights) {
  const Vec above = samples_of(rows, k);
  const Vec below = samples_of(rows, k + 1);
  const Vec first = zip_low_bytes(above, below);
  const Vec last = zip_high_bytes(above, below);
  const std::int16_t* pair = weights + k % kTapsAtOnce;
  add_products(sums[0], widen_low_bytes(first), pair);
  add_products(sums[1], widen_high_bytes(first), pair);
  add_products(sums[2], widen_low_bytes(last), pair);
  add_products(sums[3], widen_high_bytes(last), pair);
}

#endif

// As many samples as a vector has bytes.
EDGECLF_INLINE_SIMD void combine_vector(const Rows& rows, const std::int16_t* weights,
                                        std::uint8_t* out) {
  Sums sums[4] = {no_sums(), no_sums(), no_sums(), no_sums()};
  for (int k = 0; k <= rows.last; k += kRowsAtOnce) {
    add_rows(sums, rows, k, weights + k / kTapsAtOnce * kHalvesAtOnce);
  }
  store(out + rows.x, pack_to_bytes(pack_ints(level_of(sums[0]), level_of(sums[1])),
                                    pack_ints(level_of(sums[2]), level_of(sums[3]))));
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
    combine_vector({rows, taps - 1, smaller(x, size - kBytes)}, weights, out);
  }
}

}  // namespace
}  // namespace edgeclf

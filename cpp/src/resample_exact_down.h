// Several rows into one: the second pass of resample_exact.h.
#pragma once

#include "resample_exact_sums.h"

namespace edgeclf {
namespace {

#if defined(EDGECLF_SIMD_NEON)

EDGECLF_INLINE_SIMD void add_row(Sums* sums, Vec samples, const std::int16_t* weight) {
  const Vec words[2] = {widen_low_bytes(samples), widen_high_bytes(samples)};
  for (int v = 0; v < 4; ++v) {
    const Vec ints = v % 2 == 0 ? widen_low_words(words[v / 2]) : widen_high_words(words[v / 2]);
    add_product(sums[v], as_ints(ints), weight);
  }
}

EDGECLF_INLINE_SIMD void add_rows(Sums* sums, Vec above, Vec below, const std::int16_t* pair) {
  add_row(sums, above, pair);
  add_row(sums, below, pair + 1);
}

#else

// The rows are interleaved, so that a sample meets its neighbour below.
EDGECLF_INLINE_SIMD void add_rows(Sums* sums, Vec above, Vec below, const std::int16_t* pair) {
  const Vec first = zip_low_bytes(above, below);
  const Vec last = zip_high_bytes(above, below);
  add_products(sums[0], widen_low_bytes(first), pair);
  add_products(sums[1], widen_high_bytes(first), pair);
  add_products(sums[2], widen_low_bytes(last), pair);
  add_products(sums[3], widen_high_bytes(last), pair);
}

#endif

// As many samples as a vector has bytes, from x on.
EDGECLF_INLINE_SIMD void combine_vector(const std::uint8_t* const* rows, std::ptrdiff_t x,
                                        const std::int16_t* weights, int taps, std::uint8_t* out) {
  Sums sums[4] = {no_sums(), no_sums(), no_sums(), no_sums()};
  for (int k = 0; k < taps; k += 2) {
    const int next = smaller(k + 1, taps - 1);  // beyond the last tap the weight is 0
    add_rows(sums, load(rows[k] + x), load(rows[next] + x),
             weights + k / kTapsAtOnce * kHalvesAtOnce + k % kTapsAtOnce);
  }
  store(out + x, pack_to_bytes(pack_ints(level_of(sums[0]), level_of(sums[1])),
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
    combine_vector(rows, smaller(x, size - kBytes), weights, taps, out);
  }
}

}  // namespace
}  // namespace edgeclf

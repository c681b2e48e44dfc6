// Sums across, in the operations of simd.h; included by fast_vector.h.
#pragma once

namespace edgeclf {
namespace {

constexpr int kGroup = 8 * kBlocks;  // outputs

// Four vectors of two pixels in each block, R G B - R G B -, to three lines.
EDGECLF_INLINE_SIMD void store_three(const Vec* pixels, const FastLines& lines, int at) {
  alignas(16) static constexpr std::uint8_t kBySample[16] = {0, 1, 8,  9,  2, 3, 10, 11,
                                                             4, 5, 12, 13, 6, 7, 14, 15};
  const Vec by_sample = load_block_to_all(kBySample);
  Vec pairs[4];
  for (int v = 0; v < 4; ++v) pairs[v] = lookup(pixels[v], by_sample);
  const Vec low_a = zip_low_ints(pairs[0], pairs[1]);
  const Vec low_b = zip_low_ints(pairs[2], pairs[3]);
  const Vec high_a = zip_high_ints(pairs[0], pairs[1]);
  const Vec high_b = zip_high_ints(pairs[2], pairs[3]);
  store(lines[0] + at, zip_low_longs(low_a, low_b));
  store(lines[1] + at, zip_high_longs(low_a, low_b));
  store(lines[2] + at, zip_low_longs(high_a, high_b));
}

// What one step of an output in each block adds.
EDGECLF_INLINE_SIMD Vec weighed_step(const std::uint8_t* words, const std::int32_t* offsets,
                                     Vec pick, const std::int16_t* weights) {
  return multiply_add_pairs(lookup(load_pieces<16>(words, offsets), pick), load(weights));
}

// `sum` and kSteps of them; or, if that is 0, as many as the table has.
template <int kSteps>
EDGECLF_INLINE_SIMD Vec weighed(const std::int16_t* words, const AcrossTable& table, Vec pick,
                                const std::int32_t* offsets, const std::int16_t*& weights,
                                Vec sum) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(words);
  const auto step = static_cast<std::ptrdiff_t>(table.step_bytes);
  int left = kSteps > 0 ? kSteps : table.steps;
  // Four at once, for the loop would cost as much as a step.
  for (; left >= 4; left -= 4, bytes += 4 * step, weights += 4 * kWords) {
    const Vec a = weighed_step(bytes, offsets, pick, weights);
    const Vec b = weighed_step(bytes + step, offsets, pick, weights + kWords);
    const Vec c = weighed_step(bytes + 2 * step, offsets, pick, weights + 2 * kWords);
    const Vec d = weighed_step(bytes + 3 * step, offsets, pick, weights + 3 * kWords);
    sum = add_ints(sum, add_ints(add_ints(a, b), add_ints(c, d)));
  }
  for (; left > 0; --left, bytes += step, weights += kWords) {
    sum = add_ints(sum, weighed_step(bytes, offsets, pick, weights));
  }
  return sum;
}

EDGECLF_INLINE_SIMD Vec rounded(Vec sum, Vec half, int shift) {
  return shift_right_ints_by(add_ints(sum, half), shift);
}

// One output is a block's first three ints.
EDGECLF_INLINE_SIMD void finish_three(const Vec* sums, int shift, const FastLines& lines, int at) {
  Vec pixels[4];
  for (int v = 0; v < 4; ++v) {
    pixels[v] = pack_ints(shift_right_ints_by(sums[2 * v], shift),
                          shift_right_ints_by(sums[2 * v + 1], shift));
  }
  store_three(pixels, lines, at);
}

// One output is the sum of a block's ints 0 and 2, and of 1 and 3.
EDGECLF_INLINE_SIMD void finish_two(const Vec* sums, Vec half, int shift, const FastLines& lines,
                                    int at) {
  alignas(16) static constexpr std::uint8_t kBySample[16] = {0, 1, 4, 5, 8,  9,  12, 13,
                                                             2, 3, 6, 7, 10, 11, 14, 15};
  const Vec by_sample = load_block_to_all(kBySample);
  Vec both[4];
  for (int v = 0; v < 4; ++v) {
    const Vec a = sums[2 * v];
    const Vec b = sums[2 * v + 1];
    both[v] = rounded(add_ints(zip_low_longs(a, b), zip_high_longs(a, b)), half, shift);
  }
  const Vec front = lookup(pack_ints(both[0], both[1]), by_sample);
  const Vec back = lookup(pack_ints(both[2], both[3]), by_sample);
  store(lines[0] + at, zip_low_longs(front, back));
  store(lines[1] + at, zip_high_longs(front, back));
}

// One output is the sum of a block's four ints.
EDGECLF_INLINE_SIMD Vec four_sums(const Vec* sums) {
  const Vec a = add_ints(zip_low_ints(sums[0], sums[1]), zip_high_ints(sums[0], sums[1]));
  const Vec b = add_ints(zip_low_ints(sums[2], sums[3]), zip_high_ints(sums[2], sums[3]));
  return add_ints(zip_low_longs(a, b), zip_high_longs(a, b));
}

EDGECLF_INLINE_SIMD void finish_one(const Vec* sums, Vec half, int shift, const FastLines& lines,
                                    int at) {
  const Vec front = rounded(four_sums(sums), half, shift);
  const Vec back = rounded(four_sums(sums + 4), half, shift);
  store(lines[0] + at, pack_ints(front, back));
}

template <int kSamples, int kSteps>
EDGECLF_INLINE_SIMD void across_samples(const std::int16_t* words, const AcrossTable& table,
                                        const Ahead& ahead, const FastLines& lines) {
  const Vec pick = load_block_to_all(table.pick.data());
  const Vec half = splat_ints(1 << (table.shift - 1));
  // Three samples need no adding up, so their sums can begin with what rounds them.
  const Vec begin = kSamples == 3 ? half : zero();
  const std::int32_t* offsets = table.offsets.data();
  const std::int16_t* weights = table.weights.data();
  const int size = table.axis.taps.size();
  FetchPace pace(ahead, ahead.down, ahead.across, (size + kGroup - 1) / kGroup);
  for (int i = 0; i < size; i += kGroup, offsets += kGroup) {
    fetch_part(pace);
    Vec sums[8];
    for (int v = 0; v < 8; ++v) {
      sums[v] = weighed<kSteps>(words, table, pick, offsets + v * kBlocks, weights, begin);
    }
    if (kSamples == 3) {
      finish_three(sums, table.shift, lines, i);
    } else if (kSamples == 2) {
      finish_two(sums, half, table.shift, lines, i);
    } else {
      finish_one(sums, half, table.shift, lines, i);
    }
  }
}

template <int kSamples>
EDGECLF_INLINE_SIMD void across_steps(const std::int16_t* words, const AcrossTable& table,
                                      const Ahead& ahead, const FastLines& lines) {
  switch (table.steps) {
    case 1: across_samples<kSamples, 1>(words, table, ahead, lines); break;
    case 2: across_samples<kSamples, 2>(words, table, ahead, lines); break;
    case 3: across_samples<kSamples, 3>(words, table, ahead, lines); break;
    case 4: across_samples<kSamples, 4>(words, table, ahead, lines); break;
    case 5: across_samples<kSamples, 5>(words, table, ahead, lines); break;
    case 6: across_samples<kSamples, 6>(words, table, ahead, lines); break;
    case 9: across_samples<kSamples, 9>(words, table, ahead, lines); break;
    default: across_samples<kSamples, 0>(words, table, ahead, lines); break;
  }
}

void across(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
            const FastLines& lines) {
  switch (table.pixel.samples) {
    case 3: across_steps<3>(words, table, ahead, lines); break;
    case 2: across_steps<2>(words, table, ahead, lines); break;
    default: across_steps<1>(words, table, ahead, lines); break;
  }
}

// All but the first find what is ahead fetched.
[[maybe_unused]] void across_bundle(const WordBundle& words, int count, const AcrossTable& table,
                                    const Ahead& ahead, const LineBundle& lines) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    across(words[i], table, i == 0 ? ahead : Ahead{}, lines[i]);
  }
}

}  // namespace
}  // namespace edgeclf

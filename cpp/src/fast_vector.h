// The kernels of the fixed-point arithmetic in the operations of simd.h; included by
// fast_sse41.cpp, fast_avx2.cpp and fast_neon.cpp, and compiled for one instruction set in each.
// fast_scalar.cpp says what they compute, fast.h how their tables are laid out.
#pragma once

namespace edgeclf {
namespace {

constexpr int kGroup = 8 * kBlocks;  // outputs
constexpr int kCacheLine = 64;

// Fetching. -------------------------------------------------------------------------------------

EDGECLF_INLINE_SIMD void fetch(const Ahead& ahead, int at) {
  for (int k = 0; k < ahead.count; ++k) prefetch(ahead.rows[k] + at);
}

// Fetches what is ahead in as many equal parts as there are calls.
class PacedFetch {
 public:
  EDGECLF_INLINE_SIMD PacedFetch(const Ahead& ahead, int begin, int end, int parts)
      : ahead_(ahead),
        at_(begin),
        due_(begin),
        part_(parts > 0 ? (end - begin + parts - 1) / parts : 0) {}

  EDGECLF_INLINE_SIMD void next() {
    for (due_ += part_; at_ < due_; at_ += kCacheLine) fetch(ahead_, at_);
  }

 private:
  const Ahead& ahead_;
  int at_;
  int due_;
  int part_;
};

// Down. -----------------------------------------------------------------------------------------

struct Sums {
  Vec part[4];
};

// Two rows, interleaved byte by byte, then word by word: a word meets its neighbour below.
EDGECLF_INLINE_SIMD void add_rows(const std::uint8_t* upper, const std::uint8_t* lower, Vec weights,
                                  Sums& sums) {
  const Vec above = load(upper);
  const Vec below = load(lower);
  const Vec low = zip_low_bytes(above, below);
  const Vec high = zip_high_bytes(above, below);
  const Vec words[4] = {widen_low_bytes(low), widen_high_bytes(low), widen_low_bytes(high),
                        widen_high_bytes(high)};
  for (int p = 0; p < 4; ++p) {
    sums.part[p] = add_ints(sums.part[p], multiply_add_pairs(words[p], weights));
  }
}

// The sums' high bits, as many words as a vector has bytes.
EDGECLF_INLINE_SIMD void store_sums(const Sums& sums, int shift, std::int16_t* words) {
  Vec levels[4];
  for (int p = 0; p < 4; ++p) levels[p] = shift_right_ints_by(sums.part[p], shift);
  const Vec low = pack_ints(levels[0], levels[1]);
  const Vec high = pack_ints(levels[2], levels[3]);
  for (int b = 0; b < kBlocks; ++b) {
    store_block(words + 16 * b, low, b);
    store_block(words + 16 * b + 8, high, b);
  }
}

EDGECLF_INLINE_SIMD void down_at(const DownSum& sum, int at, Vec half, std::int16_t* words) {
  Sums sums{{half, half, half, half}};
  for (int k = 0; k < sum.count; k += 2) {
    add_rows(sum.rows[k] + at, sum.rows[k + 1] + at, splat_pair(sum.weights + k), sums);
  }
  store_sums(sums, sum.shift, words + at);
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
  for (int b = 0; b < kBlocks; ++b) {
    store_block(words + at + 16 * b, low, b);
    store_block(words + at + 16 * b + 8, high, b);
  }
}

void blend_down(const DownSum& sum, const Ahead& ahead, std::int16_t* words) {
  const Blend blend = blend_of(sum);
  const Vec q8 = splat_words(1 << 8);
  PacedFetch paced(ahead, 0, ahead.down, sum.bytes / kCacheLine);
  int x = 0;
  for (; x + kCacheLine <= sum.bytes; x += kCacheLine) {
    paced.next();
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
  PacedFetch paced(ahead, 0, ahead.down, sum.bytes / kCacheLine);
  int x = 0;
  for (; x + kCacheLine <= sum.bytes; x += kCacheLine) {
    paced.next();
    for (int v = 0; v < kCacheLine; v += kBytes) down_at(sum, x + v, half, words);
  }
  for (; x + kBytes <= sum.bytes; x += kBytes) down_at(sum, x, half, words);
  // The rest is computed together with some of what was before it.
  if (x < sum.bytes) down_at(sum, sum.bytes - kBytes, half, words);
}

// Across. ---------------------------------------------------------------------------------------

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
  PacedFetch paced(ahead, ahead.down, ahead.across, (size + kGroup - 1) / kGroup);
  for (int i = 0; i < size; i += kGroup, offsets += kGroup) {
    paced.next();
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

// Bilinear. -------------------------------------------------------------------------------------

struct TapWeights {
  Vec pick;
  Vec high;
  Vec low;
};

// Two outputs of one row in each block, Q7.
EDGECLF_INLINE_SIMD Vec between(const std::uint8_t* row, const std::int32_t* offsets,
                                const TapWeights& weights, Vec q8) {
  const Vec taps = lookup(load_pieces<8>(row, offsets), weights.pick);
  // (x * 2^8 + 2^14) >> 15 is x / 2^7, rounded.
  const Vec low = multiply_q15(multiply_add_bytes(taps, weights.low), q8);
  return add_words(multiply_add_bytes(taps, weights.high), low);
}

void bilinear(const std::uint8_t* upper, const std::uint8_t* lower, std::int16_t weight,
              const BilinearTable& table, const Ahead& ahead, const FastLines& lines) {
  const Vec down_weight = splat_words(weight);
  const Vec q8 = splat_words(1 << 8);
  const int size = table.axis.taps.size();
  PacedFetch paced(ahead, 0, ahead.across, (size + kGroup - 1) / kGroup);
  const std::int32_t* offsets = table.offsets.data();
  std::ptrdiff_t at = 0;
  for (int i = 0; i < size; i += kGroup, offsets += kGroup) {
    paced.next();
    Vec pixels[4];
    for (int v = 0; v < 4; ++v, at += kBytes) {
      const TapWeights weights{load(table.pick.data() + at), load(table.high.data() + at),
                               load(table.low.data() + at)};
      const Vec above = between(upper, offsets + v * 2 * kBlocks, weights, q8);
      const Vec below = between(lower, offsets + v * 2 * kBlocks, weights, q8);
      pixels[v] = add_words(above, multiply_q15(sub_words(below, above), down_weight));
    }
    store_three(pixels, lines, i);
  }
}

// Conversion. -----------------------------------------------------------------------------------

constexpr int kConversionBits = 13;

struct Triple {
  Vec first_second;
  Vec third;
};

EDGECLF_INLINE_SIMD Vec converted(const Triple& low, const Triple& high, Vec weights, Vec third,
                                  Vec bias) {
  const Vec a =
      add_ints(multiply_add_pairs(low.first_second, weights), multiply_add_pairs(low.third, third));
  const Vec b = add_ints(multiply_add_pairs(high.first_second, weights),
                         multiply_add_pairs(high.third, third));
  return pack_ints(shift_right_ints<kConversionBits>(add_ints(a, bias)),
                   shift_right_ints<kConversionBits>(add_ints(b, bias)));
}

template <int kChannels>
EDGECLF_INLINE_SIMD void convert_channels(const ConstFastLines& samples,
                                          const FixedConversion& conversion, int size,
                                          const FastLines& levels) {
  Vec weights[kChannels];
  Vec third[kChannels];
  Vec bias[kChannels];
  for (int c = 0; c < kChannels; ++c) {
    weights[c] = splat_pair(conversion.weight[c]);
    third[c] = splat_pair(conversion.weight[c] + 2);
    bias[c] = splat_ints(conversion.bias[c]);
  }
  for (int i = 0; i < size; i += kWords) {
    const Vec x = load(samples[0] + i);
    const Vec y = kChannels == 3 ? load(samples[1] + i) : zero();
    const Vec z = kChannels == 3 ? load(samples[2] + i) : zero();
    const Triple low{zip_low_words(x, y), zip_low_words(z, zero())};
    const Triple high{zip_high_words(x, y), zip_high_words(z, zero())};
    for (int c = 0; c < kChannels; ++c) {
      store(levels[static_cast<std::size_t>(c)] + i,
            converted(low, high, weights[c], third[c], bias[c]));
    }
  }
}

void convert(const ConstFastLines& samples, const FixedConversion& conversion, int channels,
             int size, const FastLines& levels) {
  if (channels == 3) {
    convert_channels<3>(samples, conversion, size, levels);
  } else {
    convert_channels<1>(samples, conversion, size, levels);
  }
}

}  // namespace
}  // namespace edgeclf

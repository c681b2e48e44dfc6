// The kernels of the fixed-point arithmetic in the operations of simd.h; included by
// fast_sse41.cpp, fast_avx2.cpp, fast_avx512.cpp and fast_neon.cpp, and compiled for one
// instruction set in each. fast_scalar.cpp says what they compute, fast.h how their tables are laid
// out.
#pragma once

#include "fast_vector_down.h"
// These use what stands above.
#include "fast_vector_across.h"
#include "fast_vector_encode.h"

namespace edgeclf {
namespace {

// Bilinear. -------------------------------------------------------------------------------------

struct TapWeights {
  Vec high;
  Vec low;
  Vec q8;  // 2^8
};

// Pairs of taps to levels of one row, Q7.
EDGECLF_INLINE_SIMD Vec between(Vec taps, const TapWeights& weights) {
  // (x * 2^8 + 2^14) >> 15 is x / 2^7, rounded.
  const Vec low = multiply_q15(multiply_add_bytes(taps, weights.low), weights.q8);
  return add_words(multiply_add_bytes(taps, weights.high), low);
}

EDGECLF_INLINE_SIMD Vec blended_rows(Vec above, Vec below, Vec weight) {
  return add_words(above, multiply_q15(sub_words(below, above), weight));
}

void bilinear_three(const std::uint8_t* upper, const std::uint8_t* lower, std::int16_t weight,
                    const BilinearTable& table, const Ahead& ahead, const FastLines& lines) {
  const Vec down_weight = splat_words(weight);
  const Vec q8 = splat_words(1 << 8);
  const int size = table.axis.taps.size();
  FetchPace pace(ahead, 0, ahead.across, (size + kGroup - 1) / kGroup);
  const std::int32_t* offsets = table.offsets.data();
  std::ptrdiff_t at = 0;
  for (int i = 0; i < size; i += kGroup, offsets += kGroup) {
    fetch_part(pace);
    Vec pixels[4];
    for (int v = 0; v < 4; ++v, at += kBytes) {
      const TapWeights weights{load(table.high.data() + at), load(table.low.data() + at), q8};
      const Vec pick = load(table.pick.data() + at);
      const std::int32_t* places = offsets + v * 2 * kBlocks;
      const Vec above = between(lookup(load_pieces<8>(upper, places), pick), weights);
      const Vec below = between(lookup(load_pieces<8>(lower, places), pick), weights);
      pixels[v] = blended_rows(above, below, down_weight);
    }
    store_three(pixels, lines, i);
  }
}

// Lines of chroma are often made of one row, for a row of it belongs to two of luma.
template <bool kOneRow>
EDGECLF_INLINE_SIMD void bilinear_two(const std::uint8_t* upper, const std::uint8_t* lower,
                                      std::int16_t weight, const BilinearTable& table,
                                      const Ahead& ahead, const FastLines& lines) {
  const Vec down_weight = splat_words(weight);
  const Vec q8 = splat_words(1 << 8);
  const int size = table.axis.taps.size();
  FetchPace pace(ahead, 0, ahead.across, (size + kGroup - 1) / kGroup);
  const std::int32_t* offsets = table.offsets.data();
  std::ptrdiff_t at = 0;
  for (int i = 0; i < size; i += kGroup) {
    fetch_part(pace);
    Vec pixels[2];
    for (int v = 0; v < 2; ++v, at += kBytes, offsets += 4 * kBlocks) {
      const TapWeights weights{load(table.high.data() + at), load(table.low.data() + at), q8};
      const Vec pick = load(table.pick.data() + at);
      pixels[v] = between(lookup(load_pieces<4>(upper, offsets), pick), weights);
      if (kOneRow) continue;
      const Vec below = between(lookup(load_pieces<4>(lower, offsets), pick), weights);
      pixels[v] = blended_rows(pixels[v], below, down_weight);
    }
    store(lines[0] + i, zip_low_longs(pixels[0], pixels[1]));
    store(lines[1] + i, zip_high_longs(pixels[0], pixels[1]));
  }
}

// The taps of a group of outputs of one sample.
EDGECLF_INLINE_SIMD Vec single_taps(const std::uint8_t* row, const std::int32_t* offsets, Vec front,
                                    Vec back) {
  return or_bits(lookup(load_pieces<4>(row, offsets), front),
                 lookup(load_pieces<4>(row, offsets + 4 * kBlocks), back));
}

void bilinear_one(const std::uint8_t* upper, const std::uint8_t* lower, std::int16_t weight,
                  const BilinearTable& table, const Ahead& ahead, const FastLines& lines) {
  const Vec down_weight = splat_words(weight);
  const Vec q8 = splat_words(1 << 8);
  const int size = table.axis.taps.size();
  FetchPace pace(ahead, 0, ahead.across, (size + kGroup - 1) / kGroup);
  const std::int32_t* offsets = table.offsets.data();
  const std::uint8_t* pick = table.pick.data();
  std::ptrdiff_t at = 0;
  for (int i = 0; i < size; i += kGroup, at += kBytes, offsets += 8 * kBlocks, pick += 2 * kBytes) {
    fetch_part(pace);
    const TapWeights weights{load(table.high.data() + at), load(table.low.data() + at), q8};
    const Vec front = load(pick);
    const Vec back = load(pick + kBytes);
    const Vec above = between(single_taps(upper, offsets, front, back), weights);
    const Vec below = between(single_taps(lower, offsets, front, back), weights);
    store(lines[0] + i, blended_rows(above, below, down_weight));
  }
}

// AVX-512 takes that of AVX2.
[[maybe_unused]] void bilinear(const std::uint8_t* upper, const std::uint8_t* lower,
                               std::int16_t weight, const BilinearTable& table, const Ahead& ahead,
                               const FastLines& lines) {
  switch (table.pixel.samples) {
    case 3: bilinear_three(upper, lower, weight, table, ahead, lines); break;
    case 2:
      if (upper == lower) {
        bilinear_two<true>(upper, lower, weight, table, ahead, lines);
      } else {
        bilinear_two<false>(upper, lower, weight, table, ahead, lines);
      }
      break;
    default: bilinear_one(upper, lower, weight, table, ahead, lines); break;
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

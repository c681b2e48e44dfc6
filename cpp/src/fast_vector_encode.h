// The last step of the fixed-point arithmetic, from lines of words to the tensor, in the operations
// of simd.h; included by fast_vector.h. fast_scalar.cpp says what is computed. Over 200 lines
// because planes and pixels side by side share their small steps.
#pragma once

namespace edgeclf {
namespace {

// Gains and biases of the four numbers that stand in each block.
struct Gains {
  FloatVec gain;
  FloatVec bias;
};

struct TwoFloats {
  FloatVec low;   // of each block's words, the first four
  FloatVec high;  // and the last
};

EDGECLF_INLINE_SIMD Vec clamped_words(Vec words, Vec top) {
  return max_words(min_words(words, top), zero());
}

EDGECLF_INLINE_SIMD FloatVec scaled(Vec ints, const Gains& gains) {
  return add_floats(multiply_floats(to_floats(ints), gains.gain), gains.bias);
}

EDGECLF_INLINE_SIMD FloatVec clamped_floats(FloatVec a, float low, float high) {
  return min_floats(max_floats(a, splat_floats(low)), splat_floats(high));
}

// The bits of a float16 for each float, rounded once, half to even.
EDGECLF_INLINE_SIMD Vec half_bits(FloatVec value) {
  const Vec bits = bits_of(value);
  const Vec sign = and_bits(shift_right_unsigned_ints<16>(bits), splat_ints(0x8000));
  const Vec size = and_bits(bits, splat_ints(0x7FFFFFFF));
  // A float16 with its full precision: thirteen bits fall away, and the exponent's zero moves.
  const Vec odd = and_bits(shift_right_unsigned_ints<13>(size), splat_ints(1));
  const Vec even = add_ints(add_ints(size, splat_ints(0xFFF)), odd);
  const Vec normal = sub_ints(shift_right_unsigned_ints<13>(even), splat_ints((127 - 15) << 10));
  // Below 2^-14 float16 counts in steps of 2^-24, the last bits of numbers from 1/2 on.
  const Vec steps = bits_of(add_floats(floats_of(size), splat_floats(0.5F)));
  const Vec subnormal = sub_ints(steps, bits_of(splat_floats(0.5F)));
  const Vec finite = select(greater_ints(splat_ints(0x38800000), size), subnormal, normal);
  const Vec infinite = greater_ints(size, splat_ints(0x477FEFFF));
  return or_bits(select(infinite, splat_ints(0x7C00), finite), sign);
}

// Ints whose low 16 bits count, as words.
EDGECLF_INLINE_SIMD Vec pack_low_halves(Vec a, Vec b) {
  return pack_ints(shift_right_ints<16>(shift_left_ints<16>(a)),
                   shift_right_ints<16>(shift_left_ints<16>(b)));
}

template <DType kType>
EDGECLF_INLINE_SIMD Vec code_words(const TwoFloats& values) {
  constexpr float kLow = kType == DType::int8 ? -128.0F : 0.0F;
  constexpr float kHigh = kType == DType::int8 ? 127.0F : 255.0F;
  return pack_ints(round_to_ints(clamped_floats(values.low, kLow, kHigh)),
                   round_to_ints(clamped_floats(values.high, kLow, kHigh)));
}

template <DType kType>
EDGECLF_INLINE_SIMD Vec pack_codes(Vec a, Vec b) {
  return kType == DType::int8 ? pack_to_signed_bytes(a, b) : pack_to_bytes(a, b);
}

// How many bits of a word stand behind the point where the codes are the levels themselves, as a
// model that takes pixels wants them; else 0.
int level_bits(const FastEncoding& encoding) {
  const float bias = encoding.dtype == DType::int8 ? -128.0F : 0.0F;
  const int bits = encoding.top == 255 << 7 ? 7 : encoding.top == 255 << 6 ? 6 : 0;
  const float gain = 1.0F / static_cast<float>(1 << bits);
  for (std::size_t c = 0; c < static_cast<std::size_t>(encoding.channels); ++c) {
    if (encoding.gain[c] != gain || encoding.bias[c] != bias) return 0;
  }
  return bits;
}

// Clamped words to the words of 8-bit codes; kLevelBits: see level_bits. Half to even: one half,
// and what is odd is rounded up.
template <DType kType, int kLevelBits>
EDGECLF_INLINE_SIMD Vec codes_of(Vec words, const Gains& gains) {
  if constexpr (kLevelBits > 0) {
    const Vec odd = and_bits(shift_right_unsigned_words<kLevelBits>(words), splat_words(1));
    const Vec rounder = add_words(odd, splat_words((1 << (kLevelBits - 1)) - 1));
    const Vec levels = shift_right_unsigned_words<kLevelBits>(add_words(words, rounder));
    return kType == DType::int8 ? sub_words(levels, splat_words(128)) : levels;
  } else {
    return code_words<kType>(
        {scaled(widen_low_words(words), gains), scaled(widen_high_words(words), gains)});
  }
}

// Planes. ---------------------------------------------------------------------------------------

// kWords elements of one plane.
template <DType kType, int kLevelBits, class Element>
EDGECLF_INLINE_SIMD void encode_run(const std::int16_t* line, const Gains& gains, Vec top,
                                    Element* out) {
  const Vec words = clamped_words(load(line), top);
  if constexpr (kType == DType::uint8 || kType == DType::int8) {
    const Vec codes = codes_of<kType, kLevelBits>(words, gains);
    store_low_halves(out, pack_codes<kType>(codes, codes));
  } else {
    const FloatVec low = scaled(widen_low_words(words), gains);
    const FloatVec high = scaled(widen_high_words(words), gains);
    if constexpr (kType == DType::float32) {
      store_blocks_in_turn(out, bits_of(low), bits_of(high));
    } else {
      store(out, pack_low_halves(half_bits(low), half_bits(high)));
    }
  }
}

template <DType kType, int kLevelBits, class Element>
EDGECLF_INLINE_SIMD void encode_plane(const std::int16_t* line, const Gains& gains, Vec top,
                                      int size, Element* out) {
  int i = 0;
  for (; i + kWords <= size; i += kWords) {
    encode_run<kType, kLevelBits>(line + i, gains, top, out + i);
  }
  if (i == size) return;
  Element rest[kWords];
  encode_run<kType, kLevelBits>(line + i, gains, top, rest);
  std::memcpy(out + i, rest, static_cast<std::size_t>(size - i) * sizeof(Element));
}

template <DType kType, int kLevelBits, class Element>
void encode_planes(const ConstFastLines& lines, const FastEncoding& encoding, int size,
                   const RowTarget& target, const Ahead& ahead) {
  auto* out = static_cast<Element*>(target.elements);
  const Vec top = splat_words(encoding.top);
  FetchPace pace(ahead, ahead.across, ahead.bytes, encoding.channels);
  for (std::size_t c = 0; c < static_cast<std::size_t>(encoding.channels); ++c) {
    const Gains gains{splat_floats(encoding.gain[c]), splat_floats(encoding.bias[c])};
    fetch_part(pace);
    encode_plane<kType, kLevelBits>(lines[c], gains, top, size, out);
    out += target.channel_step;
  }
}

// Pixels of three channels, side by side. -------------------------------------------------------

// Where the bytes of the output's three vectors come from, by channel.
struct Interleaving {
  std::uint8_t pick[3][3][16];
};

constexpr Interleaving interleaving() {
  Interleaving result{};
  for (int v = 0; v < 3; ++v) {
    for (int place = 0; place < 8; ++place) {
      const int word = 8 * v + place;
      for (int c = 0; c < 3; ++c) {
        const bool here = word % 3 == c;
        for (int byte = 0; byte < 2; ++byte) {
          result.pick[v][c][2 * place + byte] =
              static_cast<std::uint8_t>(here ? word / 3 * 2 + byte : 0x80);
        }
      }
    }
  }
  return result;
}

constexpr Interleaving kInterleaving = interleaving();

EDGECLF_INLINE_SIMD Vec interleaved(const Vec* channels, int v) {
  const Vec a = lookup(channels[0], load_block_to_all(kInterleaving.pick[v][0]));
  const Vec b = lookup(channels[1], load_block_to_all(kInterleaving.pick[v][1]));
  const Vec c = lookup(channels[2], load_block_to_all(kInterleaving.pick[v][2]));
  return or_bits(or_bits(a, b), c);
}

// What stands in the four places of a block that begins with channel `first`.
EDGECLF_INLINE_SIMD Gains gains_from(const FastEncoding& encoding, std::size_t first) {
  float gain[kInts];
  float bias[kInts];
  for (std::size_t i = 0; i < kInts; ++i) {
    const std::size_t c = (first + i % 4) % 3;
    gain[i] = encoding.gain[c];
    bias[i] = encoding.bias[c];
  }
  return {load_floats(gain), load_floats(bias)};
}

// kWords pixels of floats.
template <DType kType, class Element>
EDGECLF_INLINE_SIMD void encode_pixels(const Vec* channels, const Gains* gains, Element* out) {
  for (int v = 0; v < 3; ++v) {
    const Vec words = interleaved(channels, v);
    const FloatVec low = scaled(widen_low_words(words), gains[2 * v % 3]);
    const FloatVec high = scaled(widen_high_words(words), gains[(2 * v + 1) % 3]);
    for (int b = 0; b < kBlocks; ++b) {
      Element* to = out + 24 * b + 8 * v;
      if constexpr (kType == DType::float32) {
        store_block(to, bits_of(low), b);
        store_block(to + 4, bits_of(high), b);
      } else {
        store_block(to, pack_low_halves(half_bits(low), half_bits(high)), b);
      }
    }
  }
}

// kWords pixels of bytes, from channels that are codes already.
template <DType kType>
EDGECLF_INLINE_SIMD void store_codes(const Vec* channels, std::uint8_t* out) {
  alignas(16) static constexpr std::uint8_t kPick[4][16] = {
      {0, 8, 0x80, 1, 9, 0x80, 2, 10, 0x80, 3, 11, 0x80, 4, 12, 0x80, 5},
      {0x80, 0x80, 0, 0x80, 0x80, 1, 0x80, 0x80, 2, 0x80, 0x80, 3, 0x80, 0x80, 4, 0x80},
      {13, 0x80, 6, 14, 0x80, 7, 15, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
      {0x80, 5, 0x80, 0x80, 6, 0x80, 0x80, 7, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}};
  const Vec two = pack_codes<kType>(channels[0], channels[1]);
  const Vec one = pack_codes<kType>(channels[2], channels[2]);
  const Vec front =
      or_bits(lookup(two, load_block_to_all(kPick[0])), lookup(one, load_block_to_all(kPick[1])));
  const Vec back =
      or_bits(lookup(two, load_block_to_all(kPick[2])), lookup(one, load_block_to_all(kPick[3])));
  for (int b = 0; b < kBlocks; ++b) {
    store_block(out + 24 * b, front, b);
    store_half_block(out + 24 * b + 16, back, b);
  }
}

// One run of kWords pixels.
template <DType kType, int kLevelBits, class Element>
EDGECLF_INLINE_SIMD void encode_pixels_at(const ConstFastLines& lines, int at, const Gains* gains,
                                          Vec top, Element* out) {
  Vec channels[3];
  for (int c = 0; c < 3; ++c) {
    channels[c] = clamped_words(load(lines[static_cast<std::size_t>(c)] + at), top);
  }
  if constexpr (kType == DType::uint8 || kType == DType::int8) {
    for (int c = 0; c < 3; ++c) channels[c] = codes_of<kType, kLevelBits>(channels[c], gains[c]);
    store_codes<kType>(channels, out);
  } else {
    encode_pixels<kType>(channels, gains, out);
  }
}

template <DType kType, int kLevelBits, class Element>
void encode_interleaved(const ConstFastLines& lines, const FastEncoding& encoding, int size,
                        const RowTarget& target, const Ahead& ahead) {
  constexpr bool kCodes = kType == DType::uint8 || kType == DType::int8;
  auto* out = static_cast<Element*>(target.elements);
  const Vec top = splat_words(encoding.top);
  Gains gains[3];
  for (std::size_t c = 0; c < 3; ++c) {
    gains[c] = kCodes ? Gains{splat_floats(encoding.gain[c]), splat_floats(encoding.bias[c])}
                      : gains_from(encoding, c);
  }
  FetchPace pace(ahead, ahead.across, ahead.bytes, size / kWords);
  int i = 0;
  for (; i + kWords <= size; i += kWords) {
    fetch_part(pace);
    encode_pixels_at<kType, kLevelBits>(lines, i, gains, top, out + 3 * i);
  }
  if (i == size) return;
  Element rest[3 * kWords];
  encode_pixels_at<kType, kLevelBits>(lines, i, gains, top, rest);
  std::memcpy(out + 3 * i, rest, static_cast<std::size_t>(3 * (size - i)) * sizeof(Element));
}

template <DType kType, int kLevelBits, class Element>
EDGECLF_INLINE_SIMD void encode_as(const ConstFastLines& lines, const FastEncoding& encoding,
                                   int size, const RowTarget& target, const Ahead& ahead) {
  if (target.pixel_step == 3) {
    encode_interleaved<kType, kLevelBits, Element>(lines, encoding, size, target, ahead);
  } else {
    encode_planes<kType, kLevelBits, Element>(lines, encoding, size, target, ahead);
  }
}

template <DType kType>
void encode_codes(const ConstFastLines& lines, const FastEncoding& encoding, int size,
                  const RowTarget& target, const Ahead& ahead) {
  switch (level_bits(encoding)) {
    case 7: return encode_as<kType, 7, std::uint8_t>(lines, encoding, size, target, ahead);
    case 6: return encode_as<kType, 6, std::uint8_t>(lines, encoding, size, target, ahead);
    default: return encode_as<kType, 0, std::uint8_t>(lines, encoding, size, target, ahead);
  }
}

void encode(const ConstFastLines& lines, const FastEncoding& encoding, int size,
            const RowTarget& target, const Ahead& ahead) {
  switch (encoding.dtype) {
    case DType::float32:
      return encode_as<DType::float32, 0, float>(lines, encoding, size, target, ahead);
    case DType::float16:
      return encode_as<DType::float16, 0, std::uint16_t>(lines, encoding, size, target, ahead);
    case DType::uint8: return encode_codes<DType::uint8>(lines, encoding, size, target, ahead);
    case DType::int8: return encode_codes<DType::int8>(lines, encoding, size, target, ahead);
  }
}

}  // namespace
}  // namespace edgeclf

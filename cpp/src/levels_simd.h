// The kernels of levels.h in vectors. Written over simd.h and compiled once for each instruction
// set.
#pragma once

namespace edgeclf {
namespace {

struct BlockIndex {
  std::int8_t at[16];
};

// Pixels in three blocks to sixteen samples of one channel: which bytes of block b they are.
constexpr BlockIndex channel_in_block(int channel, int block) {
  BlockIndex index{};
  for (int i = 0; i < 16; ++i) {
    const int at = 3 * i + channel - 16 * block;
    index.at[i] = static_cast<std::int8_t>(at >= 0 && at < 16 ? at : -1);
  }
  return index;
}

constexpr BlockIndex kChannelInBlock[3][3] = {
    {channel_in_block(0, 0), channel_in_block(0, 1), channel_in_block(0, 2)},
    {channel_in_block(1, 0), channel_in_block(1, 1), channel_in_block(1, 2)},
    {channel_in_block(2, 0), channel_in_block(2, 1), channel_in_block(2, 2)}};

void split(const std::uint8_t* pixels, int size, std::uint8_t flip, std::uint8_t* const* planes) {
  constexpr std::int32_t offsets[2] = {0, 48};
  const Vec flips = splat_bytes(flip);
  Vec index[3][3];
  for (int c = 0; c < 3; ++c) {
    for (int b = 0; b < 3; ++b) index[c][b] = load_block_to_all(kChannelInBlock[c][b].at);
  }
  int i = 0;
  for (; i + kBytes <= size; i += kBytes, pixels += 3 * kBytes) {
    const Vec block[3] = {load_pieces<16>(pixels, offsets), load_pieces<16>(pixels + 16, offsets),
                          load_pieces<16>(pixels + 32, offsets)};
    for (int c = 0; c < 3; ++c) {
      const Vec plane =
          or_bits(or_bits(lookup(block[0], index[c][0]), lookup(block[1], index[c][1])),
                  lookup(block[2], index[c][2]));
      store(planes[c] + i, xor_bits(plane, flips));
    }
  }
  std::uint8_t* const rest[3] = {planes[0] + i, planes[1] + i, planes[2] + i};
  scalar_level_kernels().split(pixels, size - i, flip, rest);
}

// Five pixels are 15 bytes; the sixteenth byte of a store is overwritten by the next.
void reorder(const std::uint8_t* pixels, const std::array<int, 3>& order, int size,
             std::uint8_t flip, std::uint8_t* out) {
  constexpr int kPixels = 5 * kBlocks;
  constexpr std::int32_t offsets[2] = {0, 15};
  std::int8_t index[16] = {};
  for (int i = 0; i < 15; ++i) {
    index[i] = static_cast<std::int8_t>(i / 3 * 3 + order[static_cast<std::size_t>(i % 3)]);
  }
  const Vec sources = load_block_to_all(index);
  const Vec flips = splat_bytes(flip);
  int i = 0;
  for (; i + kPixels < size; i += kPixels, pixels += 3 * kPixels, out += 3 * kPixels) {
    const Vec ordered = xor_bits(lookup(load_pieces<16>(pixels, offsets), sources), flips);
    for (int b = 0; b < kBlocks; ++b) store_block(out + 15 * b, ordered, b);
  }
  scalar_level_kernels().reorder(pixels, order, size - i, flip, out);
}

struct VectorIndex {
  std::int8_t at[kBytes];
};

// Sixteen levels, in every block, to ints: block b takes four from first + b * apart on.
constexpr VectorIndex level_ints(int first, int apart) {
  VectorIndex index{};
  for (int i = 0; i < kBytes; ++i) {
    const int level = first + i / 16 * apart + i % 16 / 4;
    index.at[i] = static_cast<std::int8_t>(i % 4 == 0 && level < 16 ? level : -1);
  }
  return index;
}

constexpr VectorIndex kSideBySide[4] = {level_ints(0, 4), level_ints(kInts, 4),
                                        level_ints(2 * kInts, 4), level_ints(3 * kInts, 4)};
constexpr VectorIndex kEightApart[2] = {level_ints(0, 8), level_ints(4, 8)};

EDGECLF_INLINE_SIMD void sixteen_to_floats(const std::uint8_t* levels, const FloatLevels& map,
                                           std::size_t at, float* out) {
  const Vec sixteen = load_block_to_all(levels);
  for (int v = 0; v < 16 / kInts; ++v) {
    const FloatVec level = to_floats(lookup(sixteen, load(kSideBySide[v].at)));
    const FloatVec exact =
        add_floats(multiply_floats(level, load_floats(&map.gain[at])), load_floats(&map.bias[at]));
    const FloatVec rest = add_floats(multiply_floats(level, load_floats(&map.gain_rest[at])),
                                     load_floats(&map.bias_rest[at]));
    store_floats(out + v * kInts, add_floats(exact, rest));
    at += kInts;
  }
}

void levels_to_floats(const std::uint8_t* levels, int size, const FloatLevels& map, float* out) {
  int i = 0;
  std::size_t at = 0;
  for (; i + 16 <= size; i += 16) {
    sixteen_to_floats(levels + i, map, at, out + i);
    at = at + 16 < kLevelPeriod ? at + 16 : 0;
  }
  if (i == size) return;
  const auto left = static_cast<std::size_t>(size - i);
  std::uint8_t padded[16] = {};
  float elements[16];
  std::memcpy(padded, levels + i, left);
  sixteen_to_floats(padded, map, at, elements);
  std::memcpy(out + i, elements, left * sizeof(float));
}

constexpr int kCodesAtOnce = 8 * kBlocks;

// The coefficients of levels that are eight apart in neighbouring blocks.
EDGECLF_INLINE_SIMD FloatVec coefficients_of_blocks(const float* from) {
  constexpr std::int32_t offsets[2] = {0, 8 * sizeof(float)};
  return floats_of(load_pieces<16>(reinterpret_cast<const std::uint8_t*>(from), offsets));
}

EDGECLF_INLINE_SIMD void some_to_codes(Vec sixteen, const CodeLevels& map, std::size_t at,
                                       std::uint8_t* out) {
  const FloatVec low = splat_floats(map.is_signed ? -128.0F : 0.0F);
  const FloatVec high = splat_floats(map.is_signed ? 127.0F : 255.0F);
  Vec codes[2];
  for (int v = 0; v < 2; ++v, at += 4) {
    const FloatVec code =
        add_floats(multiply_floats(to_floats(lookup(sixteen, load(kEightApart[v].at))),
                                   coefficients_of_blocks(&map.gain[at])),
                   coefficients_of_blocks(&map.bias[at]));
    codes[v] = round_to_ints(max_floats(min_floats(code, high), low));
  }
  const Vec words = pack_ints(codes[0], codes[1]);
  store_low_halves(
      out, map.is_signed ? pack_to_signed_bytes(words, words) : pack_to_bytes(words, words));
}

void levels_to_codes(const std::uint8_t* levels, int size, const CodeLevels& map,
                     std::uint8_t* out) {
  std::size_t at = 0;
  for (int i = 0; i < size; i += kCodesAtOnce) {
    const int left = smaller(size - i, kCodesAtOnce);
    std::uint8_t padded[16] = {};
    std::uint8_t codes[kCodesAtOnce];
    std::memcpy(padded, levels + i, static_cast<std::size_t>(left));
    some_to_codes(load_block_to_all(padded), map, at, left == kCodesAtOnce ? out + i : codes);
    if (left < kCodesAtOnce) std::memcpy(out + i, codes, static_cast<std::size_t>(left));
    at = at + kCodesAtOnce < kLevelPeriod ? at + kCodesAtOnce : 0;
  }
}

constexpr LevelKernels kLevelKernels{split, reorder, levels_to_floats, levels_to_codes};

}  // namespace
}  // namespace edgeclf

// Rows across where a vector holds 64 bytes that can be moved anywhere (AVX-512): the first pass of
// Pillow's arithmetic, for colour. See ByteTable in axis.h.
//
// One load takes the pixels of several outputs, one lookup brings them to where the weights are:
// block c of a vector has channel c, and each of its ints four taps of an output. Weights are three
// signed digits of a byte, whose sums meet at the end, modulo 2^32, where the scalar kernel's sum
// stays below 2^31. Over 200 lines because the kernel stands in one piece.
#pragma once

namespace edgeclf {
namespace {

constexpr int kGroupOutputs = 4;

// The rows that are read together, and where their outputs go.
struct ByteRows {
  const std::uint8_t* pixels[2];
  std::uint8_t* out[2];
  const SourceRow& row;
  const Axis<std::int32_t>& axis;
};

// The same by value: for all the compiler knows, a byte stored through `out` might change a vector.
struct ByteRun {
  const std::uint8_t* pixels[2];
  std::uint8_t* out[2];
  std::ptrdiff_t size;  // bytes of a row
  std::ptrdiff_t step;
  std::ptrdiff_t ahead;  // from a row to the one that is likely to be next in its place, or 0
  const std::int32_t* first;
  const std::uint8_t* places;
  const std::int8_t* digits;
  std::ptrdiff_t pitch;  // from digit to digit
  std::ptrdiff_t taps;   // of a load
  int loads;
};

ByteRun run_of(const ByteRows& rows) {
  const ByteTable& table = rows.axis.bytes;
  ByteRun run{};
  for (int r = 0; r < 2; ++r) {
    run.pixels[r] = rows.pixels[r];
    run.out[r] = rows.out[r];
  }
  run.size = (rows.row.columns - 1) * rows.row.step + rows.row.channels;
  run.step = rows.row.step;
  run.ahead = rows.pixels[1] == nullptr ? 0 : 2 * (rows.pixels[1] - rows.pixels[0]);
  run.first = rows.axis.first.data();
  run.places = table.places.data();
  run.digits = table.digits.data();
  run.pitch = table.pitch;
  run.taps = 16 / table.outputs;
  run.loads = table.loads;
  return run;
}

struct VectorBytes {
  std::uint8_t at[kBytes];
};

constexpr VectorBytes channel_offsets() {
  VectorBytes offsets{};
  for (int i = 0; i < kBytes; ++i) offsets.at[i] = static_cast<std::uint8_t>(i / 16);
  return offsets;
}

// Byte 3 k + c of block r is byte 4 r + k of block c.
constexpr VectorBytes pixel_order() {
  VectorBytes order{};
  for (int i = 0; i < kBytes; ++i) {
    const int byte = i % 16 < 12 ? i % 16 : 0;
    order.at[i] = static_cast<std::uint8_t>(byte % 3 * 16 + i / 16 * 4 + byte / 3);
  }
  return order;
}

alignas(64) constexpr VectorBytes kChannelOffsets = channel_offsets();
alignas(64) constexpr VectorBytes kPixelOrder = pixel_order();

struct DigitSums {
  Vec digit[3];
};

// From the first channel's places in a load to every channel's.
EDGECLF_INLINE_SIMD Vec channel_places(const std::uint8_t* places) {
  return add_words(load_block_to_all(places), load(kChannelOffsets.at));
}

// Of kRows rows, `outputs` outputs from i on.
template <int kRows, int kLoads, bool kNearEnd>
EDGECLF_INLINE_SIMD void add_loads(const ByteRun& run, int i, Vec* totals) {
  const Vec places = channel_places(run.places + std::ptrdiff_t{16} * i);
  const std::int8_t* digits = run.digits + run.taps * i;
  std::ptrdiff_t at = run.first[i] * run.step;
  DigitSums sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = {{zero(), zero(), zero()}};
  const int loads = kLoads > 0 ? kLoads : run.loads;
  for (int k = 0; k < loads; ++k, at += run.taps * run.step) {
    Vec samples[kRows];
    for (int r = 0; r < kRows; ++r) {
      const std::uint8_t* from = run.pixels[r] + at;
      samples[r] = lookup_anywhere(kNearEnd ? load_some(from, run.size - at) : load(from), places);
    }
    for (int d = 0; d < 3; ++d, digits += run.pitch) {
      const Vec weights = load_block_to_all(digits);
      for (int r = 0; r < kRows; ++r) {
        sums[r].digit[d] = add_multiplied_fours(sums[r].digit[d], samples[r], weights);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    const Vec* digit = sums[r].digit;
    totals[r] =
        add_ints(add_ints(digit[0], shift_left_ints<8>(digit[1])), shift_left_ints<16>(digit[2]));
  }
}

// Four outputs from i on, one in each int; `last` over again where there are no more.
template <int kRows, int kOutputs, int kLoads, bool kNearEnd>
EDGECLF_INLINE_SIMD void four_outputs(const ByteRun& run, int i, int last, Vec* levels) {
  Vec totals[kGroupOutputs / kOutputs][kRows];
  for (int part = 0; part < kGroupOutputs / kOutputs; ++part) {
    const int output = i + part * kOutputs;
    add_loads<kRows, kLoads, kNearEnd>(run, kNearEnd ? smaller(output, last) : output,
                                       totals[part]);
  }
  for (int r = 0; r < kRows; ++r) {
    Vec sum;
    if constexpr (kOutputs == 4) {
      sum = totals[0][r];
    } else if constexpr (kOutputs == 2) {
      sum = add_neighbours(totals[0][r], totals[1][r]);
    } else {
      sum = add_neighbours(add_neighbours(totals[0][r], totals[1][r]),
                           add_neighbours(totals[2][r], totals[3][r]));
    }
    levels[r] = shift_right_ints<kFractionBits>(add_ints(sum, splat_ints(kHalf)));
  }
}

// Four pixels of each row, at the beginning of the block with the row's number.
template <int kRows>
EDGECLF_INLINE_SIMD Vec pixels_of(const Vec* levels) {
  const Vec words = pack_ints(levels[0], levels[kRows - 1]);
  return lookup_anywhere(pack_to_bytes(words, words), load(kPixelOrder.at));
}

// While enough outputs are to come whole blocks are stored: what is too much is overwritten.
template <int kRows>
EDGECLF_INLINE_SIMD void store_pixels(const ByteRun& run, std::ptrdiff_t at, Vec pixels,
                                      std::ptrdiff_t left) {
  for (int r = 0; r < kRows; ++r) {
    if (left >= 16) {
      store_block(run.out[r] + at, pixels, r);
    } else {
      std::uint8_t block[16];
      store_block(block, pixels, r);
      std::memcpy(run.out[r] + at, block, static_cast<std::size_t>(left < 12 ? left : 12));
    }
  }
}

template <int kRows>
EDGECLF_INLINE_SIMD void fetch_ahead(const ByteRun& run, int i, int next) {
  const std::ptrdiff_t end = run.first[next] * run.step;
  for (std::ptrdiff_t at = run.first[i] * run.step; at < end; at += 64) {
    for (int r = 0; r < kRows; ++r) prefetch(run.pixels[r] + at + run.ahead);
  }
}

// Loads of outputs from here on would reach beyond the row's last byte.
EDGECLF_INLINE_SIMD int end_of_whole_loads(const ByteRun& run, int begin, int end) {
  const std::ptrdiff_t last_load = (run.loads - 1) * run.taps;
  while (end > begin && (run.first[end - 1] + last_load) * run.step + kBytes > run.size) --end;
  return end;
}

template <int kRows, int kOutputs, int kLoads>
void weigh_groups(const ByteRun& run, int begin, int end) {
  const int whole = end_of_whole_loads(run, begin, end) - (kGroupOutputs - 1);
  const int last = end - 1;
  for (int i = begin; i < end; i += kGroupOutputs) {
    if (run.ahead != 0) fetch_ahead<kRows>(run, i, smaller(i + kGroupOutputs, last));
    Vec levels[kRows];
    if (i < whole) {
      four_outputs<kRows, kOutputs, kLoads, false>(run, i, last, levels);
    } else {
      four_outputs<kRows, kOutputs, 0, true>(run, i, last, levels);
    }
    store_pixels<kRows>(run, std::ptrdiff_t{3} * (i - begin), pixels_of<kRows>(levels),
                        std::ptrdiff_t{3} * (end - i));
  }
}

template <int kRows>
void weigh_bytes(const ByteRows& rows, int begin, int end) {
  const ByteRun run = run_of(rows);
  switch (rows.axis.bytes.outputs) {
    case 4:
      // The loop over a known number of loads goes away.
      switch (run.loads) {
        case 1: return weigh_groups<kRows, 4, 1>(run, begin, end);
        case 2: return weigh_groups<kRows, 4, 2>(run, begin, end);
        case 3: return weigh_groups<kRows, 4, 3>(run, begin, end);
        default: return weigh_groups<kRows, 4, 0>(run, begin, end);
      }
    case 2: return weigh_groups<kRows, 2, 0>(run, begin, end);
    default: return weigh_groups<kRows, 1, 0>(run, begin, end);
  }
}

}  // namespace
}  // namespace edgeclf

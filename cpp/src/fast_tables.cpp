// Tables of the fixed-point arithmetic: quantised weights, and where vector kernels find them. Over
// 200 lines because both kinds of tables are made of the same quantised weights.
#include <algorithm>
#include <cmath>
#include <optional>

#include "edgeclf/fast.h"

namespace edgeclf {
namespace {

constexpr int kLeastBits = 14;
constexpr int kBilinearBits = 14;
constexpr int kConversionBits = 13;
constexpr int kOutputsPerBlock = 8;
constexpr int kWordsPerBlock = 8;
constexpr std::uint8_t kNothing = 0x80;

// The largest level and (negated) the lowest that weights can make of levels 0 to 1.
struct Reach {
  double above = 1.0;
  double below = 0.0;
};

Reach reach_of(const Axis<double>& axis) {
  Reach reach;
  for (int i = 0; i < axis.size(); ++i) {
    double above = 0.0;
    double below = 0.0;
    for (int k = 0; k < axis.count[static_cast<std::size_t>(i)]; ++k) {
      const double weight = axis.weight(i)[k];
      (weight > 0.0 ? above : below) += std::abs(weight);
    }
    reach.above = std::max(reach.above, above);
    reach.below = std::max(reach.below, below);
  }
  return reach;
}

// Weights that overshoot reach 1, and 2^15 is one more than 16 bits hold: then a neighbour takes
// what is left (see quantised), for a bit more halves all other errors. Elsewhere 1 stays exact:
// such weights take a pixel as it is.
int bits_for(const Axis<double>& axis, int most_bits) {
  double largest = 0.0;
  for (const double weight : axis.weights) largest = std::max(largest, std::abs(weight));
  const bool overshoots = reach_of(axis).below > 0.0;
  const double most = overshoots ? INT16_MAX + 1.0 : INT16_MAX - 1.0;
  int bits = kLeastBits;
  while (bits < most_bits && std::ldexp(largest, bits + 1) <= most) ++bits;
  return bits;
}

// None where an output's weights do not sum to 2^bits, its last one being too large.
std::optional<FixedAxis> quantised(const Axis<double>& axis, int bits) {
  FixedAxis result;
  result.bits = bits;
  result.taps.first = axis.first;
  result.taps.count = axis.count;
  result.taps.max_taps = axis.max_taps;
  result.taps.selects = axis.selects;
  result.taps.consecutive = axis.consecutive;
  result.taps.weights.assign(axis.weights.size(), 0);
  for (int i = 0; i < axis.size(); ++i) {
    const auto at = static_cast<std::size_t>(i) * static_cast<std::size_t>(axis.max_taps);
    double sum = 0.0;
    long given = 0;
    for (int k = 0; k < axis.count[static_cast<std::size_t>(i)]; ++k) {
      sum += std::ldexp(axis.weight(i)[k], bits);
      const long rounded = std::min<long>(std::lrint(sum) - given, INT16_MAX);
      given += rounded;
      result.taps.weights[at + static_cast<std::size_t>(k)] = static_cast<std::int16_t>(rounded);
    }
    if (given != std::lrint(sum)) return std::nullopt;
  }
  return result;
}

// Outputs beyond the last are like the last, so that kernels need no end.
std::size_t clamped(int i, int size) { return static_cast<std::size_t>(std::min(i, size - 1)); }

// How many of a pixel's neighbours 16 bytes of words hold with it, as far as there are places.
int taps_per_step(const PixelLayout& pixel) {
  const int most = pixel.samples == 3 ? 2 : pixel.samples == 2 ? 4 : 8;
  const int fitting = (kWordsPerBlock - pixel.bytes(1)) / pixel.step + 1;
  return std::min(most, fitting);
}

// The tap whose word stands at `place` of a block, or -1, and its sample. Pairs of taps stand side
// by side: with three samples R R G G B B - -, with two U U V V U U V V, with one all eight.
struct Place {
  int sample;
  int tap;
};

Place place_of(int place, const PixelLayout& pixel) {
  const int pair = place / 2;
  const int second = place % 2;
  switch (pixel.samples) {
    case 3: return {pair, pair < 3 ? second : -1};
    case 2: return {pair % 2, pair / 2 * 2 + second};
    default: return {0, place};
  }
}

void lay_out(AcrossTable& table, int blocks) {
  const Axis<std::int16_t>& taps = table.axis.taps;
  const PixelLayout& pixel = table.pixel;
  const int per_step = taps_per_step(pixel);
  table.blocks = blocks;
  table.steps = (taps.max_taps + per_step - 1) / per_step;
  table.step_bytes = per_step * pixel.step * 2;
  table.pick.fill(kNothing);
  for (int place = 0; place < kWordsPerBlock; ++place) {
    const auto [sample, tap] = place_of(place, pixel);
    if (tap < 0 || tap >= per_step) continue;
    const int word = tap * pixel.step + pixel.offset[static_cast<std::size_t>(sample)];
    table.pick[static_cast<std::size_t>(2 * place)] = static_cast<std::uint8_t>(2 * word);
    table.pick[static_cast<std::size_t>(2 * place + 1)] = static_cast<std::uint8_t>(2 * word + 1);
  }
  const int group = kOutputsPerBlock * blocks;
  for (int begin = 0; begin < fast_padded(taps.size()); begin += group) {
    for (int v = 0; v < kOutputsPerBlock; ++v) {
      for (int b = 0; b < blocks; ++b) {
        const auto i = clamped(begin + kOutputsPerBlock * b + v, taps.size());
        table.offsets.push_back(taps.first[i] * pixel.step * 2);
      }
      for (int k = 0; k < table.steps * per_step; k += per_step) {
        for (int b = 0; b < blocks; ++b) {
          const auto i = clamped(begin + kOutputsPerBlock * b + v, taps.size());
          for (int place = 0; place < kWordsPerBlock; ++place) {
            const int tap = place_of(place, pixel).tap;
            const bool there = tap >= 0 && tap < per_step && k + tap < taps.count[i];
            table.weights.push_back(there ? taps.weight(static_cast<int>(i))[k + tap]
                                          : std::int16_t{0});
          }
        }
      }
    }
  }
}

// The two taps of a bilinear output; weights are above 0 and sum to 2^14.
struct TwoTaps {
  int first;  // pixels
  int second;
  int weight;  // of the first
};

// One weight of 2^14 would be more than its two halves hold: then both taps are the same pixel.
TwoTaps two_taps(const Axis<std::int16_t>& taps, std::size_t i) {
  constexpr int kOne = 1 << kBilinearBits;
  const int first = taps.first[i];
  const int weight = taps.weight(static_cast<int>(i))[0];
  if (weight == kOne) return {first, first, kOne - 1};
  if (weight == 0) return {first + 1, first + 1, kOne - 1};
  return {first, first + 1, weight};
}

// The weight of the first tap, in halves; those of the second are what is left of them, so no sum
// leaves 16 bits.
void add_weights(BilinearTable& table, const TwoTaps& taps) {
  const int high = std::clamp((taps.weight + 64) >> 7, 1, 127);
  const int low = taps.weight - high * 128;
  table.high.push_back(static_cast<std::int8_t>(high));
  table.high.push_back(static_cast<std::int8_t>(128 - high));
  table.low.push_back(static_cast<std::int8_t>(low));
  table.low.push_back(static_cast<std::int8_t>(-low));
}

// One output of three samples, whose eight bytes stand in the given half of a block.
void add_output(BilinearTable& table, std::size_t i, int bytes, int half) {
  constexpr int kPiece = 8;
  const PixelLayout& pixel = table.pixel;
  const TwoTaps taps = two_taps(table.axis.taps, i);
  const int offset = std::min(pixel.first_byte(taps.first), bytes - kPiece);
  table.offsets.push_back(offset);
  for (int sample = 0; sample < 4; ++sample) {
    for (const int tap : {taps.first, taps.second}) {
      const int at = sample < 3 ? pixel.byte(tap, sample) - offset + half * kPiece : kNothing;
      table.pick.push_back(static_cast<std::uint8_t>(at));
    }
    add_weights(table, taps);
  }
}

void lay_out_three(BilinearTable& table, int bytes) {
  const int size = table.axis.taps.size();
  for (int begin = 0; begin < fast_padded(size); begin += kOutputsPerBlock * table.blocks) {
    for (int v = 0; v < kOutputsPerBlock; v += 2) {
      for (int b = 0; b < table.blocks; ++b) {
        for (int half = 0; half < 2; ++half) {
          const int i = begin + kOutputsPerBlock * b + v + half;
          add_output(table, clamped(i, size), bytes, half);
        }
      }
    }
  }
}

// Four outputs of one or two samples, from the four pieces of a block.
void add_four(BilinearTable& table, int first_output, int bytes) {
  constexpr int kPiece = 4;
  const PixelLayout& pixel = table.pixel;
  std::uint8_t pick[16];
  std::fill_n(pick, 16, kNothing);
  for (int j = 0; j < 4; ++j) {
    const auto i = clamped(first_output + j, table.axis.taps.size());
    const TwoTaps taps = two_taps(table.axis.taps, i);
    const int offset = std::min(pixel.first_byte(taps.first), bytes - kPiece);
    table.offsets.push_back(offset);
    for (int s = 0; s < pixel.samples; ++s) {
      const int at = kPiece * j - offset;
      const int half = pixel.samples == 2 ? s : first_output / 4 % 2;
      pick[8 * half + 2 * j] = static_cast<std::uint8_t>(at + pixel.byte(taps.first, s));
      pick[8 * half + 2 * j + 1] = static_cast<std::uint8_t>(at + pixel.byte(taps.second, s));
    }
  }
  table.pick.insert(table.pick.end(), pick, pick + 16);
}

void add_weights_of(BilinearTable& table, int first_output, int outputs) {
  for (int j = 0; j < outputs; ++j) {
    const auto i = clamped(first_output + j, table.axis.taps.size());
    add_weights(table, two_taps(table.axis.taps, i));
  }
}

void lay_out_fewer(BilinearTable& table, int bytes) {
  const int size = table.axis.taps.size();
  const bool two = table.pixel.samples == 2;
  for (int begin = 0; begin < fast_padded(size); begin += kOutputsPerBlock * table.blocks) {
    for (int v = 0; v < 2; ++v) {
      for (int b = 0; b < table.blocks; ++b) {
        const int first = begin + kOutputsPerBlock * b + 4 * v;
        add_four(table, first, bytes);
        if (two) {
          for (int s = 0; s < 2; ++s) add_weights_of(table, first, 4);
        } else if (v == 0) {
          add_weights_of(table, first, 8);
        }
      }
    }
  }
}

}  // namespace

FixedAxis to_words(const Axis<double>& axis, int most_bits) {
  for (int bits = bits_for(axis, most_bits);; --bits) {
    if (auto fixed = quantised(axis, bits)) return *std::move(fixed);
  }
}

double weight_error(const Axis<double>& axis, int most_bits) {
  constexpr double kLevels = 255.0;
  if (axis.selects) return 0.0;
  const FixedAxis fixed = to_words(axis, most_bits);
  double largest = 0.0;
  for (int i = 0; i < axis.size(); ++i) {
    double above = 0.0;
    double below = 0.0;
    for (int k = 0; k < axis.count[static_cast<std::size_t>(i)]; ++k) {
      const double error = std::ldexp(fixed.taps.weight(i)[k], -fixed.bits) - axis.weight(i)[k];
      (error > 0.0 ? above : below) += std::abs(error);
    }
    largest = std::max({largest, above, below});
  }
  return kLevels * largest;
}

int fraction_bits(const Axes& axes) {
  const Reach x = reach_of(axes.x);
  const Reach y = reach_of(axes.y);
  const double highest = 255.0 * (x.above * y.above + x.below * y.below);
  int bits = 7;
  while (std::ldexp(highest, bits) >= INT16_MAX) --bits;
  return bits;
}

AcrossTable make_across(const Axis<double>& axis, const PixelLayout& pixel, int blocks) {
  AcrossTable table;
  table.axis = to_words(axis, kMostBitsAcross);
  table.pixel = pixel;
  table.shift = table.axis.bits;
  if (blocks > 0) lay_out(table, blocks);
  if (blocks == 4) table.anywhere = make_word_table(table);
  return table;
}

bool is_bilinear(const Axes& axes, int fraction) {
  const auto in_range = [](double weight) { return weight >= 0.0 && weight <= 1.0; };
  const auto is_linear = [&](const Axis<double>& axis) {
    return axis.max_taps <= 2 && std::all_of(axis.weights.begin(), axis.weights.end(), in_range);
  };
  return fraction == kBilinearFraction && is_linear(axes.x) && is_linear(axes.y);
}

bool fits_bilinear(const PixelLayout& pixel) {
  const int piece = pixel.samples == 3 ? 8 : 4;
  const auto bytes_from = [&](int i) { return pixel.last_byte(i + 1) + 1 - pixel.first_byte(i); };
  return std::max(bytes_from(0), bytes_from(1)) <= piece;
}

BilinearTable make_bilinear(const Axis<double>& axis, const PixelLayout& pixel, int bytes,
                            int blocks) {
  BilinearTable table;
  table.axis = to_words(axis, kBilinearBits);
  table.pixel = pixel;
  table.blocks = blocks;
  if (blocks == 0) return table;
  if (pixel.samples == 3) {
    lay_out_three(table, bytes);
  } else {
    lay_out_fewer(table, bytes);
  }
  return table;
}

FixedConversion to_fixed(const Conversion& conversion, int fraction) {
  FixedConversion result;
  for (std::size_t c = 0; c < 3; ++c) {
    double bias = conversion.bias[c];
    for (std::size_t k = 0; k < 3; ++k) {
      const double weight = conversion.weight[c][k];
      const long rounded = std::lrint(std::ldexp(weight, kConversionBits));
      result.weight[c][k] = static_cast<std::int16_t>(rounded);
      // What rounding a weight does to a neutral sample is made good, so that grey stays grey.
      bias += 128.0 * (weight - std::ldexp(static_cast<double>(rounded), -kConversionBits));
    }
    const double half = std::ldexp(1.0, kConversionBits - 1);
    result.bias[c] =
        static_cast<std::int32_t>(std::lrint(std::ldexp(bias, fraction + kConversionBits) + half));
  }
  return result;
}

}  // namespace edgeclf

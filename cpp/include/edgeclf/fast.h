// The arithmetic of exact=False: 16-bit fixed point, in kernels that keep up with memory. Over 200
// lines because its tables and the kernels that read them are one contract.
//
// One plane of bytes becomes, for every row of the tensor, one line of 16-bit levels per sample of
// its pixels (R, G and B of a packed frame; Y; U and V). Lines may then be converted (YUV), and are
// encoded into the tensor. All of it is defined in integers, or in single float32 operations, so
// that every instruction set gives the same bits; the scalar kernels are the definition.
//
// A level has `fraction` fractional bits: 7 (255 * 2^7 is below 2^15) where no weight is negative,
// and as many as the overshoot of bicubic and lanczos leaves room for, 6, otherwise.
//
// Two ways lead to a line:
// - down, then across: the rows of a line are summed in 32 bits and rounded to words, byte for
//   byte, however pixels lie in them; then the words are summed across, again in 32 bits.
// - bilinear without antialias: four pixels make one, directly. Across in Q14 (a 7-bit high and low
//   half, so that bytes can be multiplied), then down in Q15.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "edgeclf/affine.h"
#include "edgeclf/axis.h"
#include "edgeclf/color.h"
#include "edgeclf/filter.h"
#include "edgeclf/pixel_layout.h"

namespace edgeclf {

// Weights in 16 bits: each output's sum to exactly 2^bits.
struct FixedAxis {
  Axis<std::int16_t> taps;
  int bits = 14;
};

// As many bits as the largest weight leaves room for, but at most `most_bits`. Rounding errors are
// carried from tap to tap, so that they cancel over any stretch of neighbours.
FixedAxis to_words(const Axis<double>& axis, int most_bits);

// The most that the pass across uses: 255 * 2^7 (or an overshoot with one bit less) still fits into
// 32 bits. Sums may wrap around on their way there.
constexpr int kMostBitsAcross = 16;

// How far `to_words` can move a level, in the worst row of levels 0 to 255: where white stands at
// all weights that were rounded up, or at all that were rounded down.
double weight_error(const Axis<double>& axis, int most_bits);

// How many fractional bits levels can have at every stage of this resize.
int fraction_bits(const Axes& axes);

// Vector kernels handle outputs in groups of 8 for each 128-bit block; tables and lines are padded
// to the largest group there is.
constexpr int kFastGroup = 32;
constexpr int fast_padded(int size) { return (size + kFastGroup - 1) / kFastGroup * kFastGroup; }
// A row of bytes that kernels are given has at least this many.
constexpr int kFastRowBytes = 64;

// For kernels that move the 32 words of a load anywhere: those of four blocks. Of pixels of three
// samples block s of a vector has sample s; of two, two blocks have each; of one, all four. In each
// block stand `outputs` outputs, 8 / outputs taps of each; in neighbouring blocks of a sample, the
// outputs that follow.
struct WordTable {
  int outputs = 0;  // 4, 2 or 1, whichever is quickest; 0: none is, there is no table
  int loads = 0;    // for all taps of an output
  std::ptrdiff_t pitch = 0;
  std::vector<std::int32_t> first;  // of each vector the word where its first load begins
  // And 32 words, the places of two bytes each: which of a load's it takes.
  std::vector<std::int16_t> places;
  // For every load `pitch` words: of each output 8 / outputs taps.
  std::vector<std::int16_t> weights;
  // From the sums of eight outputs in each block to outputs in order.
  std::array<std::int16_t, 32> order{};

  int taps() const { return outputs > 0 ? 8 / outputs : 0; }
};

struct AcrossTable {
  FixedAxis axis;
  PixelLayout pixel;
  int shift = 0;
  // For vector kernels of `blocks` blocks. One step loads 16 bytes of words and makes the sums of
  // `taps_per_step` taps; `pick` moves their words to where the weights expect them.
  int blocks = 0;
  int steps = 0;
  int step_bytes = 0;
  std::array<std::uint8_t, 16> pick{};
  // Vector v (0..7) of a group has output 8 b + v in block b.
  std::vector<std::int32_t> offsets;  // of each output's first tap, in bytes
  std::vector<std::int16_t> weights;
  WordTable anywhere;

  // Words that may be read behind a row of words, but weigh nothing: every output takes as many
  // steps as that with most taps.
  int words_behind() const {
    return std::max(steps * step_bytes / 2 + 16,
                    anywhere.loads * anywhere.taps() * pixel.step + 32);
  }
};

struct BilinearTable {
  FixedAxis axis;  // Q14
  PixelLayout pixel;
  // For vector kernels of `blocks` blocks: each sample's two taps are picked side by side.
  // Three samples: vector v (0..3) of a group has outputs 8 b + 2 v and 8 b + 2 v + 1 in block b;
  // eight bytes are loaded for an output. One or two: vector v (0, 1) has outputs 8 b + 4 v to
  // 8 b + 4 v + 3 in block b, of four bytes each. Two samples' taps are picked as four times U,
  // four times V; those of one sample go to the half of the block that their outputs have in a
  // line, and both vectors share one of weights.
  int blocks = 0;
  std::vector<std::int32_t> offsets;
  std::vector<std::uint8_t> pick;
  std::vector<std::int8_t> high;  // weight = high * 2^7 + low
  std::vector<std::int8_t> low;
};

// `bytes`: of a row; at least kFastRowBytes. `blocks`: of the kernels that will run.
AcrossTable make_across(const Axis<double>& axis, const PixelLayout& pixel, int blocks);
BilinearTable make_bilinear(const Axis<double>& axis, const PixelLayout& pixel, int bytes,
                            int blocks);
WordTable make_word_table(const AcrossTable& table);

// Of a bilinear table's levels. A plane of few pixels may have two taps with any filter, beside
// planes that have less room.
constexpr int kBilinearFraction = 7;

// Whether a plane takes a bilinear table. Memory has no say in it: the same pixels give the same
// tensor however they lie. Where the layout does not fit such a table, rows are copied.
bool is_bilinear(const Axes& axes, int fraction);
bool fits_bilinear(const PixelLayout& pixel);

// What will be read next, and so may be fetched while this line is made: of each row the first
// `down` bytes while rows are summed down, those up to `across` while they are summed across (or
// both at once), those up to `bytes` while the line is encoded. The lines of a bundle share them:
// each goes on where the one before it ended. Memory should never rest.
struct Ahead {
  const std::uint8_t* const* rows = nullptr;
  int count = 0;
  int down = 0;
  int across = 0;
  int bytes = 0;
};

// One line's rows and weights, summed down.
struct DownSum {
  const std::uint8_t* const* rows = nullptr;  // an even number of them
  const std::int16_t* weights = nullptr;      // as many; the last may be zero
  int count = 0;
  int shift = 0;
  int bytes = 0;                               // at least kFastRowBytes
  const std::int16_t* next_weights = nullptr;  // for down_shared: of the next line
};

// A bundle: lines that are made together, from the rows of all of them. At most so many.
constexpr int kMostBundled = 4;

// A bundle's rows and weights, summed down.
struct BundleSum {
  const std::uint8_t* const* rows = nullptr;  // as many as the last line's end says
  int lines = 0;                              // 2; or 4 where FastKernels::bundled is 4
  const std::int16_t* weights = nullptr;
  std::ptrdiff_t pitch = 0;  // weights from line to line
  // Rows outside begin[line] to end[line], both even, weigh nothing in it. Neither decreases from
  // line to line, and the last line begins before the first one has ended, or there.
  const std::int32_t* begin = nullptr;
  const std::int32_t* end = nullptr;
  int shift = 0;
  int bytes = 0;  // at least kFastRowBytes
};

// Sums that are kept for the next line, in an order of the kernels' own.
constexpr int kept_sums(int bytes) { return bytes + 64; }

// Up to three lines of words, each fast_padded long.
using FastLines = std::array<std::int16_t*, 3>;
using ConstFastLines = std::array<const std::int16_t*, 3>;

// Those of a bundle.
using LineBundle = std::array<FastLines, kMostBundled>;
using WordBundle = std::array<std::int16_t*, kMostBundled>;

// A Conversion in Q13.
struct FixedConversion {
  std::int16_t weight[3][4] = {};  // the fourth is zero
  std::int32_t bias[3] = {};
};
FixedConversion to_fixed(const Conversion& conversion, int fraction);

// What an encoding needs of an Affine.
struct FastEncoding {
  DType dtype = DType::float32;
  int channels = 3;
  std::int16_t top = 0;  // level 255
  // element = word * gain + bias in float32, after the word is clamped to 0..top; then rounded half
  // to even where the dtype is coarser, and saturated.
  std::array<float, 3> gain{};
  std::array<float, 3> bias{};
};

// The kernels of one instruction set.
struct FastKernels {
  const char* name;
  int blocks;  // of the tables across; 0: tables need nothing for vectors
  int bilinear_blocks;
  int bundled;  // lines in the largest bundle; 0 in the scalar set
  void (*down)(const DownSum& sum, const Ahead& ahead, std::int16_t* words);
  // This, down_shared and across_bundle are null in the scalar set, which needs no second way to
  // the same sums.
  void (*down_bundle)(const BundleSum& sum, const Ahead& ahead, const WordBundle& words);
  // Adds the rows to `kept`, the sums of this line so far, for `words`; and keeps their sums for
  // the next line.
  void (*down_shared)(const DownSum& sum, const Ahead& ahead, std::int32_t* kept,
                      std::int16_t* words);
  void (*across)(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
                 const FastLines& lines);
  void (*across_bundle)(const WordBundle& words, int count, const AcrossTable& table,
                        const Ahead& ahead, const LineBundle& lines);
  // weight: of the lower row, Q15.
  void (*bilinear)(const std::uint8_t* upper, const std::uint8_t* lower, std::int16_t weight,
                   const BilinearTable& table, const Ahead& ahead, const FastLines& lines);
  // Y, U, V to R, G, B; or, for one channel, the first to the first. In place, if wanted.
  void (*convert)(const ConstFastLines& samples, const FixedConversion& conversion, int channels,
                  int size, const FastLines& levels);
  // lines are in the tensor's channel order.
  void (*encode)(const ConstFastLines& lines, const FastEncoding& encoding, int size,
                 const RowTarget& target, const Ahead& ahead);
};

// Those this processor can run, the scalar ones first, the fastest last.
const std::vector<FastKernels>& available_fast_kernels();

// Those that are used. Throws std::invalid_argument: see instruction_set.h.
const FastKernels& fast_kernels();

}  // namespace edgeclf

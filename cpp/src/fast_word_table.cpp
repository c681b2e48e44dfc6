// The table of kernels that move words anywhere.
#include <algorithm>

#include "edgeclf/fast.h"

namespace edgeclf {
namespace {

constexpr int kWordsPerBlock = 8;
constexpr int kWordsPerLoad = 32;

// Outputs beyond the last are like the last, so that kernels need no end.
std::size_t clamped(int i, int size) { return static_cast<std::size_t>(std::min(i, size - 1)); }

// How many blocks of four have the same sample.
int blocks_of_sample(const PixelLayout& pixel) { return 4 / pixel.samples; }

// The first word of output i + k, from that of output i on.
int distance(const AcrossTable& table, int i, int k) {
  const Axis<std::int16_t>& taps = table.axis.taps;
  const auto first = [&](int j) { return taps.first[clamped(j, taps.size())]; };
  return (first(i + k) - first(i)) * table.pixel.step;
}

bool fits_load(const AcrossTable& table, int outputs) {
  const PixelLayout& pixel = table.pixel;
  int farthest = 0;
  for (int i = 0; i < table.axis.taps.size(); ++i) {
    farthest = std::max(farthest, distance(table, i, outputs * blocks_of_sample(pixel) - 1));
  }
  return farthest + (kWordsPerBlock / outputs - 1) * pixel.step + pixel.bytes(1) <= kWordsPerLoad;
}

// Where the low and the high byte of a word are.
int both_bytes_of(int word) { return 2 * word | (2 * word + 1) << 8; }

// Of the vector whose first output is i.
void add_places(WordTable& words, const AcrossTable& table, int i) {
  const int blocks = blocks_of_sample(table.pixel);
  for (int block = 0; block < 4; ++block) {
    const int sample = std::min(block / blocks, table.pixel.samples - 1);
    for (int place = 0; place < kWordsPerBlock; ++place) {
      const int output = block % blocks * words.outputs + place / words.taps();
      const int word = distance(table, i, output) + place % words.taps() * table.pixel.step;
      const int offset = table.pixel.offset[static_cast<std::size_t>(sample)];
      words.places.push_back(static_cast<std::int16_t>(both_bytes_of(word + offset)));
    }
  }
}

// A block's first four words are sums of the first 4 * blocks outputs. Their vectors, each of
// outputs * blocks, stand one behind the other.
void lay_out_order(WordTable& words, int blocks) {
  for (int word = 0; word < kWordsPerLoad; ++word) {
    const int block = word / kWordsPerBlock;
    const int half = word % kWordsPerBlock / 4;
    const int vector = word % 4 / words.outputs;
    const int output = (4 * half + vector * words.outputs) * blocks +
                       block % blocks * words.outputs + word % 4 % words.outputs;
    const int to = block / blocks * blocks * kWordsPerBlock + output;
    words.order[static_cast<std::size_t>(to)] = static_cast<std::int16_t>(word);
  }
}

// How many outputs to put into a block, 0 where the steps that serve any table are quicker. Counted
// in instructions for four outputs: a step takes five, a load two, and sums of a block's neighbours
// have to be added where it has fewer than four outputs.
int outputs_of_load(const AcrossTable& table) {
  double least = 5.0 * table.steps;
  int best = 0;
  for (const int outputs : {4, 2, 1}) {
    const int taps = kWordsPerBlock / outputs;
    const int loads = (table.axis.taps.max_taps + taps - 1) / taps;
    const double adding = outputs == 4 ? 0.0 : outputs == 2 ? 1.5 : 2.25;
    const double vectors = 4.0 / (outputs * blocks_of_sample(table.pixel));
    const double effort = vectors * (2.0 * loads + adding);
    if (effort < least && fits_load(table, outputs)) {
      least = effort;
      best = outputs;
    }
  }
  return best;
}

}  // namespace

WordTable make_word_table(const AcrossTable& table) {
  WordTable words;
  words.outputs = outputs_of_load(table);
  if (words.outputs == 0) return words;
  const Axis<std::int16_t>& axis = table.axis.taps;
  const int taps = words.taps();
  const int blocks = blocks_of_sample(table.pixel);
  const int size = fast_padded(axis.size());
  words.loads = (axis.max_taps + taps - 1) / taps;
  words.pitch = std::ptrdiff_t{taps} * size;
  for (int i = 0; i < size; i += words.outputs * blocks) {
    words.first.push_back(axis.first[clamped(i, axis.size())] * table.pixel.step);
    add_places(words, table, i);
  }
  words.weights.resize(static_cast<std::size_t>(words.loads * words.pitch));
  for (int i = 0; i < size; ++i) {
    const auto at = clamped(i, axis.size());
    for (int k = 0; k < axis.count[at]; ++k) {
      const std::ptrdiff_t to = k / taps * words.pitch + i * taps + k % taps;
      words.weights[static_cast<std::size_t>(to)] = axis.weight(static_cast<int>(at))[k];
    }
  }
  lay_out_order(words, blocks);
  return words;
}

}  // namespace edgeclf

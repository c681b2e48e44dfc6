// Sums across where a vector holds 32 words that can be moved anywhere (AVX-512); included by
// fast_avx512.cpp. See WordTable in fast.h.
#pragma once

namespace edgeclf {
namespace {

// A WordTable by plain pointers, for kLines lines of words: what is loaded of it serves them all.
template <int kLines>
struct WordRun {
  std::array<const std::int16_t*, kLines> words;
  const std::int32_t* first;
  const std::int16_t* places;
  const std::int16_t* weights;
  std::ptrdiff_t pitch;
  std::ptrdiff_t apart;  // words from load to load
  int loads;
  Vec begin;  // what sums begin with
};

template <int kLines>
struct VecOfEach {
  Vec line[kLines];
};

// The weights of each sample's blocks.
template <int kSamples>
EDGECLF_INLINE_SIMD Vec load_weights(const std::int16_t* weights) {
  if constexpr (kSamples == 3) return load_block_to_all(weights);
  if constexpr (kSamples == 2) return load_two_blocks_twice(weights);
  return load(weights);
}

template <int kSamples, int kLoads, int kLines>
EDGECLF_INLINE_SIMD VecOfEach<kLines> vector_across(const WordRun<kLines>& run, int vector) {
  constexpr int kWordsOfWeights = kWords / kBlocks * (kBlocks / kSamples);
  const Vec places = load(run.places + std::ptrdiff_t{kWords} * vector);
  const std::int16_t* weights = run.weights + std::ptrdiff_t{kWordsOfWeights} * vector;
  const int loads = kLoads > 0 ? kLoads : run.loads;
  std::ptrdiff_t from = run.first[vector];
  VecOfEach<kLines> sum;
  for (Vec& line : sum.line) line = run.begin;
  for (int k = 0; k < loads; ++k, from += run.apart, weights += run.pitch) {
    const Vec taps = load_weights<kSamples>(weights);
    for (std::size_t i = 0; i < kLines; ++i) {
      const Vec moved = lookup_anywhere(load(run.words[i] + from), places);
      sum.line[i] = add_multiplied_pairs(sum.line[i], moved, taps);
    }
  }
  return sum;
}

template <int kLines>
EDGECLF_INLINE_SIMD VecOfEach<kLines> add_neighbours_of_each(const VecOfEach<kLines>& a,
                                                             const VecOfEach<kLines>& b) {
  VecOfEach<kLines> sum;
  for (int i = 0; i < kLines; ++i) sum.line[i] = add_neighbours(a.line[i], b.line[i]);
  return sum;
}

// As many vectors as make one whose ints are outputs.
template <int kSamples, int kOutputs, int kLoads, int kLines>
EDGECLF_INLINE_SIMD VecOfEach<kLines> whole_across(const WordRun<kLines>& run, int vector) {
  const auto a = vector_across<kSamples, kLoads>(run, vector);
  if constexpr (kOutputs == 4) return a;
  const auto b = vector_across<kSamples, kLoads>(run, vector + 1);
  if constexpr (kOutputs == 2) return add_neighbours_of_each(a, b);
  return add_neighbours_of_each(
      add_neighbours_of_each(a, b),
      add_neighbours_of_each(vector_across<kSamples, kLoads>(run, vector + 2),
                             vector_across<kSamples, kLoads>(run, vector + 3)));
}

template <int kLines>
struct AcrossLines {
  std::array<const std::int16_t*, kLines> words;
  std::array<const FastLines*, kLines> lines;
};

// An output is the sum of 4 / kOutputs ints, which begin with a part each of what rounds it.
template <int kOutputs, int kLines>
WordRun<kLines> run_of(const AcrossLines<kLines>& all, const AcrossTable& table) {
  const WordTable& anywhere = table.anywhere;
  return {all.words,
          anywhere.first.data(),
          anywhere.places.data(),
          anywhere.weights.data(),
          anywhere.pitch,
          std::ptrdiff_t{anywhere.taps()} * table.pixel.step,
          anywhere.loads,
          splat_ints((1 << (table.shift - 1)) * kOutputs / 4)};
}

template <int kSamples, int kOutputs, int kLoads, int kLines>
void across_loads(const AcrossLines<kLines>& all, const AcrossTable& table, const Ahead& ahead) {
  constexpr int kVectors = 4 / kOutputs;
  constexpr int kOfSample = kBlocks / kSamples;
  constexpr int kAtOnce = 8 * kOfSample;
  const WordRun<kLines> run = run_of<kOutputs>(all, table);
  const Vec order = load(table.anywhere.order.data());
  const int size = table.axis.taps.size();
  FetchPace pace(ahead, ahead.down, ahead.across, (size + kAtOnce - 1) / kAtOnce);
  int vector = 0;
  for (int i = 0; i < size; i += kAtOnce, vector += 2 * kVectors) {
    fetch_part(pace);
    const auto front = whole_across<kSamples, kOutputs, kLoads>(run, vector);
    const auto back = whole_across<kSamples, kOutputs, kLoads>(run, vector + kVectors);
    for (std::size_t l = 0; l < kLines; ++l) {
      Vec levels = pack_ints(shift_right_ints_by(front.line[l], table.shift),
                             shift_right_ints_by(back.line[l], table.shift));
      if (kSamples < 3) levels = lookup_words_anywhere(levels, order);
      for (int b = 0; b < kSamples * kOfSample; ++b) {
        std::int16_t* line = (*all.lines[l])[static_cast<std::size_t>(b / kOfSample)];
        store_block(line + i + 8 * (b % kOfSample), levels, b);
      }
    }
  }
}

// The loop over a known number of loads goes away; of those that are frequent, for size counts,
// too.
template <int kSamples, int kOutputs>
void across_outputs(const AcrossLines<1>& all, const AcrossTable& table, const Ahead& ahead) {
  switch (table.anywhere.loads) {
    case 1: return across_loads<kSamples, kOutputs, 1>(all, table, ahead);
    case 2: return across_loads<kSamples, kOutputs, 2>(all, table, ahead);
    case 3: return across_loads<kSamples, kOutputs, 3>(all, table, ahead);
    default: return across_loads<kSamples, kOutputs, 0>(all, table, ahead);
  }
}

// Bundles have filters of more taps.
template <int kSamples, int kOutputs, int kLines>
void across_outputs(const AcrossLines<kLines>& all, const AcrossTable& table, const Ahead& ahead) {
  switch (table.anywhere.loads) {
    case 4: return across_loads<kSamples, kOutputs, 4>(all, table, ahead);
    case 5: return across_loads<kSamples, kOutputs, 5>(all, table, ahead);
    default: return across_loads<kSamples, kOutputs, 0>(all, table, ahead);
  }
}

template <int kSamples, int kLines>
void across_samples(const AcrossLines<kLines>& all, const AcrossTable& table, const Ahead& ahead) {
  switch (table.anywhere.outputs) {
    case 4: return across_outputs<kSamples, 4>(all, table, ahead);
    case 2: return across_outputs<kSamples, 2>(all, table, ahead);
    default: return across_outputs<kSamples, 1>(all, table, ahead);
  }
}

template <int kLines>
void across_lines(const AcrossLines<kLines>& all, const AcrossTable& table, const Ahead& ahead) {
  switch (table.pixel.samples) {
    case 3: return across_samples<3>(all, table, ahead);
    case 2: return across_samples<2>(all, table, ahead);
    default: return across_samples<1>(all, table, ahead);
  }
}

void across_anywhere(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
                     const FastLines& lines) {
  if (table.anywhere.outputs == 0) return across(words, table, ahead, lines);
  across_lines<1>({{words}, {&lines}}, table, ahead);
}

void across_bundle_anywhere(const WordBundle& words, int count, const AcrossTable& table,
                            const Ahead& ahead, const LineBundle& lines) {
  if (table.anywhere.outputs == 0) return across_bundle(words, count, table, ahead, lines);
  if (count == 4) {
    across_lines<4>(
        {{words[0], words[1], words[2], words[3]}, {&lines[0], &lines[1], &lines[2], &lines[3]}},
        table, ahead);
  } else {
    across_lines<2>({{words[0], words[1]}, {&lines[0], &lines[1]}}, table, ahead);
  }
}

}  // namespace
}  // namespace edgeclf

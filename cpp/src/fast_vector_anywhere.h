// Sums across where a vector holds 32 words that can be moved anywhere (AVX-512); included by
// fast_avx512.cpp. See WordTable in fast.h.
#pragma once

namespace edgeclf {
namespace {

// A WordTable by plain pointers.
struct WordRun {
  const std::int16_t* words;
  const std::int32_t* first;
  const std::int16_t* places;
  const std::int16_t* weights;
  std::ptrdiff_t pitch;
  std::ptrdiff_t apart;  // words from load to load
  int loads;
};

WordRun run_of(const std::int16_t* words, const AcrossTable& table) {
  const WordTable& anywhere = table.anywhere;
  return {words,
          anywhere.first.data(),
          anywhere.places.data(),
          anywhere.weights.data(),
          anywhere.pitch,
          std::ptrdiff_t{anywhere.taps()} * table.pixel.step,
          anywhere.loads};
}

// The weights of each sample's blocks.
template <int kSamples>
EDGECLF_INLINE_SIMD Vec load_weights(const std::int16_t* weights) {
  if constexpr (kSamples == 3) return load_block_to_all(weights);
  if constexpr (kSamples == 2) return load_two_blocks_twice(weights);
  return load(weights);
}

template <int kSamples, int kLoads>
EDGECLF_INLINE_SIMD Vec vector_across(const WordRun& run, int vector) {
  constexpr int kWordsOfWeights = kWords / kBlocks * (kBlocks / kSamples);
  const Vec places = load(run.places + std::ptrdiff_t{kWords} * vector);
  const std::int16_t* from = run.words + run.first[vector];
  const std::int16_t* weights = run.weights + std::ptrdiff_t{kWordsOfWeights} * vector;
  const int loads = kLoads > 0 ? kLoads : run.loads;
  Vec sum = zero();
  for (int k = 0; k < loads; ++k, from += run.apart, weights += run.pitch) {
    sum = add_multiplied_pairs(sum, lookup_words_anywhere(load(from), places),
                               load_weights<kSamples>(weights));
  }
  return sum;
}

// As many vectors as make one whose ints are outputs.
template <int kSamples, int kOutputs, int kLoads>
EDGECLF_INLINE_SIMD Vec whole_across(const WordRun& run, int vector) {
  const Vec a = vector_across<kSamples, kLoads>(run, vector);
  if constexpr (kOutputs == 4) return a;
  const Vec b = vector_across<kSamples, kLoads>(run, vector + 1);
  if constexpr (kOutputs == 2) return add_neighbours(a, b);
  return add_neighbours(add_neighbours(a, b),
                        add_neighbours(vector_across<kSamples, kLoads>(run, vector + 2),
                                       vector_across<kSamples, kLoads>(run, vector + 3)));
}

template <int kSamples, int kOutputs, int kLoads>
void across_loads(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
                  const FastLines& lines) {
  constexpr int kVectors = 4 / kOutputs;
  constexpr int kOfSample = kBlocks / kSamples;
  constexpr int kAtOnce = 8 * kOfSample;
  const WordRun run = run_of(words, table);
  const Vec order = load(table.anywhere.order.data());
  const Vec half = splat_ints(1 << (table.shift - 1));
  const int size = table.axis.taps.size();
  PacedFetch paced(ahead, ahead.down, ahead.across, (size + kAtOnce - 1) / kAtOnce);
  int vector = 0;
  for (int i = 0; i < size; i += kAtOnce, vector += 2 * kVectors) {
    paced.next();
    const Vec front = whole_across<kSamples, kOutputs, kLoads>(run, vector);
    const Vec back = whole_across<kSamples, kOutputs, kLoads>(run, vector + kVectors);
    Vec levels = pack_ints(rounded(front, half, table.shift), rounded(back, half, table.shift));
    if (kSamples < 3) levels = lookup_words_anywhere(levels, order);
    for (int b = 0; b < kSamples * kOfSample; ++b) {
      store_block(lines[static_cast<std::size_t>(b / kOfSample)] + i + 8 * (b % kOfSample), levels,
                  b);
    }
  }
}

// The loop over a known number of loads goes away.
template <int kSamples, int kOutputs>
void across_outputs(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
                    const FastLines& lines) {
  switch (table.anywhere.loads) {
    case 1: return across_loads<kSamples, kOutputs, 1>(words, table, ahead, lines);
    case 2: return across_loads<kSamples, kOutputs, 2>(words, table, ahead, lines);
    case 3: return across_loads<kSamples, kOutputs, 3>(words, table, ahead, lines);
    default: return across_loads<kSamples, kOutputs, 0>(words, table, ahead, lines);
  }
}

template <int kSamples>
void across_samples_anywhere(const std::int16_t* words, const AcrossTable& table,
                             const Ahead& ahead, const FastLines& lines) {
  switch (table.anywhere.outputs) {
    case 4: return across_outputs<kSamples, 4>(words, table, ahead, lines);
    case 2: return across_outputs<kSamples, 2>(words, table, ahead, lines);
    default: return across_outputs<kSamples, 1>(words, table, ahead, lines);
  }
}

void across_anywhere(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
                     const FastLines& lines) {
  if (table.anywhere.outputs == 0) return across(words, table, ahead, lines);
  switch (table.pixel.samples) {
    case 3: return across_samples_anywhere<3>(words, table, ahead, lines);
    case 2: return across_samples_anywhere<2>(words, table, ahead, lines);
    default: return across_samples_anywhere<1>(words, table, ahead, lines);
  }
}

}  // namespace
}  // namespace edgeclf

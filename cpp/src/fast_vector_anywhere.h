// Sums across where a vector holds 32 words that can be moved anywhere (AVX-512), of pixels of three
// samples; included by fast_avx512.cpp. See WordTable in fast.h.
#pragma once

namespace edgeclf {
namespace {

constexpr int kBlockWords = 8;

// A WordTable by plain pointers.
struct WordRun {
  const std::int16_t* words;
  const std::int32_t* first;
  const std::int16_t* places;
  const std::int16_t* weights;
  std::ptrdiff_t pitch;
  std::ptrdiff_t apart;  // words from load to load
  int taps;              // of a load
  int loads;
  Vec samples;
};

WordRun run_of(const std::int16_t* words, const AcrossTable& table) {
  const WordTable& anywhere = table.anywhere;
  const int taps = kBlockWords / anywhere.outputs;
  return {words,
          anywhere.first.data(),
          anywhere.places.data(),
          anywhere.weights.data(),
          anywhere.pitch,
          std::ptrdiff_t{taps} * table.pixel.step,
          taps,
          anywhere.loads,
          load(anywhere.samples.data())};
}

// Output i and those that share its loads, each in as many ints of a block as it has taps in pairs.
template <int kLoads>
EDGECLF_INLINE_SIMD Vec loads_at(const WordRun& run, int i) {
  const Vec places =
      add_words(load_block_to_all(run.places + std::ptrdiff_t{kBlockWords} * i), run.samples);
  const std::int16_t* from = run.words + run.first[i];
  const std::int16_t* weights = run.weights + std::ptrdiff_t{run.taps} * i;
  const int loads = kLoads > 0 ? kLoads : run.loads;
  Vec sum = zero();
  for (int k = 0; k < loads; ++k, from += run.apart, weights += run.pitch) {
    sum = add_multiplied_pairs(sum, lookup_words_anywhere(load(from), places),
                               load_block_to_all(weights));
  }
  return sum;
}

// Outputs i to i + 3, one in each int of a block.
template <int kOutputs, int kLoads>
EDGECLF_INLINE_SIMD Vec four_across(const WordRun& run, int i) {
  const Vec a = loads_at<kLoads>(run, i);
  if constexpr (kOutputs == 4) {
    return a;
  } else if constexpr (kOutputs == 2) {
    return add_neighbours(a, loads_at<kLoads>(run, i + 2));
  } else {
    return add_neighbours(add_neighbours(a, loads_at<kLoads>(run, i + 1)),
                          add_neighbours(loads_at<kLoads>(run, i + 2), loads_at<kLoads>(run, i + 3)));
  }
}

template <int kOutputs, int kLoads>
void across_loads(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
                  const FastLines& lines) {
  const WordRun run = run_of(words, table);
  const Vec half = splat_ints(1 << (table.shift - 1));
  const int size = table.axis.taps.size();
  PacedFetch paced(ahead, ahead.down, ahead.across, (size + kBlockWords - 1) / kBlockWords);
  for (int i = 0; i < size; i += kBlockWords) {
    paced.next();
    const Vec eight = pack_ints(rounded(four_across<kOutputs, kLoads>(run, i), half, table.shift),
                                rounded(four_across<kOutputs, kLoads>(run, i + 4), half, table.shift));
    for (int s = 0; s < 3; ++s) store_block(lines[static_cast<std::size_t>(s)] + i, eight, s);
  }
}

// The loop over a known number of loads goes away.
template <int kOutputs>
void across_outputs(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
                    const FastLines& lines) {
  switch (table.anywhere.loads) {
    case 1: return across_loads<kOutputs, 1>(words, table, ahead, lines);
    case 2: return across_loads<kOutputs, 2>(words, table, ahead, lines);
    case 3: return across_loads<kOutputs, 3>(words, table, ahead, lines);
    case 4: return across_loads<kOutputs, 4>(words, table, ahead, lines);
    default: return across_loads<kOutputs, 0>(words, table, ahead, lines);
  }
}

void across_anywhere(const std::int16_t* words, const AcrossTable& table, const Ahead& ahead,
                     const FastLines& lines) {
  switch (table.anywhere.outputs) {
    case 4: return across_outputs<4>(words, table, ahead, lines);
    case 2: return across_outputs<2>(words, table, ahead, lines);
    case 1: return across_outputs<1>(words, table, ahead, lines);
    default: return across(words, table, ahead, lines);
  }
}

}  // namespace
}  // namespace edgeclf

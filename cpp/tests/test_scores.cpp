#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../src/softmax_sets.h"
#include "check.h"
#include "edgeclf/scores.h"

using namespace edgeclf;

namespace {

void check_near(float score, double expected) {
  CHECK(std::abs(static_cast<double>(score) - expected) < 1e-6);
}

void codes_become_numbers() {
  const std::vector<std::int8_t> codes{-128, 0, 127};
  const RawScores raw{reinterpret_cast<const std::uint8_t*>(codes.data()), 3, DType::int8};
  std::vector<float> scores(3);
  dequantize(raw, Quantization{0.5, -128}, scores.data());
  check_near(scores[0], 0.0);
  check_near(scores[1], 64.0);
  check_near(scores[2], 127.5);
}

void activations() {
  std::vector<float> scores{1000.0F, 1001.0F, -1e30F};
  activate(Activation::softmax, scores.data(), scores.size());
  check_near(scores[0], 1.0 / (1.0 + std::exp(1.0)));
  check_near(scores[1], 1.0 / (1.0 + std::exp(-1.0)));
  check_near(scores[2], 0.0);
  scores = {0.0F, 1e30F, -1e30F, 2.0F};
  activate(Activation::sigmoid, scores.data(), scores.size());
  check_near(scores[0], 0.5);
  check_near(scores[1], 1.0);
  check_near(scores[2], 0.0);
  check_near(scores[3], 1.0 / (1.0 + std::exp(-2.0)));
}

// The softmax of (0, x) is exp(x) / (1 + exp(x)) for its second class.
void softmax_is_exact() {
  for (int i = 0; i <= 20000; ++i) {
    const float x = -static_cast<float>(i) * 0.01F;
    std::vector<float> scores{0.0F, x};
    activate(Activation::softmax, scores.data(), scores.size());
    const double power = std::exp(static_cast<double>(x));
    const double expected = power / (1.0 + power);
    // Rounded to a float32 twice, and beyond its smallest normal number to a multiple of 2^-149.
    const double error = std::abs(static_cast<double>(scores[1]) - expected);
    CHECK(error <= 1.2e-7 * expected + std::ldexp(1.0, -149));
  }
}

// At sizes that fill no vector, and far beyond what exp can hold.
void softmax_is_the_same_on_every_instruction_set() {
  const SoftmaxKernel& scalar = softmax_kernels().front();
  unsigned state = 3;
  for (std::size_t size = 1; size < 140; ++size) {
    std::vector<float> raw(size);
    for (float& score : raw) {
      state = state * 1664525U + 1013904223U;
      score = static_cast<float>(state >> 8) * (size % 2 == 0 ? 1e-6F : 1e-4F);
    }
    std::vector<float> expected = raw;
    scalar.run(expected.data(), size);
    for (const SoftmaxKernel& kernel : softmax_kernels()) {
      std::vector<float> scores = raw;
      kernel.run(scores.data(), size);
      CHECK(std::memcmp(scores.data(), expected.data(), size * sizeof(float)) == 0);
    }
  }
}

void not_finite() {
  const std::vector<float> scores{1.0F, std::numeric_limits<float>::infinity(), NAN};
  CHECK(first_not_finite(scores.data(), 3) == std::size_t{1});
  CHECK(!first_not_finite(scores.data(), 1));
}

void calibration() {
  ScoreCalibration calibration;
  calibration.transformation = ScoreTransformation::inverse_logistic;
  calibration.default_score = 0.25;
  calibration.parameters = {SigmoidParameters{1.0, 1.0, 0.0, {}}, std::nullopt,
                            SigmoidParameters{1.0, 1.0, 0.0, 0.5},
                            SigmoidParameters{0.5, 1.0, 0.0, {}}};
  std::vector<float> scores{0.7F, 0.7F, 0.5F, 1.0F};
  calibrate(calibration, scores.data(), scores.size());
  check_near(scores[0], 0.7);  // the logistic of the inverse logistic
  check_near(scores[1], 0.25);
  check_near(scores[2], 0.25);  // not above its minimum
  check_near(scores[3], 0.5);   // no logarithm of 0
}

void check_classes(const Selection& selection, const std::vector<float>& scores,
                   const std::vector<std::int32_t>& expected) {
  CHECK(select_classes(selection, scores.data(), scores.size()) == expected);
}

void selection() {
  const std::vector<float> scores{0.1F, 0.4F, 0.4F, 0.2F, 0.4F};
  check_classes({0, {}, {}}, scores, {1, 2, 4, 3, 0});
  check_classes({2, {}, {}}, scores, {1, 2});
  check_classes({9, {}, {}}, scores, {1, 2, 4, 3, 0});
  check_classes({0, {0.2}, {}}, scores, {1, 2, 4, 3});
  check_classes({0, {0.0, 0.5, 0.0, 0.5, 0.5}, {}}, scores, {2, 0});
  check_classes({2, {}, {1, 0, 0, 1, 1}}, scores, {4, 3});
  check_classes({1, {2.0}, {}}, scores, {});
}

// A small top_k is found another way than a large one.
void every_top_k_is_the_head_of_all() {
  std::vector<float> scores;
  for (unsigned i = 0, state = 1; i < 700; ++i) {
    state = state * 1664525U + 1013904223U;
    scores.push_back(static_cast<float>(state >> 27));
  }
  const auto all = select_classes({0, {}, {}}, scores.data(), scores.size());
  for (std::size_t i = 1; i < all.size(); ++i) {
    const auto before = static_cast<std::size_t>(all[i - 1]);
    const auto after = static_cast<std::size_t>(all[i]);
    CHECK(scores[before] > scores[after] || (scores[before] == scores[after] && before < after));
  }
  for (std::size_t top_k = 1; top_k <= 700; ++top_k) {
    const auto best = select_classes({top_k, {}, {}}, scores.data(), scores.size());
    CHECK(best == std::vector<std::int32_t>(all.begin(), all.begin() + static_cast<long>(top_k)));
  }
}

// Many equal scores, thresholds and masks: a few classes are found by limits that must not leave
// out one of them. The reference is a plain sort.
void the_best_few_are_those_of_a_sort() {
  unsigned state = 7;
  const auto next = [&](unsigned below) {
    state = state * 1664525U + 1013904223U;
    return (state >> 16) % below;
  };
  for (int round = 0; round < 3000; ++round) {
    const std::size_t size = 1 + next(round % 2 == 0 ? 40 : 300);
    const unsigned values = 1 + next(round % 3 == 0 ? 4 : 500);
    std::vector<float> scores(size);
    for (float& score : scores) score = static_cast<float>(next(values)) - 100.0F;
    Selection selection;
    selection.top_k = 1 + next(32);
    if (next(3) == 0) selection.allowed.resize(size);
    for (auto& allowed : selection.allowed) allowed = next(2) == 0 ? 1 : 0;
    const unsigned kind = next(3);
    if (kind > 0) selection.thresholds.resize(kind == 1 ? 1 : size);
    for (double& threshold : selection.thresholds) threshold = next(values) - 100.0;

    std::vector<std::int32_t> expected;
    for (std::size_t i = 0; i < size; ++i) {
      const bool allowed = selection.allowed.empty() || selection.allowed[i] != 0;
      const double threshold = kind == 0 ? -1e9 : selection.thresholds[kind == 1 ? 0 : i];
      if (allowed && static_cast<double>(scores[i]) >= threshold) {
        expected.push_back(static_cast<std::int32_t>(i));
      }
    }
    std::stable_sort(expected.begin(), expected.end(), [&](std::int32_t a, std::int32_t b) {
      return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    expected.resize(std::min(expected.size(), selection.top_k));
    check_classes(selection, scores, expected);
  }
}

}  // namespace

int main() {
  codes_become_numbers();
  activations();
  softmax_is_exact();
  softmax_is_the_same_on_every_instruction_set();
  not_finite();
  calibration();
  selection();
  every_top_k_is_the_head_of_all();
  the_best_few_are_those_of_a_sort();
  return check::result();
}

#include "edgeclf/scores.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "edgeclf/half.h"
#include "edgeclf/instruction_set.h"
#include "softmax_sets.h"

namespace edgeclf {
namespace {

constexpr double kSmallestForLog = 1e-16;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kFew = 32;
constexpr std::size_t kAbreast = 16;  // scores looked at together, for the compiler to use vectors

template <class Element, class Convert>
void read(const RawScores& raw, float* scores, Convert convert) {
  for (std::size_t i = 0; i < raw.size; ++i) {
    Element element;
    std::memcpy(&element, raw.data + i * sizeof element, sizeof element);
    scores[i] = convert(element);
  }
}

// The difference is exact and the product rounded once: a runtime's own DEQUANTIZE gives the same
// where its scale is a float32.
template <class Code>
void read_codes(const RawScores& raw, const Quantization& quantization, float* scores) {
  read<Code>(raw, scores, [&](Code code) {
    return static_cast<float>(quantization.scale * (code - quantization.zero_point));
  });
}

void softmax(float* scores, std::size_t size) {
  static const SoftmaxKernel& kernel = best_allowed(softmax_kernels());
  kernel.run(scores, size);
}

double sigmoid(double x) {
  if (x >= 0.0) return 1.0 / (1.0 + std::exp(-x));
  const double power = std::exp(x);
  return power / (1.0 + power);
}

double guarded_log(double x) { return std::log(std::max(x, kSmallestForLog)); }

double transformed(ScoreTransformation transformation, double x) {
  switch (transformation) {
    case ScoreTransformation::log: return guarded_log(x);
    case ScoreTransformation::inverse_logistic: return guarded_log(x) - guarded_log(1.0 - x);
    case ScoreTransformation::identity: break;
  }
  return x;
}

// Best first; equal scores in the order of their index.
struct Better {
  const float* scores;
  bool operator()(std::int32_t a, std::int32_t b) const {
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
  }
};

bool passes(const Selection& selection, const float* scores, std::size_t i) {
  if (!selection.allowed.empty() && selection.allowed[i] == 0) return false;
  const auto& thresholds = selection.thresholds;
  if (thresholds.empty()) return true;
  return static_cast<double>(scores[i]) >= (thresholds.size() == 1 ? thresholds[0] : thresholds[i]);
}

// Whether any of the next kAbreast scores reaches `limit`: comparisons without a branch.
bool any_reaches(const float* scores, float limit) {
  unsigned count = 0;
  for (std::size_t k = 0; k < kAbreast; ++k) count += scores[k] >= limit ? 1U : 0U;
  return count != 0;
}

// A score that at least `kept` classes reach, so that those below it need not be looked at; the
// lowest number where `selection` may leave out a class that is better than one it reports.
// It is the kept-th of kFew peaks, each of every kFew-th score: all without a branch.
float reached_by(const Selection& selection, const float* scores, std::size_t size,
                 std::size_t kept) {
  float bound = std::numeric_limits<float>::lowest();
  if (!selection.allowed.empty() || selection.thresholds.size() > 1) return bound;
  float peaks[kFew];
  std::fill(peaks, peaks + kFew, bound);
  for (std::size_t i = 0; i + kFew <= size; i += kFew) {
    for (std::size_t k = 0; k < kFew; ++k) {
      peaks[k] = scores[i + k] > peaks[k] ? scores[i + k] : peaks[k];
    }
  }
  std::uint32_t counts[kFew] = {};  // of the peaks that reach each peak
  for (const float other : peaks) {
    for (std::size_t k = 0; k < kFew; ++k) counts[k] += other >= peaks[k] ? 1U : 0U;
  }
  for (std::size_t k = 0; k < kFew; ++k) {
    bound = counts[k] >= kept && peaks[k] > bound ? peaks[k] : bound;
  }
  return bound;
}

// Most classes fail against the limit, and are passed over several at a time.
std::vector<std::int32_t> best_few(const Selection& selection, const float* scores,
                                   std::size_t size, std::size_t kept) {
  const Better better{scores};
  std::vector<std::int32_t> best;
  best.reserve(kept + 1);
  float limit = reached_by(selection, scores, size, kept);
  for (std::size_t begin = 0; begin < size; begin += kAbreast) {
    if (begin + kAbreast <= size && !any_reaches(scores + begin, limit)) continue;
    for (std::size_t i = begin; i < std::min(begin + kAbreast, size); ++i) {
      if (scores[i] < limit || !passes(selection, scores, i)) continue;
      const auto index = static_cast<std::int32_t>(i);
      best.insert(std::upper_bound(best.begin(), best.end(), index, better), index);
      if (best.size() > kept) best.pop_back();
      // From now on only what is above the worst: a later class of the same score stands behind.
      if (best.size() == kept) limit = std::nextafter(scores[best.back()], kInfinity);
    }
  }
  return best;
}

std::vector<std::int32_t> best_many(const Selection& selection, const float* scores,
                                    std::size_t size, std::size_t kept) {
  std::vector<std::int32_t> classes;
  classes.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (passes(selection, scores, i)) classes.push_back(static_cast<std::int32_t>(i));
  }
  kept = std::min(kept, classes.size());
  const auto end = classes.begin() + static_cast<std::ptrdiff_t>(kept);
  std::partial_sort(classes.begin(), end, classes.end(), Better{scores});
  classes.resize(kept);
  return classes;
}

}  // namespace

void dequantize(const RawScores& raw, const std::optional<Quantization>& quantization,
                float* scores) {
  const Quantization codes = quantization.value_or(Quantization{});
  switch (raw.dtype) {
    case DType::float32: std::memcpy(scores, raw.data, raw.size * sizeof(float)); break;
    case DType::float16: read<std::uint16_t>(raw, scores, from_half); break;
    case DType::uint8: read_codes<std::uint8_t>(raw, codes, scores); break;
    case DType::int8: read_codes<std::int8_t>(raw, codes, scores); break;
  }
}

std::optional<std::size_t> first_not_finite(const float* scores, std::size_t size) {
  // Counted without a branch, which the compiler can do several at a time; there is seldom one.
  unsigned bad = 0;
  for (std::size_t i = 0; i < size; ++i) {
    bad += std::abs(scores[i]) <= std::numeric_limits<float>::max() ? 0U : 1U;
  }
  if (bad == 0) return std::nullopt;
  const auto* found =
      std::find_if_not(scores, scores + size, [](float x) { return std::isfinite(x); });
  return static_cast<std::size_t>(found - scores);
}

void activate(Activation activation, float* scores, std::size_t size) {
  switch (activation) {
    case Activation::softmax: softmax(scores, size); break;
    case Activation::sigmoid:
      std::transform(scores, scores + size, scores,
                     [](float x) { return static_cast<float>(sigmoid(static_cast<double>(x))); });
      break;
    case Activation::none: break;
  }
}

void calibrate(const ScoreCalibration& calibration, float* scores, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const auto& parameters = calibration.parameters[i];
    const auto x = static_cast<double>(scores[i]);
    double score = calibration.default_score;
    if (parameters && (!parameters->min_score || x > *parameters->min_score)) {
      const double exponent =
          parameters->slope * transformed(calibration.transformation, x) + parameters->offset;
      score = parameters->scale * sigmoid(exponent);
    }
    scores[i] = static_cast<float>(score);
  }
}

std::vector<std::int32_t> select_classes(const Selection& selection, const float* scores,
                                         std::size_t size) {
  const std::size_t kept = selection.top_k == 0 ? size : std::min(selection.top_k, size);
  return kept <= kFew ? best_few(selection, scores, size, kept)
                      : best_many(selection, scores, size, kept);
}

}  // namespace edgeclf

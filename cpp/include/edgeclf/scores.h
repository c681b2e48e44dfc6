// From the model's raw output to scores, and from scores to the best classes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "edgeclf/spec.h"

namespace edgeclf {

enum class Activation : std::uint8_t { softmax, sigmoid, none };
enum class ScoreTransformation : std::uint8_t { identity, log, inverse_logistic };

// One class's calibration; without `min_score` it holds for every score.
struct SigmoidParameters {
  double scale = 1.0;
  double slope = 1.0;
  double offset = 0.0;
  std::optional<double> min_score;
};

struct ScoreCalibration {
  ScoreTransformation transformation = ScoreTransformation::identity;
  double default_score = 0.0;
  std::vector<std::optional<SigmoidParameters>> parameters;  // one per class
};

// A model's output for one frame, its elements side by side at any address.
struct RawScores {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  DType dtype = DType::float32;
};

// scores[i] = scale * (code - zero_point), or the raw value where there is no quantisation.
void dequantize(const RawScores& raw, const std::optional<Quantization>& quantization,
                float* scores);

// The first score that is NaN or infinite.
std::optional<std::size_t> first_not_finite(const float* scores, std::size_t size);

// In place. softmax: exp(x - max) / sum, the sum in double. sigmoid: 1 / (1 + exp(-x)), written so
// that neither side overflows.
void activate(Activation activation, float* scores, std::size_t size);

// In place: scale / (1 + exp(-(slope * g(x) + offset))) where the class has parameters and x is
// above its min_score, else default_score; g is x, log(x) or log(x) - log(1 - x), and no logarithm
// is taken of less than 1e-16. Source: TFLite's metadata_schema.fbs, ScoreCalibrationOptions.
void calibrate(const ScoreCalibration& calibration, float* scores, std::size_t size);

struct Selection {
  std::size_t top_k = 0;              // 0: all
  std::vector<double> thresholds;     // none, one for all classes, or one per class
  std::vector<std::uint8_t> allowed;  // none, or one per class: 0 leaves the class out
};

// The classes with score >= threshold, best first, equal scores in the order of their index.
std::vector<std::int32_t> select_classes(const Selection& selection, const float* scores,
                                         std::size_t size);

}  // namespace edgeclf

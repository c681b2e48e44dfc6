// Any raw output to scores and classes: nothing is read beyond it, probabilities are
// probabilities, and the classes are those that a plain sort gives.
#include "edgeclf/scores.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "input.h"

using namespace edgeclf;

namespace {

constexpr int kMostClasses = 1100;

Selection selection_from(Input& input, std::size_t classes) {
  Selection selection;
  selection.top_k = static_cast<std::size_t>(input.number(0, 60));
  const int thresholds = input.number(0, 2);
  const std::size_t count = thresholds == 0 ? 0 : thresholds == 1 ? 1 : classes;
  for (std::size_t i = 0; i < count; ++i)
    selection.thresholds.push_back(0.001 * static_cast<double>(i % 7));
  if (input.flag()) {
    for (std::size_t i = 0; i < classes; ++i) {
      selection.allowed.push_back(static_cast<std::uint8_t>(i % 3 != 0));
    }
  }
  return selection;
}

std::vector<std::int32_t> sorted_classes(const Selection& selection,
                                         const std::vector<float>& scores) {
  std::vector<std::int32_t> classes;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto& limits = selection.thresholds;
    const double limit = limits.empty() ? -INFINITY : limits[limits.size() == 1 ? 0 : i];
    const bool allowed = selection.allowed.empty() || selection.allowed[i] != 0;
    if (allowed && static_cast<double>(scores[i]) >= limit) {
      classes.push_back(static_cast<std::int32_t>(i));
    }
  }
  std::stable_sort(classes.begin(), classes.end(), [&](std::int32_t a, std::int32_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  if (selection.top_k != 0) classes.resize(std::min(classes.size(), selection.top_k));
  return classes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto classes = static_cast<std::size_t>(input.number(1, kMostClasses));
  const DType dtype = input.choice(DType::int8);
  const std::size_t bytes = classes * static_cast<std::size_t>(size_of(dtype));
  const std::unique_ptr<std::uint8_t[]> raw(new std::uint8_t[bytes]);
  input.fill(raw.get(), bytes);
  std::vector<float> scores(classes);
  const Quantization quantization{0.1, input.number(-128, 255)};
  dequantize({raw.get(), classes, dtype}, quantization, scores.data());
  const auto bad = first_not_finite(scores.data(), classes);
  const auto is_finite = [](float score) { return std::isfinite(score); };
  require(bad.has_value() != std::all_of(scores.begin(), scores.end(), is_finite));
  if (bad) {
    require(!std::isfinite(scores[*bad]));
    return 0;
  }
  const Activation activation = input.choice(Activation::none);
  activate(activation, scores.data(), classes);
  require(std::all_of(scores.begin(), scores.end(), is_finite));
  if (activation == Activation::softmax) {
    require(std::abs(std::accumulate(scores.begin(), scores.end(), 0.0) - 1.0) < 1e-4);
  }
  // Not after a sigmoid, whose exp() is the C library's.
  if (activation != Activation::sigmoid) add_to_digest(scores.data(), 4 * classes);
  const Selection selection = selection_from(input, classes);
  require(select_classes(selection, scores.data(), classes) == sorted_classes(selection, scores));
  return 0;
}

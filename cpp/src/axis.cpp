#include "edgeclf/axis.h"

#include <algorithm>

namespace edgeclf {
namespace {

template <class To, class Convert>
Axis<To> converted(const Axis<double>& axis, Convert convert) {
  Axis<To> result;
  result.first = axis.first;
  result.count = axis.count;
  result.max_taps = axis.max_taps;
  result.selects = axis.selects;
  result.consecutive = axis.consecutive;
  result.weights.resize(axis.weights.size());
  std::transform(axis.weights.begin(), axis.weights.end(), result.weights.begin(), convert);
  return result;
}

}  // namespace

Axis<std::int32_t> to_fixed(const Axis<double>& axis) {
  Axis<std::int32_t> fixed = converted<std::int32_t>(axis, [](double weight) {
    const double scaled = weight * (1 << kFractionBits);
    return static_cast<std::int32_t>(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
  });
  if (fixed.selects) return fixed;
  fixed.pairs = pair_weights(fixed);
  return fixed;
}

namespace {

constexpr int kLoadBytes = 64;
constexpr int kSamples = 3;
constexpr int kTapsTogether = 16;  // of all outputs of a load

std::size_t index(int i) { return static_cast<std::size_t>(i); }

// The first pixel of output i + k, from that of output i on. Beyond the last there is no weight.
int distance(const Axis<std::int32_t>& axis, int i, int k) {
  return axis.first[index(std::min(i + k, axis.size() - 1))] - axis.first[index(i)];
}

bool fits_load(const Axis<std::int32_t>& axis, std::ptrdiff_t step, int outputs) {
  int farthest = 0;
  for (int i = 0; i < axis.size(); ++i) {
    farthest = std::max(farthest, distance(axis, i, outputs - 1));
  }
  return (farthest + kTapsTogether / outputs - 1) * step + kSamples <= kLoadBytes;
}

std::int32_t digit_of(std::int32_t& weight) {
  const auto digit = static_cast<std::int8_t>(weight & 0xFF);
  weight = (weight - digit) / 256;
  return digit;
}

}  // namespace

ByteTable byte_table(const Axis<std::int32_t>& axis, std::ptrdiff_t step) {
  constexpr std::int32_t kMost = 127 * (65536 + 256 + 1);
  const auto too_large = [](std::int32_t weight) { return weight > kMost || weight < -kMost; };
  const bool fits = std::none_of(axis.weights.begin(), axis.weights.end(), too_large);
  if (axis.selects || !fits) return {};
  ByteTable table;
  table.step = step;
  table.outputs = fits_load(axis, step, 4) ? 4 : fits_load(axis, step, 2) ? 2 : 1;
  const int taps = kTapsTogether / table.outputs;
  table.loads = (axis.max_taps + taps - 1) / taps;
  table.pitch = std::ptrdiff_t{taps} * (axis.size() + table.outputs - 1);
  table.digits.resize(index(table.loads) * 3 * static_cast<std::size_t>(table.pitch));
  for (int i = 0; i < axis.size(); ++i) {
    for (int k = 0; k < table.outputs; ++k) {
      for (int t = 0; t < taps; ++t) {
        table.places.push_back(static_cast<std::uint8_t>((distance(axis, i, k) + t) * step));
      }
    }
    for (int k = 0; k < axis.max_taps; ++k) {
      std::int32_t rest = axis.weight(i)[k];
      for (int d = 0; d < 3; ++d) {
        const std::ptrdiff_t line = (std::ptrdiff_t{k / taps} * 3 + d) * table.pitch;
        table.digits[static_cast<std::size_t>(line + i * taps + k % taps)] =
            static_cast<std::int8_t>(digit_of(rest));
      }
    }
  }
  return table;
}

std::vector<std::int16_t> pair_weights(const Axis<std::int32_t>& axis) {
  constexpr int kTaps = 4;
  std::vector<std::int16_t> halves;
  for (int i = 0; i < axis.size(); ++i) {
    for (int k = 0; k < axis.max_taps; k += kTaps) {
      std::int32_t weights[kTaps] = {};
      std::copy(axis.weight(i) + k, axis.weight(i) + std::min(k + kTaps, axis.max_taps), weights);
      for (const auto weight : weights) halves.push_back(static_cast<std::int16_t>(weight >> 12));
      for (const auto weight : weights) halves.push_back(static_cast<std::int16_t>(weight & 0xFFF));
    }
  }
  return halves;
}

}  // namespace edgeclf

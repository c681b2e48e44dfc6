#include "edgeclf/resample.h"

#include <cstring>

#include "resample_avx2.h"
#include "resample_scalar.h"

namespace edgeclf {
namespace {

void resample_exact(const SourceRow& row, const Axis<std::int32_t>& axis, int begin, int size,
                    std::uint8_t* out) {
  if (axis.consecutive && row.step == row.channels) {
    const auto first = axis.first[static_cast<std::size_t>(begin)];
    const auto bytes = static_cast<std::size_t>(size) * static_cast<std::size_t>(row.channels);
    std::memcpy(out, row.pixels + first * row.step, bytes);
    return;
  }
  resample(row, axis, begin, size, out);
}

void resample_float(const SourceRow& row, const Axis<float>& axis, int begin, int size,
                    float* out) {
  resample(row, axis, begin, size, out);
}

void combine_exact(const std::uint8_t* const* rows, const std::int32_t* weights, int taps, int size,
                   std::uint8_t* out) {
  combine(rows, weights, taps, size, out);
}

void combine_float(const float* const* rows, const float* weights, int taps, int size, float* out) {
  combine(rows, weights, taps, size, out);
}

void resample_precise(const SourceRow& row, const Axis<double>& axis, int begin, int size,
                      double* out) {
  resample(row, axis, begin, size, out);
}

void combine_precise(const double* const* rows, const double* weights, int taps, int size,
                     double* out) {
  combine(rows, weights, taps, size, out);
}

std::vector<Kernels> found_kernels() {
  std::vector<Kernels> kernels{{"scalar", resample_exact, resample_float, combine_exact,
                                combine_float, resample_precise, combine_precise}};
  add_avx2_kernels(kernels);
  return kernels;
}

}  // namespace

const std::vector<Kernels>& available_kernels() {
  static const std::vector<Kernels> kernels = found_kernels();
  return kernels;
}

}  // namespace edgeclf

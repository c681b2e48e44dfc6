#include "edgeclf/resample.h"

#include <cstring>

#include "edgeclf/instruction_set.h"
#include "resample_scalar.h"
#include "resample_sets.h"

namespace edgeclf {
namespace {

void combine_exact_scalar(const std::uint8_t* const* rows, const Axis<std::int32_t>& axis, int i,
                          int size, std::uint8_t* out) {
  combine(rows, axis.weight(i), axis.count[static_cast<std::size_t>(i)], size, out);
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
  std::vector<Kernels> found{{"scalar", resample_exact_scalar, combine_exact_scalar,
                              resample_precise, combine_precise, scalar_level_kernels()}};
  add_sse41_kernels(found);
  add_avx2_kernels(found);
  add_avx512_kernels(found);
  add_neon_kernels(found);
  return found;
}

}  // namespace

void resample_exact_scalar(const SourceRow& row, const std::uint8_t* below,
                           const Axis<std::int32_t>& axis, int begin, int size, std::uint8_t* out,
                           std::uint8_t* out_below) {
  if (axis.consecutive && row.step == row.channels) {
    const std::ptrdiff_t first = axis.first[static_cast<std::size_t>(begin)] * row.step;
    const auto bytes = static_cast<std::size_t>(size) * static_cast<std::size_t>(row.channels);
    std::memcpy(out, row.pixels + first, bytes);
    if (below) std::memcpy(out_below, below + first, bytes);
    return;
  }
  resample(row, axis, begin, size, out);
  if (below) resample({below, row.step, row.columns, row.channels}, axis, begin, size, out_below);
}

const std::vector<Kernels>& available_kernels() {
  static const std::vector<Kernels> found = found_kernels();
  return found;
}

const Kernels& kernels() {
  static const Kernels& best = best_allowed(available_kernels());
  return best;
}

}  // namespace edgeclf

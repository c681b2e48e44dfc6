// The kernels of AVX-512 on x86: Pillow's arithmetic, four products of bytes at once. What it does
// no better is AVX2's.
#include "resample_sets.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cstring>

#include "resample_scalar.h"

namespace edgeclf {
namespace {

// AVX2's, for what has no table of bytes and for rows shorter than a vector.
Kernels narrower{};

}  // namespace
}  // namespace edgeclf

// After all others: what follows is compiled for AVX-512.
#define EDGECLF_SIMD_AVX512
// clang-format off
#include "simd.h"
#include "resample_exact_bytes.h"
#include "resample_exact_down.h"
// clang-format on

namespace edgeclf {
namespace {

void resample_bytes(const SourceRow& row, const std::uint8_t* below, const Axis<std::int32_t>& axis,
                    int begin, int size, std::uint8_t* out, std::uint8_t* out_below) {
  if (row.channels != 3 || row.step != axis.bytes.step) {
    narrower.resample_exact(row, below, axis, begin, size, out, out_below);
  } else if (below == nullptr) {
    weigh_bytes<1>({{row.pixels}, {out}, row, axis}, begin, begin + size);
  } else {
    weigh_bytes<2>({{row.pixels, below}, {out, out_below}, row, axis}, begin, begin + size);
  }
}

void combine_wide(const std::uint8_t* const* rows, const Axis<std::int32_t>& axis, int i, int size,
                  std::uint8_t* out) {
  (size < kBytes ? narrower.combine_exact : combine_exact)(rows, axis, i, size, out);
}

}  // namespace
}  // namespace edgeclf

#include "simd_end.h"

namespace edgeclf {

void add_avx512_kernels(std::vector<Kernels>& kernels) {
  if (!has_instruction_set("avx512")) return;
  narrower = kernels.back();
  kernels.push_back({"avx512", resample_bytes, combine_wide, narrower.resample_precise,
                     narrower.combine_precise, narrower.levels, true});
}

}  // namespace edgeclf

#else

namespace edgeclf {

void add_avx512_kernels(std::vector<Kernels>&) {}

}  // namespace edgeclf

#endif

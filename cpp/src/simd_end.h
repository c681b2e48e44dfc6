// Ends what "simd.h" began.
#pragma once

#if defined(EDGECLF_SIMD_SSE41) || defined(EDGECLF_SIMD_AVX2) || defined(EDGECLF_SIMD_AVX512)
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

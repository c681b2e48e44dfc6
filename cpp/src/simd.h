// The vector operations that the kernels are written in, so that one source serves SSE4.1, AVX2,
// AVX-512 and NEON (ARMv7 and AArch64).
//
// A vector is kBlocks blocks of 128 bits: four with AVX-512, two with AVX2, else one. Unless it
// says otherwise an operation works on every block by itself and what stands below describes one
// block; so a kernel that is right for one block is right for more. All operations give the same
// bits everywhere, as long as their stated ranges are kept.
//
// To be included after all other headers, once in a source file that has defined
// EDGECLF_SIMD_SSE41, _AVX2, _AVX512 or _NEON: what follows, up to "simd_end.h", is
// compiled for that instruction set, while inline functions of the headers before it are not, and
// so cannot reach a processor that lacks it. Everything in between stands in an anonymous
// namespace, and holds no lambdas (clang would compile those for the default instruction set).
//
// Memory:
//   load, store                any address; kBytes
//   load_block_to_all          16 bytes into every block
//   load_pieces<N>             N = 16, 8 or 4 bytes from base + offsets[0], [1], ... ; 16 / N
//                              pieces to a block, block after block
//   load_widened               8 * kBlocks bytes as 16-bit numbers, in order
//   store_low_halves           the low 8 bytes of each block, 8 * kBlocks bytes in order
//   load_widened_words         kInts words as ints, in order
//   store_block                one block alone: 16 bytes; store_half_block: its low 8 bytes
//   store_blocks_in_turn       block 0 of a, then of b, block 1 of a, ...; 2 * kBytes
//   load_floats, store_floats  kInts of them
//   prefetch                   a hint; any address
//
// Names: a byte is 8 bits, a word 16, an int 32, a long 64. Bytes are unsigned, words and ints
// signed, unless the name says otherwise.
#pragma once

#include <cstdint>
#include <cstring>

#define EDGECLF_INLINE_SIMD [[gnu::always_inline]] inline

#if defined(EDGECLF_SIMD_SSE41) || defined(EDGECLF_SIMD_AVX2) || defined(EDGECLF_SIMD_AVX512)
// GCC 12 takes what its AVX-512 header leaves undefined on purpose for a mistake (its bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#elif defined(EDGECLF_SIMD_NEON)
#include <arm_neon.h>
#else
#error "define EDGECLF_SIMD_SSE41, EDGECLF_SIMD_AVX2, EDGECLF_SIMD_AVX512 or EDGECLF_SIMD_NEON"
#endif

#if defined(EDGECLF_SIMD_AVX512)
#if defined(__clang__)
#pragma clang attribute push(                                                            \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")
#endif
#include "simd_avx512.h"
#elif defined(EDGECLF_SIMD_AVX2)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#include "simd_avx2.h"
#elif defined(EDGECLF_SIMD_SSE41)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("sse4.1"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("sse4.1")
#endif
#include "simd_sse41.h"
#else
#include "simd_neon.h"
#endif

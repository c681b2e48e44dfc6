// What this x86 processor has and its system keeps, asked of the processor itself: the compiler's
// __builtin_cpu_supports() is not filled in by every compiler's runtime (zig's says no to all).
#pragma once

namespace edgeclf {

// Whether instructions of that extension may run, by the name that compilers have for it: "sse4.1",
// "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi", "avx512vnni". False for any
// other name, and on other processors.
bool x86_supports(const char* extension);

}  // namespace edgeclf

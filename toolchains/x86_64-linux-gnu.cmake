# 64-bit x86 Linux, with a glibc of our choosing. Nothing beyond SSE2 is assumed; what is quicker is
# chosen at run time.
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(EDGECLF_TRIPLE x86_64-linux-gnu)
set(EDGECLF_ZIG_FLAGS "")
set(EDGECLF_GCC_FLAGS "")
set(EDGECLF_COMPILER zig CACHE STRING "zig or gcc: see zig.cmake and gcc.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/${EDGECLF_COMPILER}.cmake")

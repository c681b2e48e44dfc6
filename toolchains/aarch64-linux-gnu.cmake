# 64-bit ARM Linux: Raspberry Pi 3 and later with a 64-bit system, Jetson.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(EDGECLF_TRIPLE aarch64-linux-gnu)
set(EDGECLF_ZIG_FLAGS "")
set(EDGECLF_GCC_FLAGS "")
set(EDGECLF_COMPILER zig CACHE STRING "zig or gcc: see zig.cmake and gcc.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/${EDGECLF_COMPILER}.cmake")

# 32-bit ARM Linux, ARMv7 with NEON: Raspberry Pi 2 and later with a 32-bit system. A Cortex-A8 has
# no more than every ARMv7 with NEON has.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(EDGECLF_TRIPLE arm-linux-gnueabihf)
set(EDGECLF_ZIG_FLAGS -mcpu=cortex_a8)
set(EDGECLF_GCC_FLAGS "-march=armv7-a -mfpu=neon -mfloat-abi=hard")
set(EDGECLF_COMPILER zig CACHE STRING "zig or gcc: see zig.cmake and gcc.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/${EDGECLF_COMPILER}.cmake")

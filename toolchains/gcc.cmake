# What the toolchain files share with -DEDGECLF_COMPILER=gcc: Debian's cross compilers (apt install
# g++-aarch64-linux-gnu, g++-arm-linux-gnueabihf). Programs need the glibc of that Debian or a newer
# one, so this serves boards with the same release, Yocto's and Buildroot's trees with their own
# compilers of these names, and a second opinion on the code; wheels take zig.
#
# EDGECLF_STATIC=ON links everything in: such programs run under qemu-user without a root file
# system.
option(EDGECLF_STATIC "Link statically" OFF)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES EDGECLF_COMPILER EDGECLF_STATIC)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_CXX_COMPILER "${EDGECLF_TRIPLE}-g++")
set(CMAKE_CXX_FLAGS_INIT "${EDGECLF_GCC_FLAGS}")
if(EDGECLF_STATIC)
  set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
endif()

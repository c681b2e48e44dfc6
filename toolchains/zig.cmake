# What the toolchain files share: zig's clang with its own C and C++ libraries, from PyPI
# (pip install ziglang), so that no system package is needed. CMake runs it through the Python
# that has it: -DEDGECLF_PYTHON_WITH_ZIG=..., else python3.
#
# EDGECLF_STATIC=ON links everything in (musl): such programs run under qemu-user without a root
# file system. Otherwise they need the glibc that EDGECLF_GLIBC names, or a newer one.
set(EDGECLF_PYTHON_WITH_ZIG python3 CACHE STRING "A Python with the package ziglang")
set(EDGECLF_GLIBC 2.27 CACHE STRING "The oldest glibc that programs are to run with")
option(EDGECLF_STATIC "Link statically, with musl" OFF)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES
  EDGECLF_COMPILER EDGECLF_PYTHON_WITH_ZIG EDGECLF_GLIBC EDGECLF_STATIC)

string(REGEX MATCH "^([a-z0-9_]+)-linux-gnu([a-z]*)$" matched "${EDGECLF_TRIPLE}")
if(EDGECLF_STATIC)
  set(zig_target "${CMAKE_MATCH_1}-linux-musl${CMAKE_MATCH_2}")
else()
  set(zig_target "${EDGECLF_TRIPLE}.${EDGECLF_GLIBC}")
endif()

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_CXX_COMPILER "${EDGECLF_PYTHON_WITH_ZIG}" -m ziglang c++ -target ${zig_target}
  ${EDGECLF_ZIG_FLAGS})
# As whole commands: `zig ar` is two words.
set(zig_ar "\"${EDGECLF_PYTHON_WITH_ZIG}\" -m ziglang ar")
set(CMAKE_CXX_ARCHIVE_CREATE "${zig_ar} qc <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_APPEND "${zig_ar} q <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "${zig_ar} s <TARGET>")
set(CMAKE_STRIP true)
if(EDGECLF_STATIC)
  set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
endif()

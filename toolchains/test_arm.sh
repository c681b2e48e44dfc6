#!/usr/bin/env bash
# The core and its C++ tests for AArch64 and for ARMv7 with NEON: compiled by zig's clang (from PyPI,
# with its own C and C++ libraries), run by qemu-user. Nothing is installed on the machine: all of it
# goes to build/arm. Where one of the two cannot be had, says so and does nothing.
#
#   toolchains/test_arm.sh PYTHON        a Python of a virtual environment that has cmake and ninja
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$1")
tools=$(dirname "$python")
root=$PWD/build/arm
mkdir -p "$root"
# The first use compiles zig's C and C++ libraries: minutes, kept here.
export ZIG_GLOBAL_CACHE_DIR=$root/zig-cache ZIG_LOCAL_CACHE_DIR=$root/zig-cache

skip() {
  echo "test-arm: SKIPPED, nothing was checked on ARM: $1"
  exit 0
}

"$python" -m pip install --quiet --disable-pip-version-check 'ziglang>=0.15,<0.18' ||
  skip "ziglang cannot be installed from PyPI"

# qemu-user of this machine, or Debian's package without installing it.
PATH=$PATH:$root/qemu/usr/bin
if ! { command -v qemu-aarch64-static && command -v qemu-arm-static; } >"$root/qemu.log"; then
  (cd "$root" && apt-get download qemu-user-static && dpkg-deb -x qemu-user-static_*.deb qemu) \
    >"$root/qemu.log" 2>&1 || skip "no qemu-user-static here, and apt-get cannot download it"
fi

build() { # triple, emulator
  "$tools/cmake" -S . -B "$root/$1" -G Ninja -DCMAKE_MAKE_PROGRAM="$tools/ninja" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$PWD/toolchains/$1.cmake" \
    -DEDGECLF_PYTHON_WITH_ZIG="$python" -DEDGECLF_STATIC=ON -DEDGECLF_TESTS=ON \
    -DCMAKE_CROSSCOMPILING_EMULATOR="$2"
  "$tools/cmake" --build "$root/$1"
}

check() { # triple, processor
  echo "== $1 as a $2"
  QEMU_CPU=$2 "$tools/ctest" --test-dir "$root/$1" --output-on-failure
}

build aarch64-linux-gnu qemu-aarch64-static
check aarch64-linux-gnu cortex-a53
check aarch64-linux-gnu cortex-a72
check aarch64-linux-gnu cortex-a76
build arm-linux-gnueabihf qemu-arm-static
check arm-linux-gnueabihf cortex-a7

"""Compiles edgeclf._core for one target after another with zig's clang."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from interpreters import Interpreter
from tags import GLIBC, TARGETS, Target


def compile_module(source: Path, build: Path, target: Target, python: Interpreter) -> Path:
    """The stripped module for that target and Python, in `build`.

    `source` is an unpacked sdist. `build` may have served another Python for the same target:
    the core's objects, which know nothing of Python, are then kept.
    """
    import pybind11

    build.mkdir(parents=True, exist_ok=True)
    # CMake's memory of the last Python; the objects and what is known of the compiler stay.
    if (build / "CMakeCache.txt").exists():
        (build / "CMakeCache.txt").unlink()
    output = build / f"module-{python.version}"
    tools = Path(sys.executable).parent
    definitions = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_MAKE_PROGRAM": tools / "ninja",
        "CMAKE_TOOLCHAIN_FILE": source / "toolchains" / f"{target.triple}.cmake",
        "CMAKE_CXX_FLAGS": shlex.join(_compiler_flags(source, build, python)),
        "CMAKE_MODULE_LINKER_FLAGS": "-s -Wl,--build-id=sha1",
        "EDGECLF_PYTHON_WITH_ZIG": sys.executable,
        "EDGECLF_GLIBC": ".".join(map(str, GLIBC)),
        "EDGECLF_PYTHON": "ON",
        "EDGECLF_UNITY": "ON",
        "EDGECLF_MODULE_DIR": output,
        "Python_EXECUTABLE": python.path,
        "Python_INCLUDE_DIR": python.include,
        "pybind11_DIR": pybind11.get_cmake_dir(),
        "PYTHON_MODULE_EXTENSION": target.module_suffix(python.version),
        "PYTHON_MODULE_DEBUG_POSTFIX": "",
        # pybind11 would try them anew for each Python; the module has neither.
        "HAS_FLTO": "OFF",
        "HAS_FLTO_THIN": "OFF",
    }
    given = [f"-D{name}={value}" for name, value in definitions.items()]
    cmake = str(tools / "cmake")
    _run([cmake, "-S", str(source), "-B", str(build), "-G", "Ninja", *given], build)
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    _run([cmake, "--build", str(build), "--target", "_core", "--parallel", jobs], build)
    return output / f"_core{target.module_suffix(python.version)}"


def _compiler_flags(source: Path, build: Path, python: Interpreter) -> "list[str]":
    """No path of this machine may reach the module's bytes."""
    import pybind11

    folders = (source, build, Path(pybind11.get_include()))
    maps = [f"-ffile-prefix-map={folder}=." for folder in folders]
    configured = ["-include", str(source / "toolchains" / "wheels" / "target_pyconfig.h")]
    return [*maps, *multiarch_headers(python.include, build / "multiarch"), *configured]


def multiarch_headers(include: str, folder: Path) -> "list[str]":
    """Flags with which Debian's pyconfig.h is found, of which there is one for each processor.

    Its Python.h includes <aarch64-linux-gnu/python3.11/pyconfig.h>, in a folder that zig does not
    know, and that a machine has for its own processor alone: wheels are made on x86-64. That one
    serves all: what differs target_pyconfig.h puts right.
    """
    home = Path(include)
    own = home.parent / "x86_64-linux-gnu" / home.name / "pyconfig.h"
    if not own.exists():
        return []
    for target in TARGETS.values():
        copy = folder / target.triple / home.name
        copy.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own, copy / "pyconfig.h")
    return ["-isystem", str(folder)]


def _run(command: "list[str]", build: Path) -> None:
    """Runs it, its output in a log that is shown when it fails."""
    # The first use compiles zig's C and C++ libraries: minutes, kept there.
    cache = os.environ.get("ZIG_GLOBAL_CACHE_DIR", str(build.parent / "zig-cache"))
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    log = build / "log.txt"
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    if done.returncode:
        text = log.read_text(encoding="utf-8", errors="replace")
        sys.exit(f"{text[-6000:]}\nedgeclf: {command[0]} failed; all it said is in {log}")

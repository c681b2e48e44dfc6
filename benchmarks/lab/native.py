"""Compiles the C beside it at run time, with the system's compiler, and loads it."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import List

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "benchmarks"


def compiled(name: str, libraries: List[str]) -> Path:
    """The shared object of `name`.c, made anew where the source is newer."""
    source, target = HERE / f"{name}.c", BUILD / f"{name}.so"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        # Renamed into place: two processes may be compiling.
        scratch = BUILD / f"{name}.{os.getpid()}.so"
        command = [os.environ.get("CC", "cc"), "-O3", "-march=native", "-shared", "-fPIC"]
        subprocess.run([*command, "-o", str(scratch), str(source), *libraries], check=True)
        scratch.replace(target)
    return target


def load() -> ctypes.CDLL:
    library = ctypes.CDLL(str(compiled("native", [])))
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    library.read_segments.argtypes = [pointer, pointer, pointer, whole, ctypes.c_int32, pointer]
    library.read_segments.restype = whole
    library.calibrate.argtypes = [whole, pointer]
    library.calibrate.restype = whole
    return library


class Calibration:
    """Nanoseconds of a fixed chain of multiplications, about 100 us."""

    STEPS = 50_000

    def __init__(self) -> None:
        self._library = load()
        self._result = ctypes.c_uint64()
        self()
        state = 1
        for _ in range(self.STEPS):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        assert self._result.value == state, "the calibration kernel was not run as written"

    def __call__(self) -> int:
        return int(self._library.calibrate(self.STEPS, ctypes.byref(self._result)))

"""The CUDA kernel's source, as the module carries it, compiled by this machine's C++ compiler."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from edgeclf import _core
from edgeclf.preprocess import Preprocessor

CPP_TESTS = Path(__file__).resolve().parent.parent.parent / "cpp" / "tests"
BLOCK = (32, 8, 1)


@functools.lru_cache(maxsize=None)
def library():
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if not compiler:
        pytest.skip("no C++ compiler")
    folder = tempfile.TemporaryDirectory()
    source, built = Path(folder.name) / "kernel.cu", Path(folder.name) / "kernel.so"
    source.write_text(_core.cuda_source())
    subprocess.run(
        [compiler, "-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-Wno-pragmas",
         f'-DEDGECLF_CUDA_SOURCE="{source}"', f"-I{CPP_TESTS}",
         str(CPP_TESTS / "cuda_on_host.cpp"), "-o", str(built)],
        check=True,
    )  # fmt: skip
    loaded = ctypes.CDLL(str(built))
    folder.cleanup()
    return loaded


def launch(grid, block, arguments):
    """As a kernel of FakeCuda: one struct by value."""
    three = ctypes.c_uint * 3
    struct = arguments[0].tobytes()
    assert len(struct) == _core.CUDA_ARGUMENTS_SIZE
    library().edgeclf_launch(three(*grid), three(*block), struct)


def grid_for(spec):
    return (-(-spec.width // BLOCK[0]), -(-spec.height // BLOCK[1]), 1)


def framed(core, frame, region=None, degrees=0):
    """The frame as `_core.CudaPreprocessor` takes it."""
    part = (degrees // 90 % 4, *(region or (0, 0, frame.width, frame.height)))
    if frame.format == "gray16":
        return core.gray16(frame.data, *frame.window, *part)
    if isinstance(frame.data, tuple):
        size = frame.width, frame.height
        how = frame.color_matrix, frame.color_range
        return core.yuv(frame.data, frame.format, *size, *how, *part)
    return core.packed(frame.data, frame.format, *part)


def tensor(frame, spec, quantization=None, region=None, degrees=0):
    """The kernel's tensor of a host frame, through the staged copy."""
    Preprocessor(spec, quantization)  # refuses what it should
    bound = framed(_core.CudaPreprocessor(spec, quantization), frame, region, degrees)
    staged = np.zeros(max(bound.staged_bytes, 1), np.uint8)
    bound.stage(staged.ctypes.data, staged.nbytes)
    tables = np.frombuffer(bound.tables(), np.int32)
    out = np.zeros(spec.shape, spec.dtype)
    addresses = (memory.ctypes.data for memory in (tables, staged, out))
    launch(grid_for(spec), BLOCK, [np.frombuffer(bound.arguments(*addresses), np.uint8)])
    return out

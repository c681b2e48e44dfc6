"""EDGECLF_CPU: every instruction set gives the same bytes, and a wrong name is an error."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Optional

import pytest

from edgeclf import _core

_TENSORS = """
import hashlib, itertools, json
import numpy as np
from edgeclf import _core
from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

rng = np.random.default_rng(3)
LAYOUTS, DTYPES = ("nchw", "nhwc"), ("float32", "float16", "uint8", "int8")
FILTERS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "area")

def noise(*shape):
    if rng.random() < 0.5:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.choice(np.array([0, 255], np.uint8), shape)

def packed():
    yield from (noise(100, 150, 3), noise(97, 211, 4), noise(301, 67), noise(37, 61, 3))
    yield noise(83, 200, 3)[::-1, ::-1]

def yuv():
    for format in ("nv12", "nv21", "i420", "yv12", "yuyv", "uyvy"):
        for width, height in ((150, 100), (67, 201)):
            rows, columns = (height + 1) // 2, (width + 1) // 2
            interleaved = format in ("yuyv", "uyvy")
            size = 4 * columns * height if interleaved else width * height + 2 * rows * columns
            matrix = ("bt601", "bt709")[int(rng.integers(2))]
            yield Frame(noise(size), format, width=width, height=height, color_matrix=matrix)
    values = rng.integers(0, 65536, (90, 131), dtype=np.uint16)
    yield Frame(values, "gray16", window=(1000, 60000))

def digest(frames, exact, antialias):
    found = hashlib.sha256()
    for layout, dtype, filter in itertools.product(LAYOUTS, DTYPES, FILTERS):
        for mean, std in ((None, None), ((100.0, 127.5, 90.0), (50.0, 60.5, 127.5))):
            spec = InputSpec(61, 37, layout=layout, dtype=dtype, interpolation=filter, mean=mean,
                             std=std, antialias=antialias, exact=exact, resize_mode="stretch")
            preprocessor = Preprocessor(spec, Quantization(0.0187, 3))
            for frame in frames:
                found.update(preprocessor(frame).tobytes())
                part = preprocessor(frame, region_of_interest=(3, 5, 50, 31), rotation_degrees=90)
                found.update(part.tobytes())
    return found.hexdigest()

packed, yuv = list(packed()), list(yuv())
print(json.dumps({
    "set": _core.instruction_set(),
    "exact": digest(packed, None, True),
    "double": digest(packed, None, False),
    "fixed point": digest(packed, False, True),
    "fixed point, plain": digest(packed, False, False),
    "yuv": digest(yuv, None, True),
    "yuv, fixed point": digest(yuv, False, True),
    "yuv, plain": digest(yuv, False, False),
}))
"""


def _run(code: str, instruction_set: Optional[str]) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k != "EDGECLF_CPU"}
    if instruction_set is not None:
        environment["EDGECLF_CPU"] = instruction_set
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )


def test_every_instruction_set_gives_the_scalar_bytes() -> None:
    available = _core.available_instruction_sets()
    assert available[0] == "scalar"
    scalar = {}
    for name in available:
        done = _run(_TENSORS, name)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found.pop("set") == name
        scalar = scalar or found
        assert found == scalar, name


_KERNEL_NAMES = {
    "sse41": {"sse4_1"},
    "avx2": {"avx2"},
    "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi", "avx512_vnni"},
}


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not Path("/proc/cpuinfo").exists(),
    reason="the kernel of an x86 Linux names them",
)
def test_the_kernel_sees_the_same_instruction_sets() -> None:
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    assert found is not None
    flags = set(found.group(1).split())
    expected = [name for name, parts in _KERNEL_NAMES.items() if parts <= flags]
    assert _core.available_instruction_sets() == ["scalar", *expected]


def test_the_best_is_used_unless_told() -> None:
    for unset in (None, ""):
        done = _run("from edgeclf import _core; print(_core.instruction_set())", unset)
        assert done.stdout.split() == _core.available_instruction_sets()[-1:]


@pytest.mark.parametrize("name", ["fastest", "AVX2", "avx512f"])
def test_a_wrong_name_is_an_error(name: str) -> None:
    code = "import edgeclf; edgeclf.Preprocessor(edgeclf.InputSpec(width=8, height=8))"
    done = _run(code, name)
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("edgeclf.errors.ArgumentError: EDGECLF_CPU: expected one of scalar")
    assert message.endswith("got " + name)

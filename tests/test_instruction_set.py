"""EDGECLF_CPU: every instruction set gives the same bytes, and a wrong name is an error."""

from __future__ import annotations

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
import hashlib, sys
import numpy as np
import edgeclf
from edgeclf import _core
from edgeclf.spec import InputSpec

frames = np.random.default_rng(3)
digest = hashlib.sha256()
for layout in ("nchw", "nhwc"):
    for dtype, mean in (("float32", 0.5), ("float16", 0.5), ("uint8", None), ("int8", None)):
        for filter in ("nearest", "bilinear", "bicubic", "lanczos"):
            spec = InputSpec(
                width=61, height=37, layout=layout, dtype=dtype, interpolation=filter,
                antialias=True, resize_mode="stretch",
                mean=mean and (0.4, mean, 0.6), std=mean and (0.2, 0.3, mean),
                rescale_factor=1 / 255 if mean else 1.0,
            )
            preprocessor = edgeclf.Preprocessor(spec)
            for shape in ((100, 150, 3), (97, 211, 4), (301, 67), (37, 61, 3)):
                frame = frames.integers(0, 256, shape, dtype=np.uint8)
                digest.update(preprocessor(frame).tobytes())
print(_core.instruction_set(), digest.hexdigest())
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
    found = {}
    for name in available:
        done = _run(_TENSORS, name)
        assert done.returncode == 0, done.stderr
        used, found[name] = done.stdout.split()
        assert used == name
    assert len(set(found.values())) == 1, found


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

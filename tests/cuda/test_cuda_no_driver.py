"""Without a driver nothing crashes: in a process of its own, because a crash would end this one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from nvidia_packages import has_bindings

PROGRAM = """
import ctypes, sys
try:
    ctypes.CDLL("libcuda.so.1")
    print("has a driver")
    sys.exit()
except OSError:
    pass
from edgeclf.cuda import open_cuda
from edgeclf.errors import BackendUnavailable
for _ in range(2):
    try:
        open_cuda(0, {provider!r})
    except BackendUnavailable as exc:
        print("refused:", exc)
"""


@pytest.mark.parametrize("provider", [None, "cuda.bindings"])
def test_open_cuda_is_a_clear_error(provider):
    if provider and not has_bindings():
        pytest.skip("cuda-bindings is not installed")
    program = PROGRAM.format(provider=provider)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    if "has a driver" in run.stdout:
        pytest.skip("this machine has a driver")
    assert run.stdout.count("refused:") == 2
    assert "driver" in run.stdout


def test_importing_edgeclf_loads_no_cuda():
    program = (
        "import sys, edgeclf; sys.exit(any(n.startswith('edgeclf.cuda') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

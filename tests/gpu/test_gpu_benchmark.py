"""benchmarks/gpu.py, run small: every answer is right, and the result can be written. No time is
asserted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import any_device
import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import gpu

CASES = gpu.cases(width=334, height=270)


@pytest.fixture(params=any_device.PLACES)
def cuda(request):
    device = any_device.cuda_at(request.param)
    if request.param == "fake":
        device.kernels[gpu.FLOOR_NAME] = lambda grid, block, arguments: None
    return device


def bench_of(cuda, case):
    return gpu.Bench(cuda, case, count=4, image=b"cubin" if cuda.provider == "fake" else None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_every_answer_is_within_its_tolerance(cuda, case):
    bench = bench_of(cuda, case)
    errors = bench.check()
    assert set(errors) == {"edgeclf", "edgeclf, staged", "host"}
    if cuda.can_capture:
        assert bench.path.counts.captured == 1
    times = bench.measure(seconds=0, least=3)
    assert {len(seconds) for seconds in times.values()} == {3}
    found = json.loads(json.dumps(gpu.result_of(bench, errors, times)))
    assert found["staged_to_floor"] > 0
    assert found["microseconds"]["floor, plain"]["count"] == 3


def test_a_wrong_answer_is_refused_before_it_is_timed(cuda):
    bench = bench_of(cuda, CASES[0])
    right = bench.contenders[0]
    bench.contenders = [right._replace(answer=lambda: right.answer() + np.float32(0.01))]
    with pytest.raises(AssertionError, match="beyond"):
        bench.check()

"""The benchmarks of the hot path, run small: every answer is right, and the report can be written.

No time is asserted. Peers that are not installed are left out, as in a real run.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
if shutil.which("cc") is None:
    pytest.skip("the memory floor is compiled when it is measured", allow_module_level=True)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import cases
import cases_bgr
import cases_glue
import cases_jpeg
import cases_yuv
import hotpath
import targets
from lab import report
from lab.reference import Tolerance
from lab.timing import Timer


@pytest.fixture(scope="module")
def size():
    """Small, with sides that are no multiple of the tensor's."""
    return cases.Size("480p", 334, 270, cold_bytes=500_000)


BENCHES = {
    "bilinear 480p": cases_bgr.bilinear,
    "antialiased bilinear 480p": lambda size: cases_bgr.antialiased(size, "bilinear"),
    "antialiased bicubic 480p": lambda size: cases_bgr.antialiased(size, "bicubic"),
    "area 480p": cases_bgr.area,
    "uint8 480p": lambda size: cases_bgr.eight_bit(size, "uint8"),
    "int8 480p": lambda size: cases_bgr.eight_bit(size, "int8"),
    "nv12 bilinear 480p": lambda size: cases_yuv.yuv(size, "nv12", False),
    "nv12 antialiased 480p": lambda size: cases_yuv.yuv(size, "nv12", True),
    "yuyv bilinear 480p": lambda size: cases_yuv.yuv(size, "yuyv", False),
}


@pytest.mark.parametrize("key", BENCHES)
def test_every_contender_answers_within_its_tolerance(key, size):
    bench = BENCHES[key](size)
    assert bench.key == key
    errors = hotpath.check(bench)
    assert errors
    names = [entry.name for entry in bench.contenders]
    assert sum(name.startswith("floor") for name in names) == 2
    assert "edgeclf" in names or "no" in bench.note


def test_jpeg_contenders_answer_within_their_tolerance():
    bench = cases_jpeg.jpeg(width=640, height=480)
    errors = hotpath.check(bench)
    assert {"edgeclf", "edgeclf exact", "Pillow full", "cv2 full"} <= set(errors)


def test_a_wrong_answer_is_refused_before_it_is_timed(size):
    bench = cases_bgr.bilinear(size)
    right = bench.contenders[0].answer(0)
    wrong = right.copy()
    wrong[0, :, 100, 100] += 0.01
    tolerance = Tolerance("float64", 0.03)
    bench.references.check("right", right, tolerance)
    with pytest.raises(AssertionError, match="beyond"):
        bench.references.check("wrong", wrong, tolerance)
    with pytest.raises(AssertionError, match="beyond"):
        bench.references.check("swapped", right[:, ::-1], tolerance)


def test_a_run_gives_a_table_with_every_line_of_its_case(size):
    bench = cases_bgr.bilinear(size)
    result, _ = hotpath.run(bench, Timer(seconds=0, least=3, most=3))
    results = {
        "machine": {"cpu": "", "cores": 1, "system": "", "date": "", "git": "", "packages": {}},
        "noise": dict.fromkeys(
            ("median_us", "p10_us", "p90_us", "spread_percent", "load_before", "load_after"), 0
        ),
        "missing": cases.MISSING,
        "cases": {bench.key: result},
    }
    table = report.markdown(results, "name")
    for line in (line for line in targets.TABLE if line.case == bench.key):
        wanted = f">= {line.least:g}" if line.least else f"<= {line.most:g}" if line.most else ""
        assert any(bench.key in row and wanted in row for row in table.splitlines()), line


def test_ratios_are_read_the_right_way_round():
    rows = {
        "edgeclf": {"cold": {"median_us": 100.0}},
        "cv2 chain": {"cold": {"median_us": 1000.0}},
        "floor, plain": {"cold": {"median_us": 80.0}},
        "floor, prefetched": {"cold": {"median_us": 50.0}},
    }
    found = {line.target.against: line for line in targets.outcomes({"bilinear 480p": rows})}
    assert found["cv2 chain"].ratio == 10
    assert found["cv2 chain"].met
    assert found["floor*"].ratio == 2
    assert found["floor*"].met is False
    assert found["cv2 blob"].ratio is None
    assert found["cv2 blob"].met is None


def test_the_glue_answers_as_a_softmax_in_float64():
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    found = cases_glue.times(rounds=20)
    assert {"predict", "bound run", "session.run"} <= set(found)
    assert np.isfinite(cases_glue.page_faults(frames=3))

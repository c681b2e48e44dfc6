"""`make test-gpu` itself: a run without a device, and the file that one with a device writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import any_device
import pytest
import report

HERE = Path(__file__).resolve().parent

EXAMPLES = """
import pytest
pytestmark = pytest.mark.gpu

def test_right(record_property):
    record_property("engine_kind", "fake-on-cuda")
    record_property("largest_error_levels", 0.25)
    record_property("microseconds", {"p50": 1.0, "p95": 2.0, "p99": 3.0, "count": 10})

def test_wrong(record_property):
    record_property("engine_kind", "tensorrt")
    assert 1 == 2

def test_left_out():
    pytest.skip("torch is not installed")

@pytest.fixture
def broken():
    yield
    raise RuntimeError("left behind")

def test_ends_badly(broken):
    pass
"""

PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = [{here!r}, {cuda!r}]
import fake_device, on_gpu
on_gpu.device = fake_device.fake_cuda
sys.exit(on_gpu.main(["--results", {folder!r}, {test!r}, "-q", "-p", "no:cacheprovider"]))
"""


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    test = folder / "test_examples_of_results.py"
    test.write_text(EXAMPLES)
    cuda = str(HERE.parent / "cuda")
    names = {"here": str(HERE), "cuda": cuda, "folder": str(folder), "test": str(test)}
    ran = python("-c", PROGRAM.format(**names))
    assert ran.returncode == 1, ran.stdout + ran.stderr  # tests failed
    (path,) = folder.glob("gpu-fakecuda-*.json")
    return json.loads(path.read_text())


def outcome(document, name):
    (found,) = (test for key, test in document["tests"].items() if key.endswith(name))
    return found


def test_the_file_says_what_ran_where(document):
    device = document["device"]
    assert (device["name"], device["compute_capability"]) == ("FakeCuda", "8.7")
    assert (device["provider"], device["driver_cuda"]) == ("fake", "12.6")
    assert document["packages"]["numpy"]
    assert document["git"]
    assert document["engine_kind"] == "fake-on-cuda"  # tensorrt's test failed
    assert document["outcomes"] == {"passed": 1, "failed": 2, "skipped": 1}


def test_each_tests_outcome_and_facts_are_kept(document):
    right = outcome(document, "test_right")
    assert right["outcome"] == "passed"
    assert right["largest_error_levels"] == 0.25
    assert right["microseconds"]["p99"] == 3.0
    assert "assert 1 == 2" in outcome(document, "test_wrong")["error"]
    assert outcome(document, "test_left_out")["reason"].endswith("torch is not installed")
    assert "left behind" in outcome(document, "test_ends_badly")["error"]


def test_without_a_device_all_is_skipped_and_nothing_fails(tmp_path):
    if any_device.has_gpu():
        pytest.skip("this machine has a GPU")
    test = tmp_path / "test_one.py"
    test.write_text(
        "import pytest, any_device\n\n@pytest.mark.gpu\ndef test_it(): any_device.real_cuda()\n"
    )
    path = f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent / 'cuda')!r}]"
    arguments = ["--results", str(tmp_path), str(test), "-q", "-p", "no:cacheprovider"]
    ran = python("-c", f"{path}; import on_gpu; sys.exit(on_gpu.main({arguments!r}))")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = [line for line in ran.stdout.splitlines() if line.startswith("No GPU here")]
    assert len(told) == 1
    assert "no GPU here: " in ran.stdout  # pytest's own line: the skipped test's reason
    assert "1 skipped" in ran.stdout
    assert not list(tmp_path.glob("*.json"))


def test_without_a_file_named_the_devices_tests_are_collected():
    import on_gpu

    assert on_gpu.folders_for([__file__ + "::test_one"]) == []
    folders = on_gpu.folders_for(["-q", "-p", "no:cacheprovider", "-k", "kernel"])
    assert [Path(folder).name for folder in folders] == ["cuda", "gpu"]


def test_percentiles_are_microseconds():
    found = report.percentiles([n / 1e6 for n in range(1, 102)])
    assert found == pytest.approx({"p50": 51, "p95": 96, "p99": 100, "count": 101})

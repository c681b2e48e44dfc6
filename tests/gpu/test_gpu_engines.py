"""Whether TensorRT runs its own engines on this device, TensorRT for RTX release by release, and if
one does, the whole conformance suite on it.

EDGECLF_TEST_RTX_SITES names folders with the unpacked wheels of one release of TensorRT for RTX
each (a list as PATH is one); without it, what is installed is asked. Where a folder holds
`tiny.engine`, built elsewhere with the same release, that one is loaded
(`python tests/gpu/own_engine.py FOLDER FOLDER/tiny.engine` makes it without a GPU).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import any_device
import backend_cases
import numpy as np
import pytest
import real_engine
from backend_cases import install_tensorrt, remove_tensorrt
from fake_tensorrt_engines import answers, batches, engine
from host_computes import HostComputes

HERE = Path(__file__).resolve().parent
SITES = [s for s in os.environ.get("EDGECLF_TEST_RTX_SITES", "").split(os.pathsep) if s] or [""]


def steps_of(site, path):
    """What own_engine.py told, by step; a process that died is a failure that names the last."""
    pytest.importorskip("onnx")
    program = [sys.executable, str(HERE / "own_engine.py"), site, str(path)]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=900)
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"step"')]
    last = lines[-1]["step"] if lines else "nothing"
    assert ran.returncode == 0, f"exit status {ran.returncode} after {last}: {ran.stderr[-1500:]}"
    steps = {line["step"]: line for line in lines}
    if "missing" in steps:
        pytest.skip(f"{site or 'here'}: {steps['missing']['error']}")
    return steps


@pytest.mark.gpu
@pytest.mark.parametrize("site", SITES, ids=lambda site: Path(site).name or "installed")
def test_a_release_runs_its_own_engine(site, tmp_path, record_property):
    any_device.real_cuda()
    path = tmp_path / "tiny.engine"
    if site and (Path(site) / path.name).exists():
        shutil.copy(Path(site) / path.name, path)
    steps = steps_of(site, path)
    facts = steps["imported"]
    record_property("release", "{kind} {version}".format(**facts))
    if "refused" in steps:
        record_property("refused", steps["refused"]["error"])
        pytest.skip(f"it does not load here: {steps['refused']['error']}")
    assert steps["answered"]["difference"] < 1e-3
    assert "closed" in steps
    record_property("largest_score_difference", steps["answered"]["difference"])
    record_property("engine_kind", facts["kind"])
    if facts["named_tensors"]:
        record_property("conformance", conformance(site, path))
    else:
        record_property("conformance", "not run: its oracle needs TensorRT 8.5 or later")


def conformance(site, path):
    """The suite on that engine, in a process that has that release alone; its last line."""
    root = HERE.parents[1]
    places = [site, str(root), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(place for place in places if place),
        real_engine.VARIABLE: str(path),
    }
    suite = str(root / "tests" / "backends" / "test_backends_conformance.py")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", suite],
        capture_output=True, text=True, timeout=900, env=environment, cwd=str(root),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    return ran.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("site", SITES, ids=lambda site: Path(site).name or "installed")
def test_without_a_device_it_is_built_and_refused_in_words(site, tmp_path):
    if any_device.has_gpu():
        pytest.skip("this machine has a GPU")
    steps = steps_of(site, tmp_path / "tiny.engine")
    assert list(steps) == ["imported", "built", "refused"]
    assert steps["refused"]["kind"] == "BackendUnavailable"
    assert "driver" in steps["refused"]["error"] or "binding" in steps["refused"]["error"]
    assert (tmp_path / "tiny.engine").stat().st_size > 1000


def test_the_oracle_of_the_engine_is_its_model():
    """own_engine.expected against ONNX Runtime."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from build_models import run, tiny_graph
    from own_engine import expected

    tensor = np.random.RandomState(3).normal(size=(2, 3, 16, 16)).astype(np.float32)
    np.testing.assert_allclose(expected(tensor), run(tiny_graph(), tensor)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("place", any_device.PLACES)
def test_the_vendors_interface_called_directly(place, monkeypatch):
    """real_engine, the oracle of the conformance suite on a device, over a fake engine."""
    cuda = HostComputes(any_device.cuda_at(place))
    made = engine(profiles=batches((1, 1, 4)))
    try:
        state = install_tensorrt("RTX 1.7", cuda)
        plan = state.plan(made)
        monkeypatch.setattr(backend_cases, "open_cuda", lambda index: cuda)
        raw = backend_cases.raw_real(plan)
        assert raw.input == ("pixels", (None, 3, 6, 5), "float32", (0.0, 0))
        assert raw.outputs == (("scores", (None, 7), "float32", (0.0, 0)),)
        tensor = np.random.RandomState(0).normal(size=(2, 3, 6, 5)).astype(np.float32)
        (got,) = raw.run(tensor)
        assert got.tobytes() == answers(made, tensor)[0].tobytes()
    finally:
        remove_tensorrt()

"""Damaged models, forks and long runs: in processes of their own, where a crash is seen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator

import numpy as np
import pytest
from backend_cases import CASES, Case, remove_tensorrt

from edgeclf.backends import load_backend
from edgeclf.errors import BackendError
from edgeclf.model_file import ModelFile

BY_NAME = {case.name: case for case in CASES}
NAMES = (
    "onnx float", "tflite float", "tflite int8", "tensorrt 8.2 open batch", "tensorrt 10.3 float",
)  # fmt: skip
ONE_EACH = [BY_NAME[name] for name in NAMES]
CUTS = 60

# Loads and runs the first n bytes of a model for every n it is given, each time in a fork, so
# that a crash costs one cut; says how each ended.
TRUNCATIONS = """
import json, os, sys
from backend_cases import CASES
from edgeclf.backends import load_backend as load
from edgeclf.errors import EdgeclfError
from edgeclf.model_file import ModelFile
content, cuts = open(sys.argv[1], 'rb').read(), json.loads(sys.argv[3])
options, _ = next(case for case in CASES if case.name == sys.argv[2]).prepare()
def load_backend(model):
    return load(model, backend_options=options)
try:  # the runtime is imported here, before the forks
    load_backend(ModelFile(content[: len(content) // 2]))
except EdgeclfError:
    pass
endings = {}
for cut in cuts:
    child = os.fork()
    if not child:
        code = 3
        try:
            load_backend(ModelFile(content[:cut])).new_request().infer()
            code = 0
        except EdgeclfError:
            code = 1
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    endings[cut] = 'signal %d' % (status & 127) if status & 127 else str(status >> 8)
print(json.dumps(endings))
"""

# The growth of resident memory over `rounds` blocks of infers, in bytes for each infer. The
# first block warms up; `leak` keeps a copy of each output, as the control does.
GROWTH = """
import sys
from backend_cases import CASES
from edgeclf.backends import load_backend
from edgeclf.model_file import ModelFile
import numpy as np
options, _ = next(case for case in CASES if case.name == sys.argv[2]).prepare()
def resident():
    with open('/proc/self/statm') as f:
        return int(f.read().split()[1]) * 4096
backend = load_backend(ModelFile(sys.argv[1]), num_threads=1, backend_options=options)
request = backend.new_request()
leak, kept = sys.argv[3] == 'leak', []
def block(infers):
    for _ in range(infers):
        request.input[...] = 1
        answer = request.infer()
        if leak:
            kept.append(np.full(256, answer[0].ravel()[0], np.float32))
block(2000)
before = resident()
block(10000)
print((resident() - before) / 10000)
"""


@pytest.fixture(params=ONE_EACH, ids=lambda case: case.name.replace(" ", "-"))
def case(request: Any) -> Iterator[Case]:
    request.param.prepare()  # skips the test where its runtime is missing
    yield request.param
    remove_tensorrt()


@pytest.fixture
def path(case: Case, tmp_path: Path) -> Path:
    file = tmp_path / ("model" + case.suffix)
    file.write_bytes(case.model())
    return file


def python(code: str, *arguments: str) -> str:
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parents[1]), str(here)])}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode()


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
def test_truncated_models_end_in_a_typed_error(case: Case, path: Path) -> None:
    """Cut at every part of the file. Code 1: a typed error; 0: it still ran, which a cut in
    padding at the end allows; anything else is a crash or an error that is not ours."""
    size = path.stat().st_size
    cuts = sorted({*range(0, size, max(1, size // CUTS)), *range(size - 16, size)})
    said = python(TRUNCATIONS, str(path), case.name, json.dumps(cuts))
    endings: Dict[str, str] = json.loads(said)
    bad = {cut: end for cut, end in endings.items() if end not in ("0", "1")}
    assert not bad
    accepted = [int(cut) for cut, end in endings.items() if end == "0"]
    assert len(endings) == len(cuts)
    assert all(cut > size // 2 for cut in accepted)


@needs_fork
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("use", ["infer", "new_request", "placement"])
def test_a_forked_child_gets_an_error_and_the_parent_goes_on(
    case: Case, path: Path, use: str
) -> None:
    options, _ = case.prepare()
    backend = load_backend(ModelFile(path), backend_options=options)
    request = backend.new_request()
    expected = request.infer()[0].copy()
    uses = {
        "infer": request.infer,
        "new_request": backend.new_request,
        "placement": lambda: backend.placement,
    }
    child = os.fork()
    if not child:
        code = 3
        try:
            uses[use]()
        except BackendError as exc:
            code = 1 if "in the child" in str(exc) else 2
        finally:
            os._exit(code)
    assert _ended(child) == 1
    np.testing.assert_array_equal(request.infer()[0], expected)


def _ended(child: int) -> int:
    """The exit code of `child`, which is ended when it hangs."""
    for _ in range(600):
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return -(status & 127) or status >> 8
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGKILL


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow(case: Case, path: Path) -> None:
    """An infer leaves nothing behind, beside a control that keeps 1 KiB of each."""
    if case.name == "tensorrt 8.2 open batch":
        pytest.skip("the fakes are slow, and one of them is enough")
    growth = float(python(GROWTH, str(path), case.name, "no"))
    control = float(python(GROWTH, str(path), case.name, "leak"))
    assert control > 800
    assert growth < 50

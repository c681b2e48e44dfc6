"""What the tests of building share: models as files, and TensorRT for RTX where it is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "backends"))  # the runtimes' fakes


@pytest.fixture(scope="session")
def rtx() -> Any:
    """TensorRT for RTX, which builds engines without a GPU."""
    from edgeclf.backends.tensorrt_modules import find_modules, import_module

    for found in find_modules():
        if found.kind == "tensorrt-rtx":
            return import_module(found)
    return pytest.skip("tensorrt-rtx-cu13-bindings and -libs are not installed")


@pytest.fixture(scope="session")
def default_model() -> Path:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from edgeclf.models import DEFAULT_ONNX

    return DEFAULT_ONNX


@pytest.fixture(scope="session")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MobileNetV3-Small as a float32 file, without a word about its spec."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from mobilenet_v3 import write

    return write(tmp_path_factory.mktemp("mobilenet") / "mobilenet_v3_small.onnx")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution, a mean and a dense layer: float32 (batch, 3, 16, 16) to 4 softmax scores."""
    pytest.importorskip("onnx")
    from build_models import tiny_classifier

    return tiny_classifier(tmp_path_factory.mktemp("tiny") / "tiny.onnx")


@pytest.fixture(scope="session")
def noise() -> "list[np.ndarray]":
    """A few frames of coloured noise."""
    random = np.random.RandomState(5)
    return [random.randint(0, 256, (20, 30, 3)).astype(np.uint8) for _ in range(6)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's cache; where its engines are."""
    monkeypatch.setenv("EDGECLF_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def cuda():
    from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda

    device = FakeCuda(FAKE_FACTS._replace(memory_bytes=8 * 2**30, integrated=False))
    yield device
    device.check()  # nothing is left behind, whatever a test did


@pytest.fixture
def build(cuda, tmp_path):
    """build(version or module, **arguments): the report."""
    pytest.importorskip("onnx")
    from build_models import TINY_SPEC, tiny_classifier

    from edgeclf.build import build_engine

    tiny_classifier(tmp_path / "tiny.onnx")

    def call(module: Any, model: Any = tmp_path / "tiny.onnx", **arguments: Any) -> Any:
        if model == tmp_path / "tiny.onnx":
            arguments.setdefault("spec", TINY_SPEC)
        arguments = {"cuda": cuda, "check": False, "timing_cache": False, **arguments}
        return build_engine(model, tmp_path / "out.engine", module=module, **arguments)

    return call

"""With a device, it is the engine itself that is compared with the original: over fakes of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import fake_tensorrt as runtimes
from build_models import model_of, node
from fake_builders import fake_builder
from fake_tensorrt_engines import batches, engine
from onnx import save

from edgeclf import Classifier
from edgeclf.backends.tensorrt import TensorRTBackend
from edgeclf.build import build_engine, engine_for
from edgeclf.build.on_load import load_built
from edgeclf.errors import ArgumentError, BackendError, ModelError
from edgeclf.model_file import ModelFile

ITEM, CLASSES = (3, 6, 5), 7
SPEC = {
    "resize_mode": "stretch",
    "interpolation": "bilinear",
    "rescale_factor": 1 / 255,
    "mean": [0.5],
    "std": [0.5],
    "activation": "softmax",
}
VERSIONS = {"8.2": "8.2.1.8", "8.6": "8.6.1.6", "10.3": "10.3.0.26", "11.4": "11.4.0.1"}


@pytest.fixture
def model(tmp_path):
    """The matrix that the fake runtime multiplies with, written down as ONNX."""
    weights = np.random.RandomState(0).normal(size=(90, CLASSES))
    nodes = [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "w"], ["scores"])]
    path = tmp_path / "linear.onnx"
    constants = {"w": weights.astype(np.float32)}
    save(model_of(nodes, constants, ["batch", *ITEM], ("scores",), classes=CLASSES), str(path))
    return path


@pytest.fixture
def toolchain(cuda):
    """A module with a runtime and a builder, whose plans are engines that the runtime runs."""

    def make(name: str, batch: Any = (1, 1, 4), **content: Any) -> Any:
        version = VERSIONS[name]
        module, state = runtimes.fake_module(runtimes.BY_NAME[name], cuda)
        builder, fake = fake_builder(version)
        for attribute, value in vars(builder).items():
            if not hasattr(module, attribute) or attribute in ("Builder", "DataType"):
                setattr(module, attribute, value)
        profiles = batches(batch, item=ITEM)
        fake.plan = state.plan(engine(item=ITEM, profiles=profiles, **content))
        return module

    return make


@pytest.mark.parametrize("name", VERSIONS)
def test_the_engine_is_asked(name, model, toolchain, cuda, tmp_path, noise):
    report = build_engine(
        model, tmp_path / "x.engine", module=toolchain(name), cuda=cuda, spec=SPEC,
        batch=(1, 1, 4), calibrate=noise, timing_cache=False,
    )  # fmt: skip
    check = report.check
    assert (check.compared, check.reason) == ("engine", "")
    assert (check.pictures, check.same_class, check.passed) == (6, 6, True)
    assert check.largest_difference < 1e-5


def test_an_engine_that_answers_otherwise_is_not_written(model, toolchain, cuda, tmp_path):
    # The runtime multiplies with another matrix than the model's.
    module = toolchain("10.3")
    weights = np.random.RandomState(1).normal(size=(90, CLASSES)).astype(np.float32)
    nodes = [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "w"], ["scores"])]
    other = model_of(nodes, {"w": weights}, ["batch", *ITEM], ("scores",), classes=CLASSES)
    save(other, str(model))
    with pytest.raises(ModelError, match="the engine agrees with the original on"):
        build_engine(
            model, tmp_path / "x.engine", module=module, cuda=cuda, spec=SPEC, batch=(1, 1, 4),
            timing_cache=False,
        )  # fmt: skip
    assert not (tmp_path / "x.engine").exists()


def test_from_the_onnx_file_to_a_prediction(model, toolchain, cuda, noise):
    module = toolchain("10.3")
    labels = [f"class {n}" for n in range(CLASSES)]
    kept = engine_for(
        ModelFile(model), module=module, cuda=cuda, spec=SPEC, labels=labels, batch=(1, 1, 4)
    )
    backend = TensorRTBackend(kept, backend_options={"cuda": cuda, "api_module": module})
    told = {"spec": SPEC, "labels": labels}
    with Classifier(model, **told) as original, Classifier(backend=backend, **told) as built:
        for frame in noise:
            ours, theirs = built.predict(frame), original.predict(frame)
            assert ours.label == theirs.label
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)


def _options(cuda, module, **build: Any) -> Any:
    return {"cuda": cuda, "api_module": module, "build": {"batch": (1, 1, 4), **build}}


def test_loading_an_onnx_file_builds_its_engine(model, toolchain, cuda, noise, own_cache):
    module = toolchain("10.3")
    for _ in range(2):
        options = _options(cuda, module, precision="fp32")
        loaded = load_built(ModelFile(model), TensorRTBackend, backend_options=options, spec=SPEC)
        with Classifier(backend=loaded, spec=SPEC) as built, Classifier(model, spec=SPEC) as wanted:
            scores = built.predict(noise[0]).scores
            np.testing.assert_allclose(scores, wanted.predict(noise[0]).scores, atol=1e-5)
    assert len(list(own_cache.glob("*.engine"))) == 1


def test_loading_with_a_fallback_does_not_wait(model, toolchain, cuda, noise):
    options = _options(cuda, toolchain("10.3"), fallback="onnxruntime")
    loaded = load_built(ModelFile(model), TensorRTBackend, backend_options=options, spec=SPEC)
    with Classifier(backend=loaded, spec=SPEC) as built:
        first = built.predict(noise[0])
        assert loaded.wait(60)
        assert built.predict(noise[0]).label == first.label
        assert built.backend.runtime.startswith("tensorrt")
        assert "tensorrt" not in [p.unit for p in built.placement if "until then" in p.reason]


@pytest.mark.parametrize("build", [{"precission": "fp16"}, "fp16"])
def test_build_options_that_are_none(build, model):
    with pytest.raises(ArgumentError, match="build"):
        load_built(ModelFile(model), TensorRTBackend, backend_options={"build": build})


@pytest.mark.parametrize("fails", [False, True])
def test_the_builder_works_and_goes_on_the_gpu_that_was_named(fails, cuda, build):
    """A builder takes the GPU that is current: its every call, and its end, are within it."""
    module, fake = fake_builder("10.3.0.26")
    seen, make, fake.fails = [], module.Builder, fails

    class Builder:
        def __init__(self, logger):
            seen.append(cuda.is_current)
            self._real = make(logger)

        def __getattr__(self, name):
            seen.append(cuda.is_current)
            return getattr(self._real, name)

        def __del__(self):
            seen.append(cuda.is_current)
            seen.append("gone")

    module.Builder = Builder
    if fails:
        with pytest.raises(BackendError):
            build(module)
    else:
        build(module)
    assert seen[-1] == "gone"
    assert len(seen) > 4
    assert all(seen)


@pytest.mark.parametrize("batch", [(2, 2, 4), (3, 4, 8)])
def test_an_engine_that_takes_no_single_frame_is_asked_too(batch, model, toolchain, cuda, tmp_path):
    report = build_engine(
        model, tmp_path / "x.engine", module=toolchain("10.3", batch), cuda=cuda, spec=SPEC,
        batch=batch, timing_cache=False,
    )  # fmt: skip
    assert (report.check.compared, report.check.passed) == ("engine", True)
    assert report.check.largest_difference < 1e-5

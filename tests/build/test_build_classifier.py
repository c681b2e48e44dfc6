"""``Classifier("x.onnx", backend="tensorrt")`` as a whole, over fakes of builder and runtime."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import fake_tensorrt as runtimes
from build_models import model_of, node
from fake_builders import fake_builder
from fake_tensorrt_engines import batches, engine
from onnx import TensorProto, save

from edgeclf import Classifier, backends
from edgeclf.errors import ArgumentError, BackendUnavailable, ModelError

ITEM, CLASSES = (3, 6, 5), 7
PLAIN = {"resize_mode": "stretch", "interpolation": "bilinear", "activation": "softmax"}
SCALED = {**PLAIN, "rescale_factor": 1 / 255, "mean": [0.5], "std": [0.5]}
VERSIONS = {"8.2": "8.2.1.8", "8.6": "8.6.1.6", "10.3": "10.3.0.26"}


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(backends, "_missing", lambda row: "")


@pytest.fixture
def linear(tmp_path):
    """linear(dtype): the matrix that the fake runtime multiplies with, as ONNX."""

    def make(dtype: str = "float32") -> Any:
        weights = np.random.RandomState(0).normal(size=(90, CLASSES)).astype(np.float32)
        nodes = [
            node("Cast", ["x"], ["c"], to=TensorProto.FLOAT),
            node("Flatten", ["c"], ["f"]),
            node("MatMul", ["f", "w"], ["scores"]),
        ]
        model = model_of(nodes, {"w": weights}, ["batch", *ITEM], ("scores",), classes=CLASSES)
        kind = getattr(TensorProto, dtype.upper().replace("FLOAT32", "FLOAT"))
        model.graph.input[0].type.tensor_type.elem_type = kind
        path = tmp_path / f"{dtype}.onnx"
        save(model, str(path))
        return path

    return make


@pytest.fixture
def options(cuda):
    """options(version, batch, engine's facts, **build): backend_options with fakes of `version`."""

    def make(name: str = "10.3", batch: Any = (1, 1, 4), of: Any = None, **build: Any) -> Any:
        module, state = runtimes.fake_module(runtimes.BY_NAME[name], cuda)
        builder, fake = fake_builder(VERSIONS[name])
        for attribute, value in vars(builder).items():
            if not hasattr(module, attribute) or attribute in ("Builder", "DataType"):
                setattr(module, attribute, value)
        # A range of one size closes the dimension.
        profiles = batches(batch, item=ITEM) if batch and batch[0] < batch[2] else ()
        facts = {"item": ITEM, "profiles": profiles, **(of or {})}
        fake.plan = state.plan(engine(**facts))
        return {"cuda": cuda, "api_module": module, "build": {"batch": batch, **build}}

    return make


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_an_engine_with_another_input_than_its_model(dtype, linear, options, noise):
    """8.2 takes neither int8 nor uint8 codes: its engine's input is float32."""
    model = linear(dtype)
    with Classifier(model, spec=PLAIN) as original, Classifier(
        model, spec=PLAIN, backend="tensorrt", backend_options=options("8.2")
    ) as built:
        assert built.backend.input.dtype == "float32"
        assert original.backend.input.dtype == dtype
        for frame in noise:
            wanted = original.predict(frame).scores
            np.testing.assert_allclose(built.predict(frame).scores, wanted, atol=1e-5)


def test_the_built_in_model_is_loaded_and_has_its_labels(default_model, options):
    shape = {"item": (3, 224, 224), "outputs": (("scores", 1000, "float32"),)}
    given = options("8.2", None, of=shape, check=False)
    with Classifier(default_model) as original, Classifier(
        default_model, backend="tensorrt", backend_options=given
    ) as built:
        assert built.backend.input.dtype == "float32"
        assert original.backend.input.dtype == "uint8"
        assert built.labels == original.labels
        assert built.predict(np.zeros((9, 9, 3), np.uint8)).scores.shape == (1000,)


@pytest.mark.parametrize(("dtype", "name"), [("int8", "10.3"), ("uint8", "8.2")])
def test_a_fallback_needs_an_engine_with_its_own_input(dtype, name, linear, options):
    with pytest.raises(ArgumentError, match=f"{dtype} input.*float32 instead.*fallback out"):
        Classifier(
            linear(dtype),
            spec=PLAIN,
            backend="tensorrt",
            backend_options=options(name, fallback="onnxruntime"),
        )


@pytest.mark.parametrize("largest", [1, 4])
def test_a_list_of_frames_before_and_after_the_engine_takes_over(largest, linear, options, noise):
    frames = [noise[n % len(noise)] for n in range(9)]
    given = options(batch=(1, 1, largest), fallback="onnxruntime")
    with Classifier(linear(), spec=SCALED, backend="tensorrt", backend_options=given) as classifier:
        before = classifier.predict_batch(frames)
        assert classifier.backend.wait(60)
        assert classifier.backend.runtime.startswith("tensorrt")
        assert classifier.backend.max_batch == largest
        after = classifier.predict_batch(frames)
        for ours, theirs in zip(before, after):
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
        assert classifier.preprocess == "host"


def test_a_fallback_and_the_gpu_s_own_preprocessing(linear, options, caplog):
    with caplog.at_level(logging.INFO, "edgeclf"), pytest.raises(
        BackendUnavailable, match=r"with a fallback, .* on the host.*or the fallback"
    ):
        Classifier(
            linear(),
            spec=SCALED,
            preprocess="cuda",
            backend="tensorrt",
            backend_options=options(fallback="onnxruntime"),
        )


def test_the_precision_that_is_asked_for_is_built(linear, options):
    with Classifier(
        linear(), spec=SCALED, backend="tensorrt", precision="fp16",
        backend_options=options("8.6"),
    ) as built:  # fmt: skip
        assert built.backend.manifest.graph.precision == "fp16"
    with Classifier(
        linear(), spec=SCALED, backend="tensorrt", backend_options=options("8.6")
    ) as built:
        assert built.backend.manifest.graph.precision == "fp32"


@pytest.mark.parametrize("more", [{}, {"fallback": "onnxruntime"}])
def test_two_precisions_are_refused_before_anything_is_built(more, linear, options, own_cache):
    given = options("8.6", precision="fp16", **more)
    with pytest.raises(BackendUnavailable, match=r"'fp32' was asked for.*says 'fp16'"):
        Classifier(
            linear(), spec=SCALED, backend="tensorrt", precision="fp32", backend_options=given
        )
    assert not own_cache.exists()


def test_a_version_compatible_engine_carries_code_that_this_user_built(linear, options, noise):
    given = options("8.6", of={"host_code": True}, version_compatible=True)
    with Classifier(linear(), spec=SCALED, backend="tensorrt", backend_options=given) as built:
        assert len(built.predict(noise[0]).scores) == CLASSES
    refused = {**options("8.6", (1, 2, 4), {"host_code": True}, version_compatible=True)}
    refused["engine_host_code_allowed"] = False
    with pytest.raises(ModelError, match="engine_host_code_allowed"):
        Classifier(linear(), spec=SCALED, backend="tensorrt", backend_options=refused)

"""ONNX Runtime answers while TensorRT builds: the whole way, with a recording builder."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from build_models import TINY_LABELS, TINY_SPEC, frames, tiny_classifier
from fake_builders import fake_builder

from edgeclf import Classifier
from edgeclf.backends import load_backend
from edgeclf.backends.fake import FakeBackend
from edgeclf.build import serve_while_building
from edgeclf.errors import BackendError
from edgeclf.model_file import ModelFile
from edgeclf.types import TensorInfo

SPEC = {**TINY_SPEC, "labels": TINY_LABELS, "activation": "none"}


def _served(tmp_path, cuda, module, load):
    model = ModelFile(tiny_classifier(tmp_path / "tiny.onnx"))
    fallback = load_backend(model, "onnxruntime")
    return serve_while_building(
        model, fallback, load, module=module, cuda=cuda, spec=TINY_SPEC, check=False
    )


def _engine_backend(engine, answer=((0, 0, 0, 1),)):
    assert engine.format == "engine"
    shape = (None, 3, 16, 16)
    return FakeBackend(
        TensorInfo("x", shape, "float32"),
        [TensorInfo("y", (None, 4), "float32")],
        answer=answer if callable(answer) else np.array(answer, np.float32),
    )


def test_first_one_then_the_other(tmp_path, cuda):
    module, _ = fake_builder("10.3.0.26")
    may_load = threading.Event()

    def load(engine):
        may_load.wait(30)
        return _engine_backend(engine)

    backend = _served(tmp_path, cuda, module, load)
    frame = frames(1)[0]
    with Classifier(spec=SPEC, backend=backend) as classifier:
        first = classifier.predict(frame)
        assert 0.01 < first.scores.max() < 0.999  # ONNX Runtime's
        assert classifier.placement[-1].reason.startswith("being built; until then onnxruntime")
        assert "onnxruntime" in repr(classifier)
        may_load.set()
        assert backend.wait(30)
        assert classifier.predict(frame).label == TINY_LABELS[3]
        assert classifier.predict(frame).score == 1.0
        assert "tensorrt" not in [p.unit for p in classifier.placement]


def test_an_engine_for_more_frames_takes_over(tmp_path, cuda):
    sizes = []

    def answer(tensor):
        sizes.append(len(tensor))
        return np.array([[0, 0, 0, 1]], np.float32)

    def load(engine):
        backend = _engine_backend(engine, answer)
        backend.min_batch = 3
        return backend

    module, _ = fake_builder("10.3.0.26")
    backend = _served(tmp_path, cuda, module, load)
    with Classifier(spec=SPEC, backend=backend) as classifier:
        assert backend.wait(30)
        assert classifier.predict(frames(1)[0]).label == TINY_LABELS[3]
    assert set(sizes) == {3}  # filled up


def test_a_build_that_fails_is_said_and_served(tmp_path, cuda):
    module, fake = fake_builder("10.3.0.26")
    fake.fails, fake.log = True, ("no kernel for it",)
    backend = _served(tmp_path, cuda, module, _engine_backend)
    with Classifier(spec=SPEC, backend=backend) as classifier:
        assert backend.wait(30)
        assert classifier.predict(frames(1)[0]).categories
        assert "no kernel for it" in classifier.placement[-1].reason


def test_closing_stops_the_vendor_s_builder(tmp_path, cuda):
    module, fake = fake_builder("10.3.0.26")
    fake.phases = (("Timing", 10**9),)  # for ever, unless it is told to stop
    backend = _served(tmp_path, cuda, module, _engine_backend)
    while not fake.named("create_network"):
        pass
    backend.close()
    assert backend.wait(10)
    with pytest.raises(BackendError, match="closed"):
        backend.new_request()

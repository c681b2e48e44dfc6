"""A fallback answers while a backend is built; then the other one does, without a frame lost."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from edgeclf import Classifier
from edgeclf.backends import building
from edgeclf.backends.building import BuildingBackend
from edgeclf.backends.fake import FakeBackend
from edgeclf.errors import BackendError, InferenceError
from edgeclf.types import Quantization, TensorInfo

INPUT = TensorInfo("x", (None, 3, 4, 4), "float32")
SCORES = TensorInfo("scores", (None, 3), "float32")
SPEC = {
    "resize_mode": "stretch", "interpolation": "bilinear", "width": 4, "height": 4,
    "activation": "none", "mean": None, "std": None,
}  # fmt: skip
FRAME = np.zeros((4, 4, 3), np.uint8)


def fake(index: int, input: TensorInfo = INPUT, outputs: Any = (SCORES,), **more: Any) -> Any:
    """A backend whose best class is `index`."""
    return FakeBackend(
        input, outputs, answer=np.eye(3, dtype=np.float32)[index : index + 1], **more
    )


class Build:
    """A build that is over when the test says so."""

    def __init__(self, result: Any):
        self.result, self.may_end, self.asked = result, threading.Event(), []

    def __call__(self, go_on: Any) -> Any:
        while not self.may_end.wait(0.005):
            self.asked.append(go_on())
            if not self.asked[-1]:
                raise BackendError("told to stop")
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.fixture
def started():
    made = []

    def start(result: Any, fallback: Any = None) -> "tuple[BuildingBackend, Build]":
        build = Build(result)
        backend = BuildingBackend("tensorrt", "m.onnx", fallback or fake(0), build)
        made.append(backend)
        return backend, build

    yield start
    for backend in made:
        backend.close()


def end(backend: BuildingBackend, build: Build) -> None:
    build.may_end.set()
    assert backend.wait(10)


def best(request: Any) -> int:
    request.input[...] = 0
    return int(request.infer()[0][0].argmax())


def test_the_fallback_answers_until_the_engine_is_there(started):
    backend, build = started(fake(1))
    old = backend.new_request()
    assert best(old) == 0
    *answering, wanted = backend.placement
    assert [p.unit for p in answering] == ["fake"]
    assert (wanted.unit, wanted.operators) == ("tensorrt", 0)
    assert "being built; until then fake answers" in wanted.reason
    end(backend, build)
    assert best(backend.new_request()) == 1
    assert best(old) == 1  # a pool keeps its requests
    assert [p.unit for p in backend.placement] == ["fake"]


def test_a_frame_that_is_written_is_run_where_it_was_written(started):
    backend, build = started(fake(1))
    request = backend.new_request()
    memory = request.input
    end(backend, build)
    assert int(request.infer()[0][0].argmax()) == 0
    assert request.input is not memory
    assert int(request.infer()[0][0].argmax()) == 1


def test_the_fallback_is_closed_when_the_last_request_left(started):
    fallback = fake(0)
    backend, build = started(fake(1), fallback)
    first, second = backend.new_request(), backend.new_request()
    end(backend, build)
    assert best(first) == 1
    fallback.new_request()
    assert best(second) == 1
    with pytest.raises(BackendError):
        fallback.new_request()
    assert best(first) == 1


def test_a_fallback_without_requests_is_closed_at_once(started):
    fallback = fake(0)
    backend, build = started(fake(1), fallback)
    end(backend, build)
    with pytest.raises(BackendError):
        fallback.new_request()
    assert best(backend.new_request()) == 1


def test_the_batches_are_those_of_the_backend_that_answers(started):
    backend, build = started(fake(1, input=INPUT._replace(shape=(4, 3, 4, 4))))
    assert backend.max_batch > 1000
    assert backend.min_batch == 1
    request = backend.new_request(9)
    end(backend, build)
    assert (backend.min_batch, backend.max_batch) == (4, 4)
    assert request.input.shape[0] == 9  # begun before: the fallback still takes it
    assert request.infer()[0].shape[0] == 9
    backend.close()


def test_a_build_that_fails_leaves_the_fallback(started, caplog):
    backend, build = started(BackendError("no memory for it"))
    request = backend.new_request()
    end(backend, build)
    assert best(request) == best(backend.new_request()) == 0
    assert "not built: no memory for it" in backend.placement[-1].reason
    assert "no memory for it" in caplog.text


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"input": INPUT._replace(dtype="uint8")}, "uint8"),
        ({"outputs": (SCORES._replace(quantization=Quantization(0.1, 3)),)}, "not used"),
        ({"input": INPUT._replace(shape=(1, 3, 5, 5))}, "5, 5"),
        ({"outputs": (SCORES, SCORES)}, "2 outputs instead of 1"),
        ({"outputs": (SCORES._replace(shape=(None, 4)),)}, "4"),
    ],
)
def test_other_tensors_do_not_take_over(other, message, started):
    wanted = fake(1, **other)
    backend, build = started(wanted)
    end(backend, build)
    assert best(backend.new_request()) == 0
    assert "not used" in backend.placement[-1].reason
    assert message in backend.placement[-1].reason
    with pytest.raises(BackendError):
        wanted.new_request()  # it was closed


def test_a_fixed_batch_of_one_fits_an_open_one(started):
    backend, build = started(fake(2, input=INPUT._replace(shape=(1, 3, 4, 4))))
    end(backend, build)
    assert best(backend.new_request()) == 2


def test_closing_stops_the_build_and_both_backends(started):
    fallback, wanted = fake(0), fake(1)
    backend, build = started(wanted, fallback)
    request = backend.new_request()
    backend.close()
    assert backend.wait(0)
    assert build.asked[-1] is False
    for call in (
        request.infer,
        backend.new_request,
        fallback.new_request,
        lambda: backend.placement,
    ):
        with pytest.raises(BackendError):
            call()
    backend.close()


def test_what_is_built_after_closing_is_closed(monkeypatch, caplog):
    monkeypatch.setattr(building, "_CLOSE_TIMEOUT_S", 0.05)
    wanted, may_end = fake(1), threading.Event()

    def stubborn(go_on):
        may_end.wait(10)
        return wanted

    backend = BuildingBackend("tensorrt", "m.onnx", fake(0), stubborn)
    backend.close()
    may_end.set()
    assert backend.wait(10)
    with pytest.raises(BackendError):
        wanted.new_request()
    assert not caplog.records  # as planned: nothing to warn of


def test_a_failing_fallback_is_told(started):
    backend, _ = started(fake(1), fake(0, fail_after=0))
    with pytest.raises(InferenceError):
        best(backend.new_request())


def test_a_classifier_over_it_changes_over_under_load(started):
    backend, build = started(fake(1, latency_s=0.001), fake(0, latency_s=0.001))
    seen, problems = [], []
    with Classifier(spec=SPEC, backend=backend) as classifier:

        def work():
            try:
                for _ in range(60):
                    seen.append(classifier.predict(FRAME).index)
            except BaseException as exc:
                problems.append(exc)

        assert classifier.placement[-1].unit == "tensorrt"
        threads = [threading.Thread(target=work) for _ in range(6)]
        [thread.start() for thread in threads]
        time.sleep(0.02)
        build.may_end.set()
        [thread.join() for thread in threads]
        assert not problems
        assert len(seen) == 360
        assert seen[0] == 0
        assert classifier.predict(FRAME).index == 1
        assert {0, 1} == set(seen)

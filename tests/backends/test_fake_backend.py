"""FakeBackend is public: users test their applications with it."""

from __future__ import annotations

import time
from typing import Any, Dict, Optional

import numpy as np
import pytest

from edgeclf.backends.fake import FakeBackend
from edgeclf.errors import ArgumentError, BackendError, InferenceError, SpecMismatch
from edgeclf.types import TensorInfo

INPUT = TensorInfo("pixels", (None, 3, 4, 4), "float32")
SCORES = TensorInfo("scores", (None, 5), "float32")
EMBEDDING = TensorInfo("embedding", (None, 7), "float16")


def fake(answer: Any = None, *outputs: TensorInfo, **keywords: Any) -> FakeBackend:
    return FakeBackend(INPUT, outputs or (SCORES,), answer, **keywords)


def test_zeros_unless_told_otherwise() -> None:
    request = fake(None, SCORES, EMBEDDING).new_request(2)
    assert request.input.shape == (2, 3, 4, 4)
    assert request.input.dtype == np.float32
    assert request.input.ctypes.data % 64 == 0
    scores, embedding = request.infer()
    assert (scores.shape, scores.dtype) == ((2, 5), np.float32)
    assert (embedding.shape, embedding.dtype) == ((2, 7), np.float16)
    assert not scores.any()


def test_arrays_serve_every_frame_or_one_each() -> None:
    row = np.arange(5, dtype="f4")[None]
    answer = fake(row).new_request(3).infer()[0]
    np.testing.assert_array_equal(answer, np.repeat(row, 3, axis=0))
    assert answer.flags.c_contiguous  # as the runtimes' own
    answer[...] = 9
    assert row[0, 0] == 0
    rows = np.arange(10, dtype="f4").reshape(2, 5)
    np.testing.assert_array_equal(fake([rows]).new_request(2).infer()[0], rows)
    with pytest.raises(InferenceError, match="expected 'scores'"):
        fake(rows).new_request(3).infer()


def test_a_callable_sees_the_input_and_answers_are_apart() -> None:
    backend = fake(lambda tensor: tensor[:, 0, 0, :1] * np.ones(5, "f4"))
    request = backend.new_request()
    request.input[...] = 3
    first = request.infer()[0]
    request.input[...] = 4
    np.testing.assert_array_equal(request.infer()[0], np.full((1, 5), 4, "f4"))
    np.testing.assert_array_equal(first, np.full((1, 5), 3, "f4"))
    assert backend.infers == 2


@pytest.mark.parametrize(
    "answer",
    [np.zeros((1, 4), "f4"), np.zeros((1, 5), "f8"), np.zeros(5, "f4"), [], lambda t: 1 / 0],
)
def test_answers_that_do_not_fit(answer: Any) -> None:
    with pytest.raises(InferenceError):
        fake(answer).new_request().infer()


@pytest.mark.parametrize("successes", [0, 2])
def test_failing_on_purpose(successes: int) -> None:
    backend = fake(fail_after=successes)
    requests = [backend.new_request(), backend.new_request()]
    for i in range(successes):
        requests[i % 2].infer()
    for request in requests:
        with pytest.raises(InferenceError, match=f"told to fail after {successes}"):
            request.infer()


def test_latency() -> None:
    request = fake(latency_s=0.05).new_request()
    begin = time.monotonic()
    request.infer()
    assert time.monotonic() - begin >= 0.05  # a lower bound, which no load can break


def test_limits_and_facts() -> None:
    backend = fake(max_requests=2)
    assert backend.max_requests == 2
    assert backend.input is INPUT
    assert backend.outputs == (SCORES,)
    assert backend.device == "cpu"
    assert sum(p.operators for p in backend.placement) == 1
    with pytest.raises(SpecMismatch):
        backend.new_request(1, (3, 5, 5))


def test_open_dimensions_of_the_input_and_of_the_answer() -> None:
    backend = FakeBackend(
        TensorInfo("x", (1, None, None, 3), "uint8"),
        [TensorInfo("y", (1, None), "int8")],
        lambda tensor: np.zeros((1, tensor.shape[1]), "int8"),
    )
    assert backend.new_request(1, (6, 8, 3)).infer()[0].shape == (1, 6)


def test_closed() -> None:
    backend = fake()
    request = backend.new_request()
    backend.close()
    backend.close()
    with pytest.raises(BackendError, match="closed"):
        request.infer()
    with pytest.raises(BackendError, match="closed"):
        backend.new_request()


@pytest.mark.parametrize(
    ("keywords", "outputs"),
    [({"latency_s": -1.0}, (SCORES,)), ({"fail_after": -1}, (SCORES,)), ({}, ())],
)
def test_arguments(keywords: Dict[str, Any], outputs: Optional[Any]) -> None:
    with pytest.raises(ArgumentError, match="FakeBackend"):
        FakeBackend(INPUT, outputs, **keywords)

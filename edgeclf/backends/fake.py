"""A backend without a runtime, for the tests of applications that use edgeclf.

::

    backend = FakeBackend(TensorInfo("x", (None, 3, 224, 224), "float32"),
                          [TensorInfo("scores", (None, 10), "float32")],
                          answer=lambda tensor: np.eye(10, dtype="float32")[:len(tensor)])
    Classifier(..., backend=backend)
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Optional, Sequence, Tuple, Union

import numpy as np

from edgeclf.backends.base import Lifetime
from edgeclf.backends.tensors import aligned_zeros, request_shape
from edgeclf.errors import ArgumentError, InferenceError
from edgeclf.types import Placement, TensorInfo

__all__ = ["FakeBackend"]

Answer = Union[Callable[[np.ndarray], Any], np.ndarray, Sequence[np.ndarray], None]


class FakeBackend:
    """See `edgeclf.backends.base.Backend`. Thread-safe.

    Args:
        input: the model's input; None in its shape is a dimension left open.
        outputs: the scores first.
        answer: an array (one output) or a sequence of arrays (one per output), one row that
            serves every frame or a row for each; or a callable that takes the input tensor, which
            it must not keep, and returns such arrays. None gives zeros.
        latency_s: seconds that every infer takes.
        fail_after: so many infers succeed, counted over all requests; all later ones raise
            InferenceError. 0 fails at once, None never.
        max_requests: how many requests may run at once, or None for no limit.

    Raises:
        ArgumentError: `latency_s` or `fail_after` is negative, or there are no outputs.
    """

    name = "fake"
    formats: Tuple[str, ...] = ()
    runtime = "none: prepared answers"
    device = "cpu"

    def __init__(
        self,
        input: TensorInfo,
        outputs: Sequence[TensorInfo],
        answer: Answer = None,
        *,
        latency_s: float = 0.0,
        fail_after: Optional[int] = None,
        max_requests: Optional[int] = None,
    ):
        if latency_s < 0 or (fail_after is not None and fail_after < 0) or not outputs:
            raise ArgumentError(
                "FakeBackend: expected at least one output, and latency_s and fail_after of at "
                f"least 0; got {len(outputs)} outputs, {latency_s}, {fail_after}"
            )
        self.input = input
        self.outputs = tuple(outputs)
        self.max_requests = max_requests
        self.infers = 0
        self._answer = answer
        self._latency_s = latency_s
        self._fail_after = fail_after
        self._lock = threading.Lock()
        self._lifetime = Lifetime("FakeBackend")

    @property
    def placement(self) -> Tuple[Placement, ...]:
        """One operator: the answer."""
        self._lifetime.check()
        return (Placement("fake", 1, "prepared answers"),)

    def new_request(self, batch: int = 1, item_shape: Optional[Sequence[int]] = None) -> _Request:
        """Memory for `batch` frames; `item_shape` fills what the input leaves open.

        Raises:
            SpecMismatch: the input is fixed to another shape. BackendError: closed.
        """
        self._lifetime.check()
        shape = request_shape(self.input, batch, item_shape, "FakeBackend")
        return _Request(self, aligned_zeros(shape, self.input.dtype))

    def close(self) -> None:
        """Make every later use raise BackendError. Safe to call twice."""
        self._lifetime.closed = True

    def _infer(self, tensor: np.ndarray) -> Tuple[np.ndarray, ...]:
        self._lifetime.check()
        with self._lock:
            self.infers += 1
            fails = self._fail_after is not None and self.infers > self._fail_after
        if self._latency_s:
            time.sleep(self._latency_s)
        if fails:
            raise InferenceError(f"FakeBackend: told to fail after {self._fail_after} infers")
        try:
            answer = self._answer(tensor) if callable(self._answer) else self._answer
        except Exception as exc:
            raise InferenceError(f"FakeBackend: its answer failed: {exc}") from exc
        return self._checked(answer, len(tensor))

    def _checked(self, answer: Any, batch: int) -> Tuple[np.ndarray, ...]:
        shapes = [(batch, *(n or 1 for n in o.shape[1:])) for o in self.outputs]
        if answer is None:
            return tuple(np.zeros(s, o.dtype) for s, o in zip(shapes, self.outputs))
        arrays = (answer,) if isinstance(answer, np.ndarray) else tuple(answer)
        if len(arrays) != len(self.outputs):
            raise InferenceError(
                f"FakeBackend: expected {len(self.outputs)} arrays as the answer, got {len(arrays)}"
            )
        return tuple(_fitted(a, o, s) for a, o, s in zip(arrays, self.outputs, shapes))


class _Request:
    """See `edgeclf.backends.base.InferRequest`."""

    __slots__ = ("_backend", "_input")

    def __init__(self, backend: FakeBackend, memory: np.ndarray):
        self._backend = backend
        self._input = memory

    @property
    def input(self) -> np.ndarray:
        """The memory that the answer is computed from, owned by this request."""
        return self._input

    def infer(self) -> Tuple[np.ndarray, ...]:
        """The answer for what `input` holds, in arrays of its own.

        Raises:
            InferenceError: told to fail, or the answer does not fit. BackendError: closed.
        """
        return self._backend._infer(self._input)


def _fitted(array: Any, info: TensorInfo, shape: Tuple[int, ...]) -> np.ndarray:
    array = np.asarray(array)
    open_ends = tuple(
        have if want is None else fixed
        for have, want, fixed in zip(array.shape[1:], info.shape[1:], shape[1:])
    )
    wanted = (shape[0], *open_ends)
    if (
        array.dtype != info.dtype
        or array.ndim != len(info.shape)
        or array.shape[1:] != wanted[1:]
        or array.shape[0] not in (1, wanted[0])
    ):
        raise InferenceError(
            f"FakeBackend: expected {info.name!r} as {info.dtype} of {wanted}, got {array.dtype} "
            f"of {array.shape}"
        )
    # One row for all of them has strides of 0, which order "K" would not make C-contiguous.
    return np.array(np.broadcast_to(array, wanted), order="C")

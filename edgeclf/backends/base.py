"""The seam to the runtimes: tensor in, raw tensor out.

A backend never sees a pixel, a label or a softmax. It hands out *requests*: each owns the memory
of one input and its outputs, so that the preprocessor writes where the runtime reads and several
threads can run side by side. One request is used by one thread at a time.

Why requests, where DESIGN had ``new_input`` and ``infer(tensor)`` on the backend: ONNX Runtime
binds buffers ahead of a run, TensorRT keeps a context and a stream for each thread, and LiteRT
has one interpreter with one input. In all three the input and what runs it belong together.
"""

from __future__ import annotations

import os
from typing import Optional, Protocol, Sequence, Tuple

import numpy as np

from edgeclf.errors import BackendError, SpecMismatch
from edgeclf.types import Placement, TensorInfo

__all__ = ["Backend", "InferRequest", "Lifetime", "single_input"]


class InferRequest(Protocol):
    """One input, its outputs, and the run between them. Not thread-safe: one thread at a time."""

    @property
    def input(self) -> np.ndarray:
        """The memory the runtime reads, C-contiguous, of the model's shape and dtype.

        Owned by the request and valid as long as it; its contents after `infer` are undefined.
        """

    def infer(self) -> Tuple[np.ndarray, ...]:
        """Run the model on `input`; the raw outputs, in the order of `Backend.outputs`.

        The arrays may be reused by the next `infer` of this request: copy what must outlive it.

        Raises:
            InferenceError: the runtime failed; its own exception is the cause.
        """


class Backend(Protocol):
    """One loaded model in one runtime.

    Attributes:
        name: the backend's row in the table ("onnxruntime", "tflite", ...).
        runtime: the vendor's library and version, as text for people.
        device: "cpu" or "cuda:N", what really runs.
        input: the one input. A model with several is refused at load.
        outputs: the scores first; an embedding after them, where there is one.
        max_requests: how many requests may run at once, or None for no limit.

    Some backends have more, and whoever asks for it does without where it is missing:

        min_batch, max_batch: the batches that an open first dimension allows; both may change.
        cuda: the device that holds the input (`edgeclf.cuda.Cuda`). Its requests have a
            ``device_input``, ``enqueue`` and ``finish`` (`edgeclf.cuda.path.DeviceRequest`).
        host_only: why there is no `cuda`, where one could be expected.
        manifest: (sources, graph facts) of what was built from the model, instead of the model's.
        engine_inspector: a method; the runtime's own description of the engine, JSON, or None.
    """

    name: str
    runtime: str
    device: str
    input: TensorInfo
    outputs: Tuple[TensorInfo, ...]
    max_requests: Optional[int]

    @property
    def placement(self) -> Tuple[Placement, ...]:
        """What really runs where. May cost a second on first use; kept afterwards."""

    def new_request(
        self, batch: int = 1, item_shape: Optional[Sequence[int]] = None
    ) -> InferRequest:
        """Memory and binding for `batch` frames.

        `item_shape` is the tensor's shape without the batch, for a model that leaves width and
        height open; others only check it.

        Raises:
            SpecMismatch: the model is fixed to another shape.
        """

    def close(self) -> None:
        """Release the runtime's memory. Safe to call twice; requests are unusable after it."""


def single_input(inputs: Sequence[TensorInfo], model: str) -> TensorInfo:
    """The only input of a model.

    Raises:
        SpecMismatch: there are none or several.
    """
    if len(inputs) == 1:
        return inputs[0]
    names = ", ".join(f"{i.name} {list(i.shape)} {i.dtype}" for i in inputs) or "none"
    raise SpecMismatch(
        f"{model}: expected one image input, got {len(inputs)} ({names}). Export the model with "
        "its other inputs made constant"
    )


class Lifetime:
    """Until when a backend and its requests may be used: not closed, and not in a forked child.

    Runtimes keep threads, and a fork copies the memory but not the threads: a child that went on
    would wait for them for ever.
    """

    __slots__ = ("_model", "_pid", "closed")
    # Kept, because asking the system costs more than all else that a check does.
    process = os.getpid()

    def __init__(self, model: str):
        self._model = model
        self._pid = Lifetime.process
        self.closed = False

    @property
    def forked(self) -> bool:
        """Whether this is a child of the process that it began in."""
        return self._pid != Lifetime.process

    def check(self) -> None:
        """Cheap enough for every frame.

        Raises:
            BackendError: closed, or the process was forked after the model was loaded.
        """
        if self.closed:
            raise BackendError(f"{self._model}: closed. Create a new Classifier to go on")
        if self._pid != Lifetime.process:
            raise BackendError(
                f"{self._model}: loaded in process {self._pid} and used in its forked child "
                f"{Lifetime.process}, where the runtime's threads do not exist. Create the "
                "Classifier in the child, after the fork"
            )


def _look_again() -> None:
    Lifetime.process = os.getpid()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_look_again)

"""One TFLite interpreter, and arrays over its own memory."""

from __future__ import annotations

import threading
from typing import Any, Tuple

import numpy as np

from edgeclf.backends.base import Lifetime
from edgeclf.backends.tensors import aligned_zeros
from edgeclf.errors import BackendError, InferenceError

__all__ = ["TfliteRequest"]


class TfliteRequest:
    """See `edgeclf.backends.base.InferRequest`. Use by two threads at once raises BackendError.

    `input` and the outputs are the interpreter's own memory, kept alive by the arrays themselves,
    so that no use of them after `close` can reach freed memory. Where the model has tensors whose
    size depends on the frame, TFLite may move that memory during a run: then `input` is memory of
    the request, copied in, and the outputs are copied out.
    """

    __slots__ = (
        "__weakref__", "_copies", "_input", "_input_index", "_interpreter", "_lifetime", "_lock",
        "_output_indices", "_outputs",
    )  # fmt: skip

    def __init__(self, interpreter: Any, lifetime: Lifetime, copies: bool):
        self._interpreter = interpreter
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._copies = copies
        details = interpreter.get_input_details()[0]
        self._input_index = details["index"]
        self._output_indices = [d["index"] for d in interpreter.get_output_details()]
        self._outputs: Tuple[np.ndarray, ...] = ()
        if copies:
            self._input = aligned_zeros(details["shape"], np.dtype(details["dtype"]).name)
        else:
            self._input = _view(interpreter, self._input_index)
            self._input[...] = 0
            self._outputs = tuple(_view(interpreter, i) for i in self._output_indices)

    @property
    def input(self) -> np.ndarray:
        """The memory the runtime reads, 64-byte aligned."""
        return self._input

    def infer(self) -> Tuple[np.ndarray, ...]:
        """The raw outputs, in the graph's order. The next `infer` overwrites them.

        Raises:
            InferenceError: the runtime failed. BackendError: closed, in a forked child, or
                already running in another thread.
        """
        self._lifetime.check()
        if not self._lock.acquire(False):
            raise BackendError(
                "this request is running in another thread. Make one request for each thread, "
                "or take turns"
            )
        try:
            return self._run()
        except Exception as exc:
            self._lifetime.check()
            raise InferenceError(
                f"TFLite failed on an input of {self._input.shape}: {exc}"
            ) from exc
        finally:
            self._lock.release()

    def release(self) -> None:
        """Let go of the interpreter; its memory goes with the last array over it."""
        self._interpreter = None

    def _run(self) -> Tuple[np.ndarray, ...]:
        interpreter = self._interpreter
        if not self._copies:
            interpreter.invoke()
            return self._outputs
        interpreter.set_tensor(self._input_index, self._input)
        interpreter.invoke()
        return tuple(interpreter.get_tensor(i) for i in self._output_indices)


class _Memory:
    """A tensor's memory, and the interpreter that owns it.

    ``Interpreter.tensor`` gives arrays that hold the wrapped C++ object, and an interpreter
    refuses to run while it sees one. This holds the Python object around it instead.
    """

    __slots__ = ("__array_interface__", "_interpreter")

    def __init__(self, interpreter: Any, tensor: int):
        self._interpreter = interpreter
        self.__array_interface__ = dict(interpreter.tensor(tensor)().__array_interface__)


def _view(interpreter: Any, tensor: int) -> np.ndarray:
    return np.asarray(_Memory(interpreter, tensor))

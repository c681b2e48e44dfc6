"""One input of an ONNX Runtime session, its outputs, and the memory that is bound to them."""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import numpy as np

from edgeclf.backends.base import Lifetime
from edgeclf.backends.tensors import aligned_zeros
from edgeclf.errors import InferenceError
from edgeclf.types import TensorInfo

__all__ = ["CPU", "OnnxRuntimeRequest"]

CPU = "CPUExecutionProvider"


class OnnxRuntimeRequest:
    """See `edgeclf.backends.base.InferRequest`.

    The first `infer` shows what shapes the outputs really have (what a model states can be wrong,
    or depend on the input). Where the model states the same, later runs write into memory that
    stays bound; elsewhere each run allocates.
    """

    __slots__ = (
        "__weakref__", "_binding", "_input", "_input_name", "_lifetime", "_on_host",
        "_outputs", "_pointer", "_results", "_run", "_session",
    )  # fmt: skip

    def __init__(
        self,
        session: Any,
        info: TensorInfo,
        shape: Tuple[int, ...],
        lifetime: Lifetime,
    ):
        self._session = session
        self._lifetime = lifetime
        self._input = aligned_zeros(shape, info.dtype)
        self._input_name = info.name
        self._pointer = self._input.ctypes.data
        self._binding = session.io_binding()
        self._run = _bound_run(session, self._binding)
        # Binding an input to a device copies it there and then: only on the CPU does a binding
        # go on reading our memory.
        self._on_host = session.get_providers() == [CPU]
        self._results: Optional[Tuple[np.ndarray, ...]] = None
        sizes = _open_dimensions(session, shape)
        self._outputs = [
            (output.name, _substituted(output.shape, sizes)) for output in session.get_outputs()
        ]

    @property
    def input(self) -> np.ndarray:
        """The memory the runtime reads: 64-byte aligned, owned by this request."""
        return self._input

    def infer(self) -> Tuple[np.ndarray, ...]:
        """The raw outputs, in the graph's order. The next `infer` may overwrite them.

        Raises:
            InferenceError: the runtime failed. BackendError: closed, or in a forked child.
        """
        self._lifetime.check()
        try:
            if self._results is None:
                return self._run_unbound()
            try:
                self._run()
            except TypeError:  # the private call no longer takes what it took
                self._run = _public_run(self._session, self._binding)
                self._run()
            return self._results
        except Exception as exc:
            self._lifetime.check()
            raise InferenceError(
                f"ONNX Runtime failed on an input of {self._input.shape}: {exc}"
            ) from exc

    def release(self) -> None:
        """Let go of the session; the input's memory stays while somebody holds it."""
        self._session = self._binding = None
        self._run = _released
        self._results = None

    def _run_unbound(self) -> Tuple[np.ndarray, ...]:
        array, binding = self._input, self._binding
        binding.bind_input(self._input_name, "cpu", 0, array.dtype.type, array.shape, self._pointer)
        for name, _ in self._outputs:
            # Said anew each time: the binding keeps the last run's output and its shape.
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        fresh = tuple(binding.copy_outputs_to_cpu())
        if self._on_host and all(a.shape == s for a, (_, s) in zip(fresh, self._outputs)):
            self._results = tuple(
                self._bind_output(name, array) for (name, _), array in zip(self._outputs, fresh)
            )
            return self._results
        return fresh

    def _bind_output(self, name: str, values: np.ndarray) -> np.ndarray:
        memory = aligned_zeros(values.shape, values.dtype.name)
        memory[...] = values
        self._binding.bind_output(
            name, "cpu", 0, memory.dtype.type, memory.shape, memory.ctypes.data
        )
        return memory


def _bound_run(session: Any, binding: Any) -> Callable[[], None]:
    """`session.run_with_iobinding(binding)`, by the object that it calls in the end.

    The runtime's own Python around it asks every time whether WebGPU is recording, which takes a
    third as long as a small model. The names are private: where they are missing, the public way.
    """
    inner, bound = getattr(session, "_sess", None), getattr(binding, "_iobinding", None)
    run = getattr(inner, "run_with_iobinding", None)
    if run is None or bound is None:
        return _public_run(session, binding)
    return functools.partial(run, bound, None)


def _public_run(session: Any, binding: Any) -> Callable[[], None]:
    return functools.partial(session.run_with_iobinding, binding)


def _released() -> None:
    raise RuntimeError("the session was released")


def _open_dimensions(session: Any, shape: Sequence[int]) -> Dict[str, int]:
    """What the model's named dimensions are when its input has `shape`."""
    stated = session.get_inputs()[0].shape
    return {name: size for name, size in zip(stated, shape) if isinstance(name, str)}


def _substituted(stated: Sequence[Any], sizes: Dict[str, int]) -> Tuple[Optional[int], ...]:
    return tuple(n if isinstance(n, int) else sizes.get(n) for n in stated)

"""A backend that answers while another one is being built, and gives way to it when it is done.

Building an engine takes minutes on a small board. Meanwhile frames come, and a slower runtime that
reads the same model can answer them. `placement` says which of the two does. Over 200 lines: what
happens at the change from one to the other is all here.
"""

from __future__ import annotations

import logging
import threading
import weakref
from typing import Callable, Optional, Sequence, Tuple

import numpy as np

from edgeclf.backends.base import Backend, InferRequest, Lifetime
from edgeclf.errors import BackendError, SpecMismatch
from edgeclf.types import Placement, TensorInfo

__all__ = ["BuildingBackend"]

_LOG = logging.getLogger("edgeclf")

_CLOSE_TIMEOUT_S = 10.0
_ANY_BATCH = 2**31 - 1

# Builds the backend that is wanted. It is given a call that says whether to go on, and raises
# what it likes.
Build = Callable[[Callable[[], bool]], Backend]


class BuildingBackend:
    """See `edgeclf.backends.base.Backend`. Thread-safe.

    A request changes over when its `input` is next asked for, so that a frame is written into and
    run by the same runtime. When the build fails, or gives a backend with other tensors, the
    fallback goes on; the reason is logged, and stands in `placement`. A batch that the engine does
    not hold stays with the fallback, where a request had begun with it.

    It has no `cuda`: frames become tensors on the host before and after, since the memory of both
    runtimes has to take them.

    Args:
        name: of the backend that is wanted ("tensorrt").
        model: the model's name, for messages.
        fallback: loaded already; closed when the last request has left it, or with this backend.
        build: runs in a thread of its own.
    """

    max_requests: Optional[int] = None
    formats: Tuple[str, ...] = ()
    host_only = "with a fallback, frames become tensors on the host, since both runtimes take them"

    def __init__(self, name: str, model: str, fallback: Backend, build: Build):
        self.name = name
        self.input, self.outputs = fallback.input, fallback.outputs
        self.runtime, self.device = fallback.runtime, fallback.device
        self._fallback = fallback
        self._wanted: Optional[Backend] = None
        self._problem = ""
        self._stopped = False
        self._lifetime = Lifetime(model)
        self._lock = threading.Lock()
        self._requests: weakref.WeakSet[_Request] = weakref.WeakSet()
        self._thread = threading.Thread(
            target=self._build, args=(build,), name="edgeclf-build", daemon=True
        )
        self._thread.start()

    @property
    def current(self) -> Backend:
        """The backend that new frames go to."""
        return self._fallback if self._wanted is None else self._wanted

    @property
    def max_batch(self) -> int:
        """The largest batch of the backend that answers now: it may change."""
        current = self.current
        return int(getattr(current, "max_batch", current.input.shape[0] or _ANY_BATCH))

    @property
    def min_batch(self) -> int:
        """The smallest batch of the backend that answers now: it may change."""
        current = self.current
        return int(getattr(current, "min_batch", current.input.shape[0] or 1))

    @property
    def placement(self) -> Tuple[Placement, ...]:
        """Of the backend which answers; and, while that is the fallback, why."""
        self._lifetime.check()
        answering = self.current
        try:
            placement = answering.placement
        except BackendError:
            if answering is self.current:
                raise
            # The fallback was closed between the two lines above.
            answering = self.current
            placement = answering.placement
        if answering is not self._fallback:
            return placement
        reason = self._problem or f"being built; until then {self._fallback.name} answers"
        return (*placement, Placement(self.name, 0, reason))

    def wait(self, timeout_s: Optional[float] = None) -> bool:
        """Wait until the build is over, well or not; False when it still runs."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def new_request(self, batch: int = 1, item_shape: Optional[Sequence[int]] = None) -> "_Request":
        """Memory for `batch` frames in the backend which answers now.

        Raises:
            SpecMismatch: the model is fixed to another shape. BackendError: closed.
        """
        self._lifetime.check()
        request = _Request(self, batch, item_shape)
        with self._lock:
            self._requests.add(request)
        return request

    def close(self) -> None:
        """Stop the build, as soon as it asks whether to go on, and release both backends."""
        self._lifetime.closed = True
        self._stopped = True
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSE_TIMEOUT_S)
        with self._lock:
            backends = [b for b in (self._fallback, self._wanted) if b is not None]
        for backend in backends:
            backend.close()

    def _build(self, build: Build) -> None:
        try:
            wanted = build(lambda: not self._stopped)
        except BaseException as exc:
            self._problem = f"not built: {exc}. {self._fallback.name} answers"
            if not self._stopped:
                _LOG.warning("%s: %s", self.name, self._problem)
            return
        problem = _difference(self._fallback, wanted)
        with self._lock:
            if self._lifetime.closed:
                problem = problem or "closed meanwhile"
            if problem:
                self._problem = f"built, and not used: {problem}. {self._fallback.name} answers"
            else:
                self._wanted = wanted
                self.runtime, self.device = wanted.runtime, wanted.device
        if self._wanted is None:
            wanted.close()
            if not self._stopped:
                _LOG.warning("%s: %s", self.name, self._problem)
            return
        _LOG.info(
            "%s: built, and takes over from %s; frames become tensors on the host as before",
            self.name,
            self._fallback.name,
        )
        self._left()

    def _left(self) -> None:
        """When no request is left in it, the fallback is not needed."""
        with self._lock:
            unused = all(request.serves is not self._fallback for request in self._requests)
        if unused:
            self._fallback.close()


class _Request:
    """See `edgeclf.backends.base.InferRequest`."""

    __slots__ = ("__weakref__", "_backend", "_batch", "_item_shape", "_request", "serves")

    def __init__(self, backend: BuildingBackend, batch: int, item_shape: Optional[Sequence[int]]):
        self._backend, self._batch, self._item_shape = backend, batch, item_shape
        self.serves = backend.current
        try:
            self._request: InferRequest = self.serves.new_request(batch, item_shape)
        except BackendError:
            if self.serves is backend.current:
                raise
            # The fallback was closed between the two lines above.
            self.serves = backend.current
            self._request = self.serves.new_request(batch, item_shape)

    @property
    def input(self) -> np.ndarray:
        """The memory that the next `infer` reads. Ask for it anew for every frame."""
        current = self._backend.current
        if current is not self.serves:
            # Made first: when that fails, the error comes out, and the next frame tries again.
            try:
                self._request = current.new_request(self._batch, self._item_shape)
            except SpecMismatch:
                return self._request.input  # the engine was not built for this batch
            self.serves = current
            self._backend._left()
        return self._request.input

    def infer(self) -> Tuple[np.ndarray, ...]:
        """Run what `input` was last asked of.

        Raises:
            InferenceError: the runtime failed. BackendError: closed.
        """
        self._backend._lifetime.check()
        return self._request.infer()


def _difference(fallback: Backend, wanted: Backend) -> str:
    """Why the one cannot take the other's place; empty when it can."""
    pairs = [(fallback.input, wanted.input), *zip(fallback.outputs, wanted.outputs)]
    if len(fallback.outputs) != len(wanted.outputs):
        return f"it has {len(wanted.outputs)} outputs instead of {len(fallback.outputs)}"
    for ours, theirs in pairs:
        if not _fit(ours, theirs):
            return f"it has {_text(theirs)} instead of {_text(ours)}"
    return ""


def _fit(ours: TensorInfo, theirs: TensorInfo) -> bool:
    return (
        ours.dtype == theirs.dtype
        and ours.quantization == theirs.quantization
        and len(ours.shape) == len(theirs.shape)
        and all(a is None or b is None or a == b for a, b in zip(ours.shape, theirs.shape))
    )


def _text(info: TensorInfo) -> str:
    return f"{info.name} {info.dtype} {['?' if n is None else n for n in info.shape]}"

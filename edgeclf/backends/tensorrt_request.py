"""One input of an engine, its outputs, and the stream, memory and context that run it.

Frames travel as: `input` (pinned host memory) -> `device_input` -> the engine -> the outputs'
device memory -> pinned host memory, all of it enqueued on one stream and waited for once. Where
the GPU shares the host's memory (Jetson), `input` is mapped, and nothing is copied.

Longer than 200 lines, because allocating, running and releasing belong together.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from edgeclf.backends.base import Lifetime
from edgeclf.backends.tensorrt_api import EngineApi, Shape, never_destroy, report_layers
from edgeclf.backends.tensorrt_context import ContextSlot
from edgeclf.backends.tensorrt_log import VendorLog
from edgeclf.cuda import Cuda, DeviceTensor
from edgeclf.errors import BackendError, InferenceError, SpecMismatch
from edgeclf.types import TensorInfo

__all__ = ["Loaded", "TensorRTRequest"]


class Loaded(NamedTuple):
    """What the requests of one backend share."""

    model: str
    cuda: Cuda
    api: EngineApi
    log: VendorLog
    lifetime: Lifetime
    input: TensorInfo
    outputs: Tuple[TensorInfo, ...]
    ranges: Callable[[str], Any]
    timing: bool


class _Buffer(NamedTuple):
    """A tensor's memory: host array and address, device address, and who owns that."""

    array: np.ndarray
    host: int
    device: int
    owner: Any


class TensorRTRequest:
    """See `edgeclf.backends.base.InferRequest`. Use by two threads at once raises BackendError.

    `input` and the outputs are pinned memory of this request; they stay readable and writeable
    after `close` for as long as somebody holds them.

    Attributes:
        device_input: what the engine reads: a `DeviceTensor` of `input`'s shape and dtype, on
            this request's stream. Whoever fills it directly calls `enqueue` and `finish`.
        profile: the number of the optimisation profile that it runs under.
        can_capture: whether graphs of its runs may be replayed beside other requests' runs. Not
            where requests share a context: a replay does not wait for its turn.
    """

    def __init__(self, loaded: Loaded, slot: ContextSlot, shape: Shape, stream: Any):
        self._loaded = loaded
        self._slot: Optional[ContextSlot] = slot
        self.profile = slot.profile
        self.can_capture = not slot.shared
        self._stream = stream
        self._busy = threading.Lock()
        self._token = object()
        self._holds_slot = False
        self._bindings: Optional[List[int]] = None
        self._memory: List[Any] = []  # on the device
        self._pinned: List[Any] = []  # on the host; what is read of it keeps it
        self._downloads: List[Tuple[int, int, int]] = []  # host address, device address, bytes
        try:
            self._allocate(shape)
        except BaseException:
            self.release()
            for memory in self._pinned:
                memory.free()  # a traceback may hold an array over it, but nobody reads that
            raise

    @property
    def input(self) -> np.ndarray:
        """The pinned host memory that `infer` uploads, or that the GPU reads in place."""
        return self._input

    def infer(self) -> Tuple[np.ndarray, ...]:
        """Upload `input`, run, download; the raw outputs. The next run overwrites them.

        Raises:
            InferenceError: TensorRT or CUDA failed. BackendError: closed, in a forked child, or
                already running in another thread.
        """
        with _Use(self):
            if self._upload is not None:
                with self._loaded.ranges("upload"):
                    self._loaded.cuda.upload(*self._upload, self._stream)
            self._enqueue()
            return self._finish()

    def enqueue(self) -> None:
        """Enqueue the run, and the download of its outputs, on `device_input`'s stream.

        Does not wait, and may be captured into a graph. `finish` must follow.

        Raises:
            InferenceError: TensorRT refused the run. BackendError: as `infer`.
        """
        with _Use(self):
            self._enqueue()

    def finish(self) -> Tuple[np.ndarray, ...]:
        """Wait for what was enqueued, or for a graph of it; the raw outputs, as `infer` gives them.

        Raises:
            InferenceError: the run failed. BackendError: as `infer`.
        """
        with _Use(self):
            return self._finish()

    def stop(self) -> None:
        """Wait for what is under way and let go of the context; memory stays. Idempotent."""
        if not self._forked():
            with self._busy:
                self._stop()

    def release(self) -> None:
        """Stop, then free the stream and the device's memory. Idempotent."""
        if not self._forked():
            with self._busy:
                self._stop()
                for memory in self._memory:
                    memory.free()
                self._stream.close()

    def _forked(self) -> bool:
        """Whether this is a forked child, where the parent's context must be left alone."""
        if not self._loaded.lifetime.forked:
            return False
        if self._slot is not None and self._slot.context is not None:
            never_destroy(self._slot.context)
        return True

    def __del__(self) -> None:
        # No contextlib: at the interpreter's end modules may be gone before this object.
        try:  # noqa: SIM105
            self.release()
        except Exception:
            pass

    # -- memory -------------------------------------------------------------------------------

    def _allocate(self, shape: Shape) -> None:
        loaded, slot = self._loaded, self._slot
        assert slot is not None
        facts = loaded.cuda.facts
        mapped = bool(facts.integrated and facts.can_map_host_memory)
        self._addresses: List[Tuple[str, int]] = []
        self._shape = shape
        slot.take()
        try:
            with loaded.cuda.current():
                self._set_shape(slot)
                shapes = [
                    loaded.api.shape_of(slot.context, info.name, slot.profile)
                    for info in loaded.outputs
                ]
        finally:
            slot.lock.release()
        read = self._buffer(loaded.input, shape, mapped)
        self._input = read.array
        self._upload = None if mapped else (read.device, read.host, read.array.nbytes)
        self.device_input = DeviceTensor(
            read.device, shape, loaded.input.dtype, self._stream, read.owner
        )
        outputs = []
        for info, found in zip(loaded.outputs, shapes):
            written = self._buffer(info, _known(info, found, loaded.model), mapped)
            outputs.append(written.array)
            if not mapped:
                self._downloads.append((written.host, written.device, written.array.nbytes))
        self._outputs = tuple(outputs)

    def _buffer(self, info: TensorInfo, shape: Shape, mapped: bool) -> _Buffer:
        """Memory for a tensor on the host, zeroed, and on the device, where it is not the same."""
        cuda = self._loaded.cuda
        nbytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(info.dtype).itemsize
        host = cuda.allocate_host(nbytes, mapped=mapped)
        self._pinned.append(host)
        owner = host if mapped else cuda.allocate(nbytes)
        if not mapped:
            self._memory.append(owner)
        device = host.device_pointer if mapped else owner.pointer
        self._addresses.append((info.name, device))
        host.array[...] = 0
        return _Buffer(host.array.view(info.dtype).reshape(shape), host.pointer, device, owner)

    def _stop(self) -> None:
        slot, self._slot = self._slot, None
        if slot is None:
            return
        with contextlib.suppress(Exception):
            self._stream.synchronize()
        self._let_go(slot)
        if not slot.shared:  # its context ends here, before what it read and wrote
            slot.close(self._loaded.cuda)

    # -- running ------------------------------------------------------------------------------

    def _enqueue(self) -> None:
        loaded, slot = self._loaded, self._slot
        assert slot is not None
        if not self._holds_slot:
            slot.take()
            self._holds_slot = True
        with loaded.ranges("enqueue"), loaded.cuda.current(), loaded.log.collecting() as said:
            if slot.bound_to is not self._token:
                self._bind(slot)
            assert self._bindings is not None
            if not loaded.api.run(slot.context, self._bindings, self._stream.handle):
                raise InferenceError(
                    f"{loaded.model}: TensorRT refused a run on {self._input.shape}: "
                    f"{'; '.join(said) or 'it gave no reason'}"
                )
        for download in self._downloads:
            loaded.cuda.download(*download, self._stream)

    def _finish(self) -> Tuple[np.ndarray, ...]:
        slot = self._slot
        assert slot is not None
        with self._loaded.ranges("wait"):
            self._stream.synchronize()
        if self._loaded.timing:
            with self._loaded.cuda.current():
                report_layers(slot.context)
        self._let_go(slot)
        return self._outputs

    def _bind(self, slot: ContextSlot) -> None:
        slot.bound_to = None
        self._set_shape(slot)
        self._bindings = self._loaded.api.bind(slot.context, self._addresses, slot.profile)
        if self._bindings is None:
            raise InferenceError(f"{self._loaded.model}: TensorRT refused a tensor's address")
        slot.bound_to = self._token

    def _set_shape(self, slot: ContextSlot) -> None:
        loaded = self._loaded
        if None not in loaded.input.shape:
            return
        slot.bound_to = None
        with loaded.log.collecting() as said:
            if loaded.api.set_shape(slot.context, loaded.input.name, self._shape, slot.profile):
                return
        raise SpecMismatch(
            f"{loaded.model}: TensorRT refused an input of {self._shape} under profile "
            f"{slot.profile}: {'; '.join(said) or 'it gave no reason'}. Build the engine for it"
        )

    def _recover(self) -> None:
        """After a failure nothing of it may be under way when this request is used again."""
        with contextlib.suppress(Exception):
            self._stream.synchronize()
        if self._slot is not None:
            self._slot.bound_to = None
            self._let_go(self._slot)

    def _let_go(self, slot: ContextSlot) -> None:
        if self._holds_slot:
            self._holds_slot = False
            slot.lock.release()


class _Use:
    """One use of a request: checked, by one thread, and with every failure as one of ours.

    A class, because this runs for every frame, and a generator takes three times as long.
    """

    __slots__ = ("_request",)

    def __init__(self, request: TensorRTRequest):
        self._request = request

    def __enter__(self) -> None:
        request = self._request
        request._loaded.lifetime.check()
        if not request._busy.acquire(False):
            raise BackendError(
                "this request is running in another thread. Make one request for each thread, "
                "or take turns"
            )
        if request._slot is None:  # closed since
            request._busy.release()
            request._loaded.lifetime.check()
            raise BackendError(f"{request._loaded.model}: this request was released")

    def __exit__(self, kind: Any, exc: Optional[BaseException], traceback: Any) -> None:
        request = self._request
        try:
            if exc is None:
                return
            request._recover()
            request._loaded.lifetime.check()
            if isinstance(exc, Exception) and not isinstance(exc, InferenceError):
                raise InferenceError(
                    f"TensorRT failed on an input of {request._input.shape}: {exc}"
                ) from exc
        finally:
            request._busy.release()


def _known(info: TensorInfo, shape: Sequence[int], model: str) -> Shape:
    if all(n >= 0 for n in shape):
        return tuple(shape)
    raise SpecMismatch(
        f"{model}: expected an output {info.name!r} whose shape follows from the input's, got "
        f"{tuple(shape)}. Export the model with scores of a fixed size"
    )

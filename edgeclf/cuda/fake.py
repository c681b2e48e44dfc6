"""A CUDA device without a GPU, for tests: host memory that poses as a device's, and is strict.

::

    cuda = FakeCuda(kernels={"negate": lambda grid, block, arguments: ...})
    ...
    cuda.check()    # nothing leaked, no work forgotten, nobody wrote beyond the end

What a real device does later is done later here too: copies and kernels happen when somebody waits
for their stream, so a missing wait shows as old bytes. Memory is poisoned when it is new and when
it is freed. Addresses are real ones: a kernel compiled for the host can use them. Over 200 lines
because it is one protocol.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Mapping, NoReturn, Optional, Sequence

import numpy as np

from edgeclf.cuda.base import DeviceFacts, Extent
from edgeclf.cuda.fake_memory import FakeBlocks
from edgeclf.cuda.fake_streams import FakeQueue, Work
from edgeclf.cuda.resources import (
    DeviceMemory,
    Function,
    Graph,
    HostMemory,
    Module,
    Resources,
    Stream,
)
from edgeclf.errors import BackendError

__all__ = ["FAKE_FACTS", "FakeCuda"]

Kernel = Callable[[Extent, Extent, Sequence[np.generic]], Any]

FAKE_FACTS = DeviceFacts(
    index=0,
    name="FakeCuda",
    compute_capability=(8, 7),
    memory_bytes=1 << 30,
    driver_version=12060,
    uuid="GPU-00000000-0000-0000-0000-000000000000",
    integrated=False,
    can_map_host_memory=True,
    concurrent_managed_access=False,
)


class FakeCuda:
    """See `edgeclf.cuda.base.Cuda`. Thread-safe.

    Misuse raises BackendError: memory used after it was freed or beyond its end, host addresses
    where the device's are meant, copies from memory that is not pinned, another device's objects,
    and what CUDA forbids while a stream is captured. Deferred work that fails does so at the next
    wait, and then at every call, as on a device.

    Args:
        facts: what it says of itself; `memory_bytes` is its capacity.
        kernels: what its modules hold: name -> callable of grid, block and arguments.
        can_capture: whether it has graphs.

    Attributes:
        others: addresses that `device_of` says to be another device's, and that one's index.
    """

    provider = "fake"

    def __init__(
        self,
        facts: DeviceFacts = FAKE_FACTS,
        *,
        kernels: Optional[Mapping[str, Kernel]] = None,
        can_capture: bool = True,
    ):
        self.facts = facts
        self.can_capture = can_capture
        self.kernels: Dict[str, Kernel] = dict(kernels or {})
        self.calls: "Counter[str]" = Counter()
        self.others: Dict[int, int] = {}
        self._resources = Resources(f"FakeCuda:{facts.index}")
        self._blocks = FakeBlocks(facts.memory_bytes)
        self._queues: Dict[int, FakeQueue] = {}
        self._others = {"module": 0, "graph": 0}
        self._failures: Dict[str, List[int]] = {}
        self._fault: Optional[BaseException] = None
        self._lock = threading.RLock()
        self._depth = threading.local()

    # For tests. -----------------------------------------------------------------------------------

    def fail(self, call: str, after: int = 0) -> None:
        """Let a later `call` ("allocate", "upload", "launch", "synchronize", ...) fail with
        BackendError, once, after `after` more that succeed."""
        self._failures.setdefault(call, []).append(self.calls[call] + after + 1)

    def live(self) -> Dict[str, int]:
        """How many of each resource are held: device, host (pinned), stream, module, graph."""
        with self._lock:
            kinds = Counter("device" if k == "device" else "host" for k in self._blocks.living())
            return {
                "device": kinds["device"],
                "host": kinds["host"],
                "stream": len(self._queues),
                **self._others,
            }

    def check(self) -> None:
        """Raises: BackendError: something is held, waits, failed, or wrote beyond its memory."""
        with self._lock:
            self._check_fault()
            self._blocks.check_fences()
            held = {kind: count for kind, count in self.live().items() if count}
            if held:
                raise BackendError(f"FakeCuda: not released: {held}")

    def view(self, pointer: int, nbytes: int) -> np.ndarray:
        """The device's bytes there, checked. For kernels, and for fakes of what runs on it."""
        with self._lock:
            return self._blocks.view(pointer, nbytes, "device")

    def enqueue(self, handle: int, work: Work) -> None:
        """Let `work` happen on the stream with that handle; for fakes of what runs on it."""
        with self._lock:
            self._begin("enqueue", allowed_in_capture=True)
            self._queue(handle).add(work)

    @property
    def is_current(self) -> bool:
        """Whether this thread is within `current`."""
        return getattr(self._depth, "value", 0) > 0

    # The protocol. --------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        return self._resources.closed

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        self._resources.check()
        self._depth.value = getattr(self._depth, "value", 0) + 1
        try:
            yield
        finally:
            self._depth.value -= 1

    def free_memory(self) -> int:
        with self._lock:
            self._begin("free_memory", allowed_in_capture=True)
            return self._blocks.capacity - self._blocks.used

    def allocate(self, nbytes: int) -> DeviceMemory:
        with self._lock:
            self._begin("allocate")
            pointer = self._blocks.allocate("device", nbytes)
            return DeviceMemory(self._resources, self._freeing(pointer), pointer, nbytes)

    def allocate_host(self, nbytes: int, mapped: bool = False) -> HostMemory:
        with self._lock:
            self._begin("allocate_host")
            if mapped and not self.facts.can_map_host_memory:
                raise BackendError("FakeCuda: this device cannot map host memory")
            pointer = self._blocks.allocate("mapped" if mapped else "host", nbytes)
            release = self._freeing(pointer)
            on_device = pointer if mapped else None
            return HostMemory(self._resources, release, pointer, nbytes, on_device)

    def stream(self) -> Stream:
        with self._lock:
            self._begin("stream")
            queue = FakeQueue(0)
            queue.handle = id(queue)  # kept in _queues, so that nothing else has it
            self._queues[queue.handle] = queue
            release = partial(self._close_queue, queue)
            wait = partial(self._synchronize, queue)
            return Stream(self._resources, release, queue.handle, wait, [queue])

    def wait_for(self, stream: Stream, other_handle: int) -> None:
        with self._lock:
            self._begin("wait_for")
            queue = self._of(stream)
            if other_handle in (1, 2):
                return  # nothing here works on the default streams
            other = self._queue(other_handle)
            queue.add(partial(other.drain, other.enqueued))

    def device_of(self, pointer: int) -> Optional[int]:
        with self._lock:
            self._begin("device_of")
            return self.others.get(pointer, self.facts.index)

    def upload(self, target: int, source: int, nbytes: int, stream: Stream) -> None:
        self._copy("upload", (target, "device"), (source, "host"), nbytes, stream)

    def download(self, target: int, source: int, nbytes: int, stream: Stream) -> None:
        self._copy("download", (target, "host"), (source, "device"), nbytes, stream)

    def load_module(self, image: bytes) -> Module:
        with self._lock:
            self._begin("load_module")
            if not isinstance(image, bytes) or not image:
                raise BackendError("FakeCuda: expected a cubin or PTX as bytes")
            self._others["module"] += 1
            return Module(self._resources, partial(self._forget, "module"), self._lookup)

    def launch(
        self,
        function: Function,
        grid: Extent,
        block: Extent,
        arguments: Sequence[np.generic],
        stream: Stream,
    ) -> None:
        with self._lock:
            self._begin("launch", allowed_in_capture=True)
            if any(not isinstance(a, np.generic) for a in arguments):
                raise BackendError("FakeCuda: kernel arguments have to be NumPy scalars")
            if min(*grid, *block) < 1 or np.prod(block) > 1024:
                raise BackendError(f"FakeCuda: no such grid or block: {grid}, {block}")
            copied = [np.frombuffer(a.tobytes(), a.dtype)[0] for a in arguments]

            def work() -> None:
                if function.module.freed:
                    raise BackendError(f"FakeCuda: {function.name}: its module was unloaded")
                function.raw(grid, block, copied)

            self._of(stream).add(work)

    def begin_capture(self, stream: Stream) -> None:
        with self._lock:
            self._begin("begin_capture", allowed_in_capture=True)
            if not self.can_capture:
                raise BackendError("FakeCuda: made without graphs")
            self._resources.begin_capture()
            try:
                self._of(stream).begin_capture()
            except BaseException:
                self._resources.end_capture()
                raise

    def end_capture(self, stream: Stream) -> Graph:
        with self._lock:
            self._resources.check()
            queue = self._of(stream)
            try:
                recorded = queue.end_capture()
            finally:
                self._resources.end_capture()
            self._begin("end_capture")
            self._others["graph"] += 1
            release = partial(self._forget, "graph")
            return Graph(self._resources, release, partial(self._launch_graph, recorded))

    def close(self) -> None:
        self._resources.close()

    # Within. --------------------------------------------------------------------------------------

    def _begin(self, call: str, allowed_in_capture: bool = False) -> None:
        self._resources.check()
        self._check_fault()
        self.calls[call] += 1
        planned = self._failures.get(call, [])
        if self.calls[call] in planned:
            planned.remove(self.calls[call])
            raise BackendError(f"FakeCuda: {call}: told to fail")
        if not allowed_in_capture:
            for queue in list(self._queues.values()):
                if queue.capturing and queue.captured_here():
                    self._spoil(queue, call)

    def _spoil(self, queue: FakeQueue, call: str) -> NoReturn:
        queue.invalidated = f"{call} was called meanwhile"
        raise BackendError(f"FakeCuda: {call} is not allowed while this thread captures a stream")

    def _check_fault(self) -> None:
        if self._fault is not None:
            raise BackendError(f"FakeCuda: earlier work failed: {self._fault}") from self._fault

    def _of(self, stream: Stream) -> FakeQueue:
        if stream.resources is not self._resources:
            raise BackendError("FakeCuda: a stream of another device or context")
        return self._queue(stream.handle)

    def _queue(self, handle: int) -> FakeQueue:
        if handle not in self._queues:
            raise BackendError(f"FakeCuda: {handle:#x} is no stream of this device, or was closed")
        return self._queues[handle]

    def _copy(self, call: str, target: Any, source: Any, nbytes: int, stream: Stream) -> None:
        with self._lock:
            self._begin(call, allowed_in_capture=True)
            # Wrong addresses fail at once; what is freed before the copy happens, at the wait.
            self._blocks.view(target[0], nbytes, target[1])
            self._blocks.view(source[0], nbytes, source[1])

            def work() -> None:
                to = self._blocks.view(target[0], nbytes, target[1])
                to[:] = self._blocks.view(source[0], nbytes, source[1])

            self._of(stream).add(work)

    def _lookup(self, name: str) -> Kernel:
        if name not in self.kernels:
            raise BackendError(f"FakeCuda: no kernel {name!r} in this module")
        return self.kernels[name]

    def _launch_graph(self, recorded: List[Work], stream: Stream) -> None:
        def work() -> None:
            for step in recorded:
                step()

        with self._lock:
            self._begin("launch_graph")
            self._of(stream).add(work)

    def _synchronize(self, queue: FakeQueue) -> None:
        with self._lock:
            if queue.capturing:
                self._spoil(queue, "synchronize")
            self._begin("synchronize", allowed_in_capture=True)
            self._drain(queue)

    def _drain(self, queue: FakeQueue) -> None:
        try:
            queue.drain()
        except Exception as exc:
            self._fault = exc
            raise BackendError(f"FakeCuda: deferred work failed: {exc}") from exc

    def _freeing(self, pointer: int) -> Work:
        def release() -> None:
            with self._lock:
                try:
                    self._blocks.free(pointer)
                except BackendError as exc:  # the collector may be the caller: told by `check`
                    self._fault = exc

        return release

    def _close_queue(self, queue: FakeQueue) -> None:
        with self._lock:
            with contextlib.suppress(BackendError):  # kept as the device's fault
                self._drain(queue)
            queue.closed = True
            self._queues.pop(queue.handle, None)

    def _forget(self, kind: str) -> None:
        with self._lock:
            self._others[kind] -= 1

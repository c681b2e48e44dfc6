"""A device on which the fakes of TensorRT compute, through the protocol alone.

FakeCuda gives those fakes more than the protocol has: `view`, `enqueue`, `is_current`. Here these
three are made of downloads and uploads, so that the fakes run over a real device's memory, streams
and contexts, too. They wait for the device, and therefore cannot be recorded into a graph.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Callable, Iterator

import any_device
import numpy as np

from edgeclf.errors import BackendError


class Bytes:
    """Device memory as the fakes use an array of it: `copy` and assignment."""

    def __init__(self, cuda: Any, pointer: int, nbytes: int):
        self._cuda, self._pointer, self._nbytes = cuda, pointer, nbytes

    def copy(self) -> np.ndarray:
        return any_device.download(self._cuda, self._pointer, self._nbytes, self._cuda.stream())

    def __setitem__(self, whole: slice, values: np.ndarray) -> None:
        assert whole == slice(None)
        assert values.nbytes == self._nbytes
        host, stream = self._cuda.allocate_host(self._nbytes), self._cuda.stream()
        host.array[:] = values
        self._cuda.upload(self._pointer, host.pointer, self._nbytes, stream)
        stream.synchronize()


class HostComputes:
    """`cuda`, and what the fakes ask for besides."""

    def __init__(self, cuda: Any):
        self._cuda = cuda
        self._depth = threading.local()
        self._recorded: Any = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cuda, name)

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        self._depth.value = getattr(self._depth, "value", 0) + 1
        try:
            with self._cuda.current():
                yield
        finally:
            self._depth.value -= 1

    @property
    def is_current(self) -> bool:
        return getattr(self._depth, "value", 0) > 0

    def view(self, pointer: int, nbytes: int) -> Bytes:
        return Bytes(self._cuda, pointer, nbytes)

    def enqueue(self, handle: int, work: Callable[[], Any]) -> None:
        """`work`, after all that the stream holds and before all that follows."""
        if handle in self._recorded:
            raise BackendError("the fake computes on the host, which cannot be recorded")
        waiting = self._cuda.stream()
        self._cuda.wait_for(waiting, handle)
        waiting.synchronize()
        work()

    def begin_capture(self, stream: Any) -> None:
        self._cuda.begin_capture(stream)
        self._recorded.add(stream.handle)

    def end_capture(self, stream: Any) -> Any:
        self._recorded.discard(stream.handle)
        return self._cuda.end_capture(stream)

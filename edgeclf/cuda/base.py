"""The seam to CUDA: memory, streams, kernels and graphs of one device, whoever provides them.

Providers (``cuda_bindings``, ``pycuda``, and ``fake`` for tests) give one object of the protocol
``Cuda``; what it hands out are the plain classes of ``resources``. Addresses are whole numbers.
"""

from __future__ import annotations

from typing import Any, ContextManager, Dict, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

from edgeclf.cuda.resources import (
    DeviceMemory,
    Function,
    Graph,
    HostMemory,
    Module,
    Stream,
)

__all__ = ["Cuda", "DeviceFacts", "DeviceTensor"]

Extent = Tuple[int, int, int]


class DeviceFacts(NamedTuple):
    """What a device says of itself. ``driver_version`` is CUDA's number: 12040 for 12.4.

    ``uuid`` is "GPU-..." or, where the provider cannot tell, the PCI address.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    name: str
    compute_capability: Tuple[int, int]
    memory_bytes: int
    driver_version: int
    uuid: str
    integrated: bool
    can_map_host_memory: bool
    concurrent_managed_access: bool


class Cuda(Protocol):
    """One device, through its primary context.

    Every method makes the context current on the calling thread and restores what was current
    before; any number of threads may call it. All raise BackendError when CUDA fails, after
    `close`, and in a forked child.

    Attributes:
        provider: its name and version, "cuda.bindings 13.0.1".
        can_capture: whether `begin_capture` works. PyCUDA has no graphs.
    """

    provider: str
    facts: DeviceFacts
    can_capture: bool

    def current(self) -> ContextManager[None]:
        """The context current on this thread for the length of a ``with``."""

    def free_memory(self) -> int:
        """Bytes of device memory that nobody has."""

    def allocate(self, nbytes: int) -> DeviceMemory:
        """Device memory, not cleared. BackendError: out of memory; says how much was wanted."""

    def allocate_host(self, nbytes: int, mapped: bool = False) -> HostMemory:
        """Pinned host memory, not cleared; with `mapped`, the device has an address for it."""

    def stream(self) -> Stream:
        """A stream of its own that does not wait for the default stream."""

    def wait_for(self, stream: Stream, other_handle: int) -> None:
        """What is enqueued on `stream` from here on waits for what another stream holds now.

        `other_handle`: a CUDA stream's, or 1 (legacy default) or 2 (per-thread default), as
        ``__cuda_array_interface__`` has them.
        """

    def device_of(self, pointer: int) -> Optional[int]:
        """The index of the device whose memory `pointer` is in; None where nobody can tell."""

    def upload(self, target: int, source: int, nbytes: int, stream: Stream) -> None:
        """Enqueue a copy from pinned host memory to device memory."""

    def download(self, target: int, source: int, nbytes: int, stream: Stream) -> None:
        """Enqueue a copy from device memory to pinned host memory."""

    def load_module(self, image: bytes) -> Module:
        """A cubin, or PTX that the driver compiles."""

    def launch(
        self,
        function: Function,
        grid: Extent,
        block: Extent,
        arguments: Sequence[np.generic],
        stream: Stream,
    ) -> None:
        """Enqueue a kernel. `arguments`: NumPy scalars, np.uint64 for addresses, and np.void for
        structs, which are passed by value."""

    def begin_capture(self, stream: Stream) -> None:
        """From here to `end_capture`, what this thread enqueues on `stream` is recorded, not run.

        Allocating, and waiting for the stream, are errors meanwhile.
        """

    def end_capture(self, stream: Stream) -> Graph:
        """What was recorded, ready to be launched. It keeps addresses, not what owns them."""

    def close(self) -> None:
        """Release all that is left, and the context. Safe to call twice."""


class DeviceTensor:
    """A C-contiguous tensor in device memory; readable by torch, CuPy and others through
    ``__cuda_array_interface__`` (version 3).

    Attributes:
        pointer: address of the first element.
        shape, dtype: as NumPy has them; ``dtype`` is a name.
        stream: work on the tensor is enqueued here.
        owner: whatever keeps the memory; held as long as this object.
    """

    __slots__ = ("dtype", "owner", "pointer", "shape", "stream")

    def __init__(
        self, pointer: int, shape: Sequence[int], dtype: str, stream: Stream, owner: Any = None
    ):
        self.pointer = pointer
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype).name
        self.stream = stream
        self.owner = owner

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def item(self, index: int) -> DeviceTensor:
        """Item `index` of a batch, as a batch of one."""
        if not 0 <= index < self.shape[0]:
            raise IndexError(f"expected an item 0..{self.shape[0] - 1}, got {index}")
        pointer = self.pointer + index * (self.nbytes // self.shape[0])
        return DeviceTensor(pointer, (1, *self.shape[1:]), self.dtype, self.stream, self)

    @property
    def __cuda_array_interface__(self) -> Dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": np.dtype(self.dtype).str,
            "data": (self.pointer, False),
            "version": 3,
            "strides": None,
            "stream": self.stream.handle,
        }

    def __repr__(self) -> str:
        return f"DeviceTensor({self.dtype} {self.shape} at {self.pointer:#x})"

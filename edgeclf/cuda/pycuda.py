"""CUDA through PyCUDA, which the older Jetsons have: no graphs, everything else.

Never ``pycuda.autoinit``, which makes a context of its own: the primary context is retained, and
pushed and popped around every call. Over 200 lines because it is one adapter.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import threading
from typing import Any, Callable, Dict, Iterator, Optional, Sequence

import numpy as np

from edgeclf.cuda.base import DeviceFacts, Extent
from edgeclf.cuda.resources import (
    DeviceMemory,
    Function,
    Graph,
    HostMemory,
    Module,
    Resources,
    Stream,
    raw_of,
)
from edgeclf.errors import BackendError, BackendUnavailable

__all__ = ["PyCuda", "open_device"]

_driver: Any = importlib.import_module("pycuda.driver")
_STREAM_NON_BLOCKING = 1


def open_device(index: int) -> PyCuda:
    """Raises: BackendUnavailable: no driver, or no such device."""
    try:
        _driver.init()
        count = int(_driver.Device.count())
    except _driver.Error as exc:
        raise BackendUnavailable(f"no CUDA device: {exc}. See what nvidia-smi says") from exc
    if index >= count:
        raise BackendUnavailable(
            f"no CUDA device {index}: this machine shows {count}. Check CUDA_VISIBLE_DEVICES"
        )
    return PyCuda(index)


def _facts(device: Any, index: int) -> DeviceFacts:
    attributes = _driver.device_attribute

    def attribute(name: str) -> bool:  # False where PyCUDA is older than the attribute
        known = getattr(attributes, name, None)
        return known is not None and bool(device.get_attribute(known))

    major, minor = device.compute_capability()
    return DeviceFacts(
        index=index,
        name=str(device.name()),
        compute_capability=(int(major), int(minor)),
        memory_bytes=int(device.total_memory()),
        driver_version=int(_driver.get_driver_version()),
        uuid=f"PCI-{device.pci_bus_id()}",
        integrated=attribute("INTEGRATED"),
        can_map_host_memory=attribute("CAN_MAP_HOST_MEMORY"),
        concurrent_managed_access=attribute("CONCURRENT_MANAGED_ACCESS"),
    )


def _bytes_at(address: int, nbytes: int) -> Any:
    """A buffer for what PyCUDA only takes as one."""
    return (ctypes.c_uint8 * nbytes).from_address(address)


class PyCuda:
    """See `edgeclf.cuda.base.Cuda`. Thread-safe."""

    can_capture = False

    def __init__(self, index: int):
        version = importlib.import_module("pycuda")
        self.provider = f"pycuda {getattr(version, 'VERSION_TEXT', 'of unknown version')}"
        device = _driver.Device(index)
        self.facts = _facts(device, index)
        self._context = device.retain_primary_context()
        self._resources = Resources(f"cuda:{index}", self._context)
        self._closing = threading.RLock()

    @property
    def closed(self) -> bool:
        return self._resources.closed

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        with self._calling():
            yield

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        self._resources.check()
        try:
            self._context.push()
            try:
                yield
            finally:
                _driver.Context.pop()
        except _driver.Error as exc:
            raise BackendError(f"{self._resources.device}: {exc}") from exc

    def free_memory(self) -> int:
        with self._calling():
            return int(_driver.mem_get_info()[0])

    def allocate(self, nbytes: int) -> DeviceMemory:
        with self._calling():
            memory = self._allocated("device", nbytes, lambda: _driver.mem_alloc(nbytes))
        return DeviceMemory(self._resources, self._releaser(memory.free), int(memory), nbytes)

    def allocate_host(self, nbytes: int, mapped: bool = False) -> HostMemory:
        flags = _driver.host_alloc_flags.PORTABLE
        if mapped:
            flags |= _driver.host_alloc_flags.DEVICEMAP
        with self._calling():
            array = self._allocated(
                "pinned host",
                nbytes,
                lambda: _driver.pagelocked_empty(nbytes, np.uint8, mem_flags=flags),
            )
            release = self._releaser(array.base.free)
            on_device = int(array.base.get_device_pointer()) if mapped else None
        return HostMemory(self._resources, release, array.ctypes.data, nbytes, on_device)

    def stream(self) -> Stream:
        # PyCUDA destroys a stream with its object, so nothing else may hold that.
        with self._calling():
            holder = [_driver.Stream(_STREAM_NON_BLOCKING)]

        def synchronize() -> None:
            with self._calling():
                holder[0].synchronize()

        handle = int(holder[0].handle)
        return Stream(self._resources, self._releaser(holder.clear), handle, synchronize, holder)

    def wait_for(self, stream: Stream, other_handle: int) -> None:
        # PyCUDA cannot name a stream that it did not make, so the whole device is waited for.
        with self._calling():
            _driver.Context.synchronize()

    def device_of(self, pointer: int) -> Optional[int]:
        return None  # PyCUDA names the driver's attributes of a pointer, but cannot ask for one

    def upload(self, target: int, source: int, nbytes: int, stream: Stream) -> None:
        with self._calling():
            _driver.memcpy_htod_async(target, _bytes_at(source, nbytes), raw_of(stream))

    def download(self, target: int, source: int, nbytes: int, stream: Stream) -> None:
        with self._calling():
            _driver.memcpy_dtoh_async(_bytes_at(target, nbytes), source, raw_of(stream))

    def load_module(self, image: bytes) -> Module:
        with self._calling():
            holder = [_driver.module_from_buffer(image)]

        def lookup(name: str) -> Any:
            with self._calling():
                return holder[0].get_function(name)

        functions: Dict[str, Any] = {}  # each keeps the module

        def free() -> None:
            functions.clear()
            holder.clear()

        return Module(self._resources, self._releaser(free), lookup, functions)

    def launch(
        self,
        function: Function,
        grid: Extent,
        block: Extent,
        arguments: Sequence[np.generic],
        stream: Stream,
    ) -> None:
        with self._calling():
            raw_of(function)(*arguments, grid=grid, block=block, stream=raw_of(stream))

    def begin_capture(self, stream: Stream) -> None:
        raise BackendError("pycuda has no CUDA graphs. Install cuda-bindings for them")

    def end_capture(self, stream: Stream) -> Graph:
        raise BackendError("pycuda has no CUDA graphs. Install cuda-bindings for them")

    def close(self) -> None:
        if not self._resources.in_this_process:
            return
        with self._closing:  # two threads must not give the context back twice
            if not self._resources.closed:
                self._resources.close()
                self._context.detach()

    def _releaser(self, free: Callable[[], None]) -> Callable[[], None]:
        context = self._context

        def release() -> None:
            with contextlib.suppress(_driver.Error):
                context.push()
                try:
                    free()
                finally:
                    _driver.Context.pop()

        return release

    def _allocated(self, kind: str, nbytes: int, allocate: Callable[[], Any]) -> Any:
        try:
            return allocate()
        except _driver.MemoryError as exc:
            free, total = _driver.mem_get_info()
            raise BackendError(
                f"{self._resources.device}: {nbytes} bytes of {kind} memory wanted, {free} of "
                f"{total} bytes of device memory are free. Close what else uses the device, or use "
                "fewer requests or a smaller batch"
            ) from exc

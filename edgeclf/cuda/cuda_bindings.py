"""CUDA through NVIDIA's ``cuda.bindings`` (in older releases of cuda-python: ``cuda.cuda``).

Only the driver API is used: it needs nothing beside the driver, and the primary context is the one
that torch, CuPy and TensorRT's runtime API are in. Over 200 lines because it is one adapter.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import threading
import uuid
from typing import Any, Callable, Iterator, List, Optional, Sequence

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

__all__ = ["CudaBindings", "open_device"]

_INVALID_VALUE, _OUT_OF_MEMORY = 1, 2
_HOST_PORTABLE, _HOST_MAPPED = 1, 2
_STREAM_NON_BLOCKING = 1
_EVENT_WITHOUT_TIMING = 2


def _imported() -> Any:
    try:
        return importlib.import_module("cuda.bindings.driver")
    except ModuleNotFoundError as newer:
        try:
            return importlib.import_module("cuda.cuda")
        except ImportError:
            raise newer from None


def _version() -> str:
    for name in ("cuda.bindings", "cuda"):
        with contextlib.suppress(ImportError, AttributeError):
            return str(importlib.import_module(name).__version__)
    return "of unknown version"


_driver = _imported()
# The bindings of CUDA 11 have this call with flags under a name of its own.
_INSTANTIATE = (
    "cuGraphInstantiateWithFlags"
    if hasattr(_driver, "cuGraphInstantiateWithFlags")
    else "cuGraphInstantiate"
)


def open_device(index: int) -> CudaBindings:
    """Raises: BackendUnavailable: no driver, or no such device."""
    try:
        _call("cuInit", 0)
        count = int(_call("cuDeviceGetCount"))
    except _NotThere as exc:  # libcuda cannot be opened
        reason = _first_line(exc.__cause__ or exc)
        raise BackendUnavailable(
            f"no CUDA device: NVIDIA's driver cannot be loaded ({reason}). Install the "
            "driver, or start the container with its GPUs (docker run --gpus all)"
        ) from exc
    except BackendError as exc:
        raise BackendUnavailable(f"no CUDA device: {exc}. See what nvidia-smi says") from exc
    if index >= count:
        raise BackendUnavailable(
            f"no CUDA device {index}: this machine shows {count}. Check CUDA_VISIBLE_DEVICES"
        )
    return CudaBindings(index)


def _first_line(exc: BaseException) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]


class _Failed(BackendError):
    """A driver call did not succeed; `code` is CUDA's."""

    def __init__(self, call: str, error: Any):
        super().__init__(f"{call}: {getattr(error, 'name', error)} ({int(error)})")
        self.code = int(error)


class _NotThere(BackendError):
    """libcuda cannot be opened, or is older than a call."""


def _call(name: str, *arguments: Any) -> Any:
    """The value of a driver call; a list where there are several."""
    try:
        error, *values = getattr(_driver, name)(*arguments)
    except (RuntimeError, OSError) as exc:
        raise _NotThere(
            f"{name}: NVIDIA's driver does not have it ({_first_line(exc)}). Update the driver"
        ) from exc
    if int(error) != 0:
        raise _Failed(name, error)
    return values[0] if len(values) == 1 else values


def _facts(device: Any, index: int) -> DeviceFacts:
    attributes = _driver.CUdevice_attribute

    def attribute(name: str) -> int:
        return int(
            _call(
                "cuDeviceGetAttribute", getattr(attributes, f"CU_DEVICE_ATTRIBUTE_{name}"), device
            )
        )

    name = _call("cuDeviceGetName", 256, device)
    identity = bytes(bytearray(_call("cuDeviceGetUuid", device).bytes))
    return DeviceFacts(
        index=index,
        name=bytes(name).split(b"\0")[0].decode(errors="replace"),
        compute_capability=(
            attribute("COMPUTE_CAPABILITY_MAJOR"),
            attribute("COMPUTE_CAPABILITY_MINOR"),
        ),
        memory_bytes=int(_call("cuDeviceTotalMem", device)),
        driver_version=int(_call("cuDriverGetVersion")),
        uuid=f"GPU-{uuid.UUID(bytes=identity)}",
        integrated=bool(attribute("INTEGRATED")),
        can_map_host_memory=bool(attribute("CAN_MAP_HOST_MEMORY")),
        concurrent_managed_access=bool(attribute("CONCURRENT_MANAGED_ACCESS")),
    )


class CudaBindings:
    """See `edgeclf.cuda.base.Cuda`. Thread-safe."""

    can_capture = True

    def __init__(self, index: int):
        self.provider = f"cuda.bindings {_version()}"
        self._device = _call("cuDeviceGet", index)
        self.facts = _facts(self._device, index)
        self._context = _call("cuDevicePrimaryCtxRetain", self._device)
        self._resources = Resources(f"cuda:{index}")
        self._closing = threading.RLock()

    @property
    def closed(self) -> bool:
        return self._resources.closed

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        self._resources.check()
        _call("cuCtxPushCurrent", self._context)
        try:
            yield
        finally:
            _call("cuCtxPopCurrent")

    def free_memory(self) -> int:
        with self.current():
            return int(_call("cuMemGetInfo")[0])

    def allocate(self, nbytes: int) -> DeviceMemory:
        with self.current():
            memory = self._allocated("device", nbytes, lambda: _call("cuMemAlloc", nbytes))
        release = self._releaser("cuMemFree", memory)
        return DeviceMemory(self._resources, release, int(memory), nbytes)

    def allocate_host(self, nbytes: int, mapped: bool = False) -> HostMemory:
        flags = _HOST_PORTABLE | (_HOST_MAPPED if mapped else 0)
        on_device = None
        with self.current():
            memory = self._allocated(
                "pinned host", nbytes, lambda: _call("cuMemHostAlloc", nbytes, flags)
            )
            release = self._releaser("cuMemFreeHost", memory)
            if mapped:
                try:
                    on_device = int(_call("cuMemHostGetDevicePointer", memory, 0))
                except BackendError:
                    release()
                    raise
        return HostMemory(self._resources, release, int(memory), nbytes, on_device)

    def stream(self) -> Stream:
        with self.current():
            raw = _call("cuStreamCreate", _STREAM_NON_BLOCKING)

        def synchronize() -> None:
            with self.current():
                _call("cuStreamSynchronize", raw)

        release = self._releaser("cuStreamDestroy", raw)
        return Stream(self._resources, release, int(raw), synchronize, [raw])

    def wait_for(self, stream: Stream, other_handle: int) -> None:
        with self.current():
            event = _call("cuEventCreate", _EVENT_WITHOUT_TIMING)
            try:
                _call("cuEventRecord", event, _driver.CUstream(other_handle))
                _call("cuStreamWaitEvent", raw_of(stream), event, 0)
            finally:
                _call("cuEventDestroy", event)  # CUDA keeps it as long as it is waited for

    def device_of(self, pointer: int) -> Optional[int]:
        ordinal = _driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
        address = _driver.CUdeviceptr(pointer)
        with self.current():
            try:
                found = int(_call("cuPointerGetAttribute", ordinal, address))
            except _Failed as exc:
                if exc.code != _INVALID_VALUE:
                    raise
                return None  # no memory of CUDA's: the system's, where the GPU reads that
        return None if found < 0 else found

    def upload(self, target: int, source: int, nbytes: int, stream: Stream) -> None:
        with self.current():
            _call("cuMemcpyHtoDAsync", _driver.CUdeviceptr(target), source, nbytes, raw_of(stream))

    def download(self, target: int, source: int, nbytes: int, stream: Stream) -> None:
        with self.current():
            _call("cuMemcpyDtoHAsync", target, _driver.CUdeviceptr(source), nbytes, raw_of(stream))

    def load_module(self, image: bytes) -> Module:
        text = ctypes.create_string_buffer(image)  # PTX has to end with a zero
        with self.current():
            raw = _call("cuModuleLoadData", ctypes.addressof(text))

        def lookup(name: str) -> Any:
            with self.current():
                return _call("cuModuleGetFunction", raw, name.encode())

        return Module(self._resources, self._releaser("cuModuleUnload", raw), lookup)

    def launch(
        self,
        function: Function,
        grid: Extent,
        block: Extent,
        arguments: Sequence[np.generic],
        stream: Stream,
    ) -> None:
        # The driver copies the arguments during the call.
        values: List[np.ndarray] = [np.frombuffer(a.tobytes(), np.uint8) for a in arguments]
        addresses = np.array([value.ctypes.data for value in values], np.uint64)
        with self.current():
            _call(
                "cuLaunchKernel", raw_of(function), *grid, *block, 0, raw_of(stream),
                addresses.ctypes.data, 0,
            )  # fmt: skip

    def begin_capture(self, stream: Stream) -> None:
        mode = _driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        # First: what the garbage collector releases right after the call would spoil the capture.
        self._resources.begin_capture()
        try:
            with self.current():
                _call("cuStreamBeginCapture", raw_of(stream), mode)
        except BaseException:
            self._resources.end_capture()
            raise

    def end_capture(self, stream: Stream) -> Graph:
        try:
            with self.current():
                recorded = _call("cuStreamEndCapture", raw_of(stream))
        finally:
            self._resources.end_capture()
        with self.current():
            try:
                raw = _call(_INSTANTIATE, recorded, 0)
            finally:
                _call("cuGraphDestroy", recorded)

        def launch(on: Stream) -> None:
            with self.current():
                _call("cuGraphLaunch", raw, raw_of(on))

        return Graph(self._resources, self._releaser("cuGraphExecDestroy", raw), launch)

    def close(self) -> None:
        if not self._resources.in_this_process:
            return
        with self._closing:  # two threads must not give the context back twice
            if not self._resources.closed:
                self._resources.close()
                _call("cuDevicePrimaryCtxRelease", self._device)

    def _releaser(self, name: str, raw: Any) -> Callable[[], None]:
        context = self._context

        def release() -> None:
            # At the end of a process the driver may be gone, and with it what was to be released.
            with contextlib.suppress(BackendError):
                _call("cuCtxPushCurrent", context)
                try:
                    _call(name, raw)
                finally:
                    _call("cuCtxPopCurrent")

        return release

    def _allocated(self, kind: str, nbytes: int, allocate: Callable[[], Any]) -> Any:
        try:
            return allocate()
        except _Failed as exc:
            if exc.code != _OUT_OF_MEMORY:
                raise
            free, total = _call("cuMemGetInfo")
            raise BackendError(
                f"{self._resources.device}: {nbytes} bytes of {kind} memory wanted, {int(free)} of "
                f"{int(total)} bytes of device memory are free. Close what else uses the device, "
                "or use fewer requests or a smaller batch"
            ) from exc

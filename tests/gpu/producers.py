"""Who makes pixels on the device: torch, CuPy, and what poses as them on any device.

Each gives an array that is filled only after slow work on a stream of the producer's own: whoever
does not wait for that stream reads zeros.
"""

from __future__ import annotations

import contextlib

import any_device
import fake_device
import numpy as np
import pytest


class InterfaceAlone:
    """An array seen through ``__cuda_array_interface__`` version 3 alone."""

    def __init__(self, array, stream):
        self._keep = array
        facts = dict(array.__cuda_array_interface__)
        self.__cuda_array_interface__ = {**facts, "version": 3, "stream": stream}


@contextlib.contextmanager
def protocol(cuda, pixels, kind):
    """Through edgeclf's own memory layer; runs on FakeCuda, too."""
    stream, empty = cuda.stream(), any_device.upload(cuda, np.zeros_like(pixels))
    large = cuda.allocate_host(64 << 20) if cuda.provider != "fake" else None
    host = cuda.allocate_host(pixels.nbytes)
    host.array[:] = pixels.reshape(-1)
    if large is not None:
        device = cuda.allocate(large.nbytes)
        cuda.upload(device.pointer, large.pointer, large.nbytes, stream)
    cuda.upload(empty.pointer, host.pointer, pixels.nbytes, stream)
    array = fake_device.Interface(
        empty, pixels.shape, pixels.strides, pixels.dtype.str, stream.handle, 3
    )
    if kind == "dlpack":
        # A producer of DLPack puts its work in front of the consumer's stream itself.
        stream.synchronize()
        array = fake_device.DLPack(array)
    yield array
    stream.synchronize()


@contextlib.contextmanager
def torch(cuda, pixels, kind):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    source = torch.from_numpy(pixels).pin_memory()
    stream = torch.cuda.Stream()
    array = torch.zeros(pixels.shape, dtype=torch.uint8, device="cuda")
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        matrix = torch.ones(2048, 2048, device="cuda")
        for _ in range(50):
            matrix = matrix @ matrix * 1e-4
        array.copy_(source, non_blocking=True)
        yield array if kind == "dlpack" else InterfaceAlone(array, stream.cuda_stream)
    torch.cuda.synchronize()


@contextlib.contextmanager
def cupy(cuda, pixels, kind):
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    stream = cupy.cuda.Stream(non_blocking=True)
    array = cupy.zeros(pixels.shape, cupy.uint8)
    cupy.cuda.Device().synchronize()
    with stream:
        matrix = cupy.ones((2048, 2048), cupy.float32)
        for _ in range(50):
            matrix = matrix * np.float32(1.0001)
        array.set(pixels)
        yield InterfaceAlone(array, stream.ptr) if kind == "interface" else DLPackAlone(array)
    stream.synchronize()


class DLPackAlone:
    """An array seen through DLPack alone."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, stream=None):
        return self._array.__dlpack__(stream=stream)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


PRODUCERS = {"protocol": protocol, "torch": torch, "cupy": cupy}

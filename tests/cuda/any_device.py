"""What runs through the protocol alone: on FakeCuda always, with `-m gpu` on the real device."""

from __future__ import annotations

import functools

import fake_device
import numpy as np
import pytest

from edgeclf.cuda import DeviceTensor, open_cuda
from edgeclf.cuda.preprocess import CudaPreprocessor
from edgeclf.errors import BackendUnavailable

ON_GPU = pytest.param("gpu", marks=pytest.mark.gpu)
PLACES = ["fake", ON_GPU]


@functools.lru_cache(maxsize=None)
def _opened():
    try:
        return open_cuda(0), ""
    except BackendUnavailable as exc:
        return None, str(exc)


def real_cuda():
    """The GPU of this machine; skips the test where there is none."""
    cuda, reason = _opened()
    if cuda is None:
        pytest.skip(f"no GPU here: {reason}")
    return cuda


def cuda_at(place):
    return fake_device.fake_cuda() if place == "fake" else real_cuda()


def preprocessor(cuda, spec, quantization=None):
    image = b"cubin" if cuda.provider == "fake" else None  # None: compiled for the device
    return CudaPreprocessor(cuda, spec, quantization, image=image)


def upload(cuda, array):
    """Device memory with the bytes of `array`, complete."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    host, memory = cuda.allocate_host(flat.nbytes), cuda.allocate(flat.nbytes)
    stream = cuda.stream()
    host.array[:] = flat
    cuda.upload(memory.pointer, host.pointer, flat.nbytes, stream)
    stream.synchronize()
    return memory


def download(cuda, pointer, nbytes, stream):
    """A copy of the device's bytes, after all that `stream` holds."""
    host = cuda.allocate_host(nbytes)
    cuda.download(host.pointer, pointer, nbytes, stream)
    stream.synchronize()
    return host.array.copy()


class Output:
    """A tensor in device memory with a stream of its own, and reading it."""

    def __init__(self, cuda, shape, dtype):
        self._cuda = cuda
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = cuda.allocate(nbytes)
        self.target = DeviceTensor(memory.pointer, shape, dtype, cuda.stream(), memory)

    def read(self):
        target = self.target
        raw = download(self._cuda, target.pointer, target.nbytes, target.stream)
        return raw.view(target.dtype).reshape(target.shape)


class Echo:
    """A request whose raw output is its input."""

    can_capture = True

    def __init__(self, cuda, shape, dtype):
        self._cuda = cuda
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory, self._host = cuda.allocate(nbytes), cuda.allocate_host(nbytes)
        self.device_input = DeviceTensor(memory.pointer, shape, dtype, cuda.stream(), memory)
        self._output = self._host.array.view(dtype).reshape(shape)

    def enqueue(self):
        target = self.device_input
        self._cuda.download(self._host.pointer, target.pointer, target.nbytes, target.stream)

    def finish(self):
        self.device_input.stream.synchronize()
        return (self._output,)


class KernelOnDevice:
    """`host_kernel.tensor` on a device."""

    def __init__(self, cuda):
        self._cuda = cuda

    def tensor(self, frame, spec, quantization=None, region=None, degrees=0):
        on_device = preprocessor(self._cuda, spec, quantization)
        out = Output(self._cuda, spec.shape, spec.dtype)
        on_device.write(frame, out.target, region, degrees)
        result = out.read()
        on_device.close()
        return result


def has_gpu():
    return _opened()[0] is not None

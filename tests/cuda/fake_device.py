"""A FakeCuda that runs the real kernel, and what poses as arrays and requests on it."""

from __future__ import annotations

import ctypes

import host_kernel
import numpy as np

from edgeclf.cuda import DeviceTensor
from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda
from edgeclf.cuda.preprocess import CudaPreprocessor


def fake_cuda(**facts):
    """Its kernel's addresses are checked before the compiled code uses them."""
    can_capture = facts.pop("can_capture", True)
    cuda = FakeCuda(FAKE_FACTS._replace(**facts), can_capture=can_capture)

    def kernel(grid, block, arguments):
        tables, tensor, pixels = np.frombuffer(arguments[0].tobytes(), np.uint64, 3)
        for address in (tables, tensor, pixels):
            cuda.view(int(address), 1)
        host_kernel.launch(grid, block, arguments)

    cuda.kernels["edgeclf_preprocess"] = kernel
    return cuda


def preprocessor(cuda, spec, quantization=None, **options):
    return CudaPreprocessor(cuda, spec, quantization, image=b"cubin", **options)


class Tensors:
    """A device tensor and its stream; `read` waits and gives it as an array."""

    def __init__(self, cuda, shape, dtype):
        self.stream = cuda.stream()
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self._cuda, self._memory = cuda, cuda.allocate(nbytes)
        self.target = DeviceTensor(self._memory.pointer, shape, dtype, self.stream, self._memory)

    def unread(self):
        raw = self._cuda.view(self.target.pointer, self.target.nbytes)
        return raw.view(self.target.dtype).reshape(self.target.shape).copy()

    def read(self):
        self.stream.synchronize()
        return self.unread()


def on_device(cuda, array, stream=None, version=3, wide=0):
    """`array` in device memory whose rows have `wide` more columns; it has the interface."""
    padded = np.zeros((array.shape[0], array.shape[1] + wide, *array.shape[2:]), array.dtype)
    padded[:, : array.shape[1]] = array
    memory = cuda.allocate(padded.nbytes)
    cuda.view(memory.pointer, padded.nbytes)[:] = padded.reshape(-1).view(np.uint8)
    return Interface(memory, array.shape, padded.strides, array.dtype.str, stream, version)


class Interface:
    def __init__(self, memory, shape, strides, typestr, stream, version):
        self.memory = memory
        self.__cuda_array_interface__ = {
            "data": (memory.pointer, True), "shape": shape, "strides": strides,
            "typestr": typestr, "version": version,
        }  # fmt: skip
        if version >= 3:
            self.__cuda_array_interface__["stream"] = stream


class DLPack:
    """The same through DLPack; `asked` is the stream that the consumer named."""

    def __init__(self, interface, device=(2, 0), bits=8):
        self._interface, self._device, self._bits = interface, device, bits
        self.asked = None

    def __dlpack_device__(self):
        return self._device

    def __dlpack__(self, stream=None):
        from edgeclf.cuda.dlpack import _Tensor

        self.asked = stream
        facts = self._interface.__cuda_array_interface__
        count = len(facts["shape"])
        self._tensor = tensor = _Tensor()
        tensor.data, tensor.byte_offset = facts["data"][0] - 4, 4
        tensor.device.type, tensor.device.id = self._device
        tensor.ndim = count
        tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes = 1, self._bits, 1
        self._shape = (ctypes.c_int64 * count)(*facts["shape"])
        self._strides = (ctypes.c_int64 * count)(*facts["strides"])
        tensor.shape, tensor.strides = self._shape, self._strides
        new = ctypes.pythonapi.PyCapsule_New
        new.restype = ctypes.py_object
        new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(tensor), b"dltensor", None)


class Request:
    """A model that gives each channel's sum, computed on the device when the stream gets there."""

    can_capture = True

    def __init__(self, cuda, shape, dtype="float32"):
        self._cuda = cuda
        self._tensors = Tensors(cuda, shape, dtype)
        self.device_input = self._tensors.target
        self._result = cuda.allocate(8)
        self._host = cuda.allocate_host(8)
        self.enqueued = 0
        self.refuses_capture = False

    def enqueue(self):
        self.enqueued += 1
        stream = self.device_input.stream
        if self.refuses_capture:
            stream.synchronize()  # as some plugins do
        tensors, result, cuda = self._tensors, self._result, self._cuda

        def work():
            total = tensors.unread().astype(np.float64).sum()
            cuda.view(result.pointer, 8).view(np.float64)[0] = total

        cuda.enqueue(stream.handle, work)
        cuda.download(self._host.pointer, result.pointer, 8, stream)

    def finish(self):
        self.device_input.stream.synchronize()
        return (self._host.array.view(np.float64).copy(),)

"""A stand-in for the module ``cuda.bindings.driver``: its functions' arguments and tuples of an
error and values, over host memory. Copies happen at once: deferral is FakeCuda's business.

It knows the calls by the names, argument counts and results that NVIDIA's documentation gives;
test_cuda_providers.py holds the names against the real module where that is installed.
"""

from __future__ import annotations

import ctypes
import enum
from types import SimpleNamespace


class CUresult(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_INVALID_CONTEXT = 201
    CUDA_ERROR_NOT_FOUND = 500


OK = CUresult.CUDA_SUCCESS


class CUdevice_attribute(enum.IntEnum):
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 8
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 7
    CU_DEVICE_ATTRIBUTE_INTEGRATED = 1
    CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY = 101
    CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS = 0


class CUpointer_attribute(enum.IntEnum):
    CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9


class CUstreamCaptureMode(enum.IntEnum):
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1


class Handle:
    def __init__(self, value=0):
        self.value = int(value)

    def __int__(self):
        return self.value


CUstream = CUdeviceptr = Handle


class State:
    """What the driver has: `log` is every call's name and whether the context was current."""

    def __init__(self, devices=1, memory=1 << 20, init=OK):
        self.devices, self.memory, self.init = devices, memory, init
        self.blocks, self.hosts, self.log = {}, {}, []
        self.depth = self.retained = self.streams = self.graphs = self.modules = self.events = 0
        self.launched = []
        self.begin, self.on_begin = OK, lambda: None  # of a capture
        self.ordinal = 0  # of the device that has the memory


state, CONTEXT = State(), object()


def needs_context(function):
    def checked(*arguments):
        state.log.append(function.__name__)
        if state.depth == 0:
            return (CUresult.CUDA_ERROR_INVALID_CONTEXT, *[None] * 2)
        return function(*arguments)

    checked.__name__ = function.__name__
    return checked


def cuInit(flags):
    if isinstance(state.init, Exception):
        raise state.init
    return (state.init,)


def cuDeviceGetCount():
    return OK, state.devices


def cuDeviceGet(index):
    return OK, Handle(index)


def cuDeviceGetName(size, device):
    return OK, b"Fake Orin" + b"\0" * 8


def cuDeviceGetUuid(device):
    return OK, SimpleNamespace(bytes=bytes(range(16)))


def cuDeviceGetAttribute(attribute, device):
    return OK, int(attribute)


def cuDeviceTotalMem(device):
    return OK, state.memory


def cuDriverGetVersion():
    return OK, 12060


def cuDevicePrimaryCtxRetain(device):
    state.retained += 1
    return OK, CONTEXT


def cuDevicePrimaryCtxRelease(device):
    state.retained -= 1
    return (OK,)


def cuCtxPushCurrent(context):
    assert context is CONTEXT
    state.depth += 1
    return (OK,)


def cuCtxPopCurrent():
    state.depth -= 1
    return OK, CONTEXT


@needs_context
def cuMemGetInfo():
    used = sum(len(block) for block in state.blocks.values())
    return OK, state.memory - used, state.memory


@needs_context
def cuMemAlloc(size):
    if size > cuMemGetInfo()[1]:
        return CUresult.CUDA_ERROR_OUT_OF_MEMORY, None
    block = ctypes.create_string_buffer(size)
    state.blocks[ctypes.addressof(block)] = block
    return OK, Handle(ctypes.addressof(block))


@needs_context
def cuMemFree(pointer):
    del state.blocks[int(pointer)]
    return (OK,)


@needs_context
def cuPointerGetAttribute(attribute, ptr):
    assert isinstance(attribute, CUpointer_attribute)
    assert isinstance(ptr, CUdeviceptr)
    if int(ptr) not in state.blocks:
        return CUresult.CUDA_ERROR_INVALID_VALUE, None
    return OK, state.ordinal


@needs_context
def cuMemHostAlloc(size, flags):
    block = ctypes.create_string_buffer(size)
    state.hosts[ctypes.addressof(block)] = (block, flags)
    return OK, ctypes.addressof(block)


@needs_context
def cuMemHostGetDevicePointer(pointer, flags):
    _, how = state.hosts[pointer]
    return (OK, Handle(pointer)) if how & 2 else (CUresult.CUDA_ERROR_INVALID_VALUE, None)


@needs_context
def cuMemFreeHost(pointer):
    del state.hosts[pointer]
    return (OK,)


@needs_context
def cuStreamCreate(flags):
    assert flags == 1  # non-blocking
    state.streams += 1
    return OK, CUstream(0x1000 + state.streams)


@needs_context
def cuStreamSynchronize(stream):
    return (OK,)


@needs_context
def cuStreamDestroy(stream):
    state.streams -= 1
    return (OK,)


@needs_context
def cuEventCreate(flags):
    state.events += 1
    return OK, Handle(9)


@needs_context
def cuEventRecord(event, stream):
    assert isinstance(stream, CUstream)
    return (OK,)


@needs_context
def cuStreamWaitEvent(stream, event, flags):
    return (OK,)


@needs_context
def cuEventDestroy(event):
    state.events -= 1
    return (OK,)


@needs_context
def cuMemcpyHtoDAsync(target, source, size, stream):
    ctypes.memmove(int(target), source, size)
    return (OK,)


@needs_context
def cuMemcpyDtoHAsync(target, source, size, stream):
    ctypes.memmove(target, int(source), size)
    return (OK,)


@needs_context
def cuModuleLoadData(address):
    state.modules += 1
    return OK, ctypes.string_at(address)


@needs_context
def cuModuleGetFunction(module, name):
    if name != b"kernel":
        return CUresult.CUDA_ERROR_NOT_FOUND, None
    return OK, name


@needs_context
def cuModuleUnload(module):
    state.modules -= 1
    return (OK,)


@needs_context
def cuLaunchKernel(function, gx, gy, gz, bx, by, bz, shared, stream, parameters, extra):
    first = ctypes.cast(parameters, ctypes.POINTER(ctypes.c_void_p))
    struct = ctypes.string_at(first[0], 16)
    number = ctypes.cast(first[1], ctypes.POINTER(ctypes.c_uint64))[0]
    state.launched.append((function, (gx, gy, gz), (bx, by, bz), struct, number))
    return (OK,)


@needs_context
def cuStreamBeginCapture(stream, mode):
    state.on_begin()
    return (state.begin,)


@needs_context
def cuStreamEndCapture(stream):
    state.graphs += 1
    return OK, Handle(5)


@needs_context
def cuGraphInstantiate(graph, flags):
    state.graphs += 1
    return OK, Handle(6)


@needs_context
def cuGraphLaunch(graph, stream):
    return (OK,)


@needs_context
def cuGraphDestroy(graph):
    state.graphs -= 1
    return (OK,)


@needs_context
def cuGraphExecDestroy(graph):
    state.graphs -= 1
    return (OK,)

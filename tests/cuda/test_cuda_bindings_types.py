"""The real `cuda.bindings` takes what our adapter hands it: without a driver, a call with arguments
of the right types gets as far as loading the driver, and one with wrong types does not."""

from __future__ import annotations

import ctypes
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from nvidia_packages import has_bindings

import edgeclf.cuda

SOURCE = Path(edgeclf.cuda.__file__).parent / "cuda_bindings.py"


def calls(real):
    """name -> arguments of the types that the adapter uses."""
    buffer = ctypes.create_string_buffer(64)
    address, stream, memory = ctypes.addressof(buffer), real.CUstream(4096), real.CUdeviceptr(8192)
    device, event, module = real.CUdevice(0), real.CUevent(1), real.CUmodule(1)
    addresses = np.zeros(1, np.uint64).ctypes.data
    mode = real.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    attribute = real.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_INTEGRATED
    ordinal = real.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    return {
        "cuInit": (0,), "cuDeviceGetCount": (), "cuDeviceGet": (0,), "cuDriverGetVersion": (),
        "cuDeviceGetName": (256, device), "cuDeviceGetUuid": (device,),
        "cuDeviceTotalMem": (device,), "cuDeviceGetAttribute": (attribute, device),
        "cuDevicePrimaryCtxRetain": (device,), "cuDevicePrimaryCtxRelease": (device,),
        "cuCtxPushCurrent": (real.CUcontext(1),), "cuCtxPopCurrent": (), "cuMemGetInfo": (),
        "cuPointerGetAttribute": (ordinal, memory),
        "cuMemAlloc": (16,), "cuMemFree": (memory,), "cuMemHostAlloc": (16, 3),
        "cuMemHostGetDevicePointer": (address, 0), "cuMemFreeHost": (address,),
        "cuStreamCreate": (1,), "cuStreamSynchronize": (stream,), "cuStreamDestroy": (stream,),
        "cuEventCreate": (2,), "cuEventRecord": (event, stream), "cuEventDestroy": (event,),
        "cuStreamWaitEvent": (stream, event, 0),
        "cuMemcpyHtoDAsync": (memory, address, 16, stream),
        "cuMemcpyDtoHAsync": (address, memory, 16, stream),
        "cuModuleLoadData": (address,), "cuModuleGetFunction": (module, b"kernel"),
        "cuModuleUnload": (module,),
        "cuLaunchKernel": (real.CUfunction(1), 1, 1, 1, 32, 8, 1, 0, stream, addresses, 0),
        "cuStreamBeginCapture": (stream, mode), "cuStreamEndCapture": (stream,),
        "cuGraphInstantiate": (real.CUgraph(1), 0), "cuGraphLaunch": (real.CUgraphExec(1), stream),
        "cuGraphDestroy": (real.CUgraph(1),), "cuGraphExecDestroy": (real.CUgraphExec(1),),
    }  # fmt: skip


def test_every_call_of_the_adapter():
    if not has_bindings():
        pytest.skip("cuda-bindings is not installed")
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        pass
    else:
        pytest.skip("this machine has a driver, which would take these addresses for real ones")
    real = importlib.import_module("cuda.bindings.driver")
    known = calls(real)
    used = set(re.findall(r'"(cu[A-Z]\w+)"', SOURCE.read_text()))
    assert used - {"cuGraphInstantiateWithFlags"} == set(known)
    for name, arguments in known.items():
        with pytest.raises(RuntimeError):  # the driver cannot be loaded
            getattr(real, name)(*arguments)
    with pytest.raises(TypeError):
        real.cuMemcpyHtoDAsync("memory", "host", 16, known["cuStreamDestroy"][0])

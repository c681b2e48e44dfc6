"""A stand-in for ``pycuda`` and ``pycuda.driver``, to PyCUDA's documented API, over host memory.

``modules()`` gives both; a test puts them into ``sys.modules``.
"""

from __future__ import annotations

import ctypes
import types

import numpy as np


class State:
    def __init__(self, devices=1, memory=1 << 20):
        self.devices, self.memory, self.depth = devices, memory, 0
        self.device_bytes, self.host_blocks, self.launched = 0, 0, []
        self.inits = self.retained = self.waits = 0
        self.lost = False
        self.destroyed = []  # what PyCUDA destroys with its object: kind, context current


def modules(state: State):
    """(pycuda, pycuda.driver)"""
    driver = types.ModuleType("pycuda.driver")

    class Error(Exception):
        pass

    class LogicError(Error):
        pass

    class OutOfMemory(Error):
        pass

    def in_context():
        if state.depth == 0:
            raise LogicError("no context is current")

    class Context:
        def push(self):
            if state.lost:
                raise LogicError("context is destroyed")
            state.depth += 1

        @staticmethod
        def pop():
            state.depth -= 1

        @staticmethod
        def synchronize():
            in_context()
            state.waits += 1

        def detach(self):
            state.retained -= 1

    class Device:
        def __init__(self, index):
            self.index = index

        @staticmethod
        def count():
            return state.devices

        def name(self):
            return "Fake Nano"

        def compute_capability(self):
            return (5, 3)

        def total_memory(self):
            return state.memory

        def pci_bus_id(self):
            return "0000:00:00.0"

        def get_attribute(self, attribute):
            return {"integrated": 1, "map": 1, "managed": 0}[attribute]

        def retain_primary_context(self):
            state.retained += 1
            return Context()

    class DeviceAllocation:
        def __init__(self, size):
            self.block = ctypes.create_string_buffer(size)
            self.size = size
            state.device_bytes += size

        def __int__(self):
            return ctypes.addressof(self.block)

        def free(self):
            in_context()
            state.device_bytes -= self.size

    def mem_alloc(size):
        in_context()
        if size > state.memory - state.device_bytes:
            raise OutOfMemory("cuMemAlloc failed: out of memory")
        return DeviceAllocation(size)

    class PagelockedHostAllocation:
        def __init__(self, size, flags):
            self.block = (ctypes.c_uint8 * size)()
            self.flags = flags
            state.host_blocks += 1

        @property
        def __array_interface__(self):
            data = (ctypes.addressof(self.block), False)
            return {"shape": (len(self.block),), "typestr": "|u1", "data": data, "version": 3}

        def get_device_pointer(self):
            if not self.flags & 2:
                raise LogicError("not mapped")
            return ctypes.addressof(self.block)

        def free(self):
            in_context()
            state.host_blocks -= 1

    def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
        in_context()
        assert dtype is np.uint8
        return np.asarray(PagelockedHostAllocation(shape, mem_flags))

    class Stream:
        def __init__(self, flags=0):
            in_context()
            assert flags == 1
            self.handle = 4711

        def synchronize(self):
            in_context()

        def __del__(self):
            state.destroyed.append(("stream", state.depth > 0))

    def memcpy_htod_async(dest, src, stream=None):
        in_context()
        ctypes.memmove(int(dest), bytes(src), len(src))

    def memcpy_dtoh_async(dest, src, stream=None):
        in_context()
        ctypes.memmove(ctypes.addressof(dest), int(src), len(dest))

    class Function:
        def __init__(self, module):
            self.module = module  # as PyCUDA's does

        def __call__(self, *arguments, grid, block, stream):
            in_context()
            assert all(isinstance(a, np.generic) for a in arguments)
            state.launched.append((arguments, grid, block))

    class Module:
        def get_function(self, name):
            in_context()
            if name != "kernel":
                raise LogicError("named symbol not found")
            return Function(self)

        def __del__(self):
            state.destroyed.append(("module", state.depth > 0))

    def module_from_buffer(buffer):
        in_context()
        return Module()

    def init():
        state.inits += 1

    driver.Error, driver.MemoryError, driver.LogicError = Error, OutOfMemory, LogicError
    driver.Context, driver.Device, driver.Stream = Context, Device, Stream
    driver.mem_alloc, driver.pagelocked_empty = mem_alloc, pagelocked_empty
    driver.memcpy_htod_async, driver.memcpy_dtoh_async = memcpy_htod_async, memcpy_dtoh_async
    driver.module_from_buffer, driver.init = module_from_buffer, init
    driver.get_driver_version = lambda: 10020
    driver.mem_get_info = lambda: (state.memory - state.device_bytes, state.memory)
    driver.host_alloc_flags = types.SimpleNamespace(PORTABLE=1, DEVICEMAP=2)
    driver.device_attribute = types.SimpleNamespace(
        INTEGRATED="integrated", CAN_MAP_HOST_MEMORY="map"
    )
    package = types.ModuleType("pycuda")
    package.VERSION_TEXT = "2022.1"
    package.driver = driver
    return package, driver

"""What a provider hands out: plain objects, each released exactly once.

A resource is released by its own method, by the garbage collector, or when its ``Cuda`` closes,
whichever comes first. In a forked child nothing is released, nor a provider's object destroyed:
the driver's state there is a copy that must not be touched. While a thread records a graph, its
releases wait for the end. Over 200 lines, because six small classes share what releases them.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from typing import Any, Callable, Dict, List, Optional, Union

import numpy as np

from edgeclf.errors import BackendError

__all__ = [
    "DeviceMemory",
    "Function",
    "Graph",
    "HostMemory",
    "Module",
    "Resources",
    "Stream",
    "never_destroy",
    "raw_of",
]

Release = Callable[[], None]


class Resources:
    """All that one Cuda has handed out and not yet released. Thread-safe.

    It takes no lock: the garbage collector may release from within any line of Python.
    """

    def __init__(self, device: str, context: Any = None):
        self.device = device
        self.context = context  # the provider's own object, kept as long as what was made in it
        self.closed = False
        self._pid = os.getpid()
        self._held: Dict[int, Release] = {}
        self._waiting: List[Release] = []
        self._capturing: Dict[int, int] = {}  # thread -> streams
        _ALL.add(self)

    def check(self) -> None:
        """Cheap enough for every call.

        Raises:
            BackendError: closed, or this is a forked child.
        """
        if self.closed:
            raise BackendError(f"{self.device}: closed. Call open_cuda again")
        if os.getpid() != self._pid:
            raise BackendError(
                f"{self.device}: opened in process {self._pid} and used in its forked child "
                f"{os.getpid()}, where CUDA does not work. Start processes with "
                "multiprocessing's 'spawn', or open it in the child alone"
            )

    @property
    def in_this_process(self) -> bool:
        return os.getpid() == self._pid

    def hold(self, token: int, release: Release) -> None:
        self._held[token] = release

    def release(self, token: int) -> None:
        if os.getpid() != self._pid:
            return  # still held: the provider's object would end with its release
        release = self._held.pop(token, None)
        if release is None:
            return
        if threading.get_ident() in self._capturing:
            self._waiting.append(release)
        else:
            release()

    def begin_capture(self) -> None:
        thread = threading.get_ident()
        self._capturing[thread] = self._capturing.get(thread, 0) + 1

    def end_capture(self) -> None:
        thread = threading.get_ident()
        left = self._capturing.get(thread, 1) - 1
        if left > 0:
            self._capturing[thread] = left
            return
        self._capturing.pop(thread, None)
        while self._waiting:
            self._waiting.pop(0)()

    def close(self) -> None:
        """Release all, the newest first. What is used meanwhile is refused."""
        self.closed = True
        for token in reversed(list(self._held)):
            self.release(token)
        while self._waiting:
            self._waiting.pop(0)()


_ALL: "weakref.WeakSet[Resources]" = weakref.WeakSet()


def never_destroy(thing: Any) -> None:
    """Keep an object until the process ends, and beyond the interpreter's end.

    For a vendor's object whose destruction would take the process down: one that did not start, or
    what a forked child has of its parent's.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _keep_the_parents() -> None:
    for resources in list(_ALL):
        never_destroy(resources)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_keep_the_parents)


class _Resource:
    """Released once; `resources` says whose it is."""

    def __init__(self, resources: Resources, release: Release):
        self.resources = resources
        token = id(release)
        resources.hold(token, release)  # keeps `release`, so that its id stays its own
        self._finalizer = weakref.finalize(self, resources.release, token)
        self._finalizer.atexit = False

    def _free(self) -> None:
        self._finalizer()

    @property
    def freed(self) -> bool:
        return not self._finalizer.alive or self.resources.closed


class DeviceMemory(_Resource):
    """``nbytes`` bytes from the address ``pointer`` on, aligned to 256."""

    def __init__(self, resources: Resources, release: Release, pointer: int, nbytes: int):
        super().__init__(resources, release)
        self.pointer = pointer
        self.nbytes = nbytes

    def free(self) -> None:
        """Give it back. Safe to call twice. Work that uses it must be over."""
        self._free()


class HostMemory(_Resource):
    """Pinned memory. ``device_pointer`` is the device's address of it, None unless mapped."""

    def __init__(
        self,
        resources: Resources,
        release: Release,
        pointer: int,
        nbytes: int,
        device_pointer: Any = None,
    ):
        super().__init__(resources, release)
        self.pointer = pointer
        self.nbytes = nbytes
        self.device_pointer = device_pointer

    @property
    def array(self) -> np.ndarray:
        """uint8, (nbytes,). Every array made of it keeps this object, until `free` is called."""
        if self.freed:
            raise BackendError(f"{self.resources.device}: pinned memory was freed before this use")
        return np.asarray(self)

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        return {
            "shape": (self.nbytes,),
            "typestr": "|u1",
            "data": (self.pointer, False),
            "version": 3,
        }

    def free(self) -> None:
        """Give it back. Safe to call twice. Nobody may use `array` or views of it any more."""
        self._free()


class Stream(_Resource):
    """Work in order. ``handle`` is CUDA's, as a whole number.

    ``holder`` is a list with the provider's own object, which `release` may empty.
    """

    def __init__(
        self,
        resources: Resources,
        release: Release,
        handle: int,
        synchronize: Release,
        holder: List[Any],
    ):
        super().__init__(resources, release)
        self.handle = handle
        self._holder = holder
        self._synchronize = synchronize

    @property
    def raw(self) -> Any:
        """The provider's own object; None once closed."""
        return None if self.freed or not self._holder else self._holder[0]

    def synchronize(self) -> None:
        """Wait until all that was enqueued is done. BackendError: some of it failed."""
        self.resources.check()
        if self.freed:
            raise BackendError(f"{self.resources.device}: this stream was closed")
        self._synchronize()

    def close(self) -> None:
        """Safe to call twice."""
        self._free()


class Function:
    """A kernel of a module, which it keeps."""

    def __init__(self, module: Module, name: str):
        self.module = module
        self.name = name

    @property
    def raw(self) -> Any:
        """The provider's own object; None once the module is closed."""
        return None if self.module.freed else self.module.functions.get(self.name)


class Module(_Resource):
    """Compiled code on the device.

    ``functions`` holds the provider's own objects of the kernels that were looked up; `release`
    may empty it, where they keep the module.
    """

    def __init__(
        self,
        resources: Resources,
        release: Release,
        lookup: Callable[[str], Any],
        functions: Optional[Dict[str, Any]] = None,
    ):
        super().__init__(resources, release)
        self._lookup = lookup
        self.functions: Dict[str, Any] = {} if functions is None else functions

    def function(self, name: str) -> Function:
        """The kernel of that name (declared ``extern "C"``). BackendError: there is none."""
        self.resources.check()
        if self.freed:
            raise BackendError(f"{self.resources.device}: this module was closed")
        if name not in self.functions:
            self.functions[name] = self._lookup(name)
        return Function(self, name)

    def close(self) -> None:
        """Safe to call twice. Its functions are of no use any more."""
        self._free()


def raw_of(thing: Union[Stream, Function]) -> Any:
    """The provider's object. None must not reach CUDA, which takes it for the default stream.

    Raises:
        BackendError: it was closed.
    """
    raw = thing.raw
    if raw is None:
        what = "stream" if isinstance(thing, Stream) else "kernel's module"
        raise BackendError(f"this {what} was closed before this use")
    return raw


class Graph(_Resource):
    """Recorded work, launched as one."""

    def __init__(self, resources: Resources, release: Release, launch: Callable[[Stream], None]):
        super().__init__(resources, release)
        self._launch = launch

    def launch(self, stream: Stream) -> None:
        """Enqueue all of it on `stream`."""
        self.resources.check()
        if self.freed:
            raise BackendError(f"{self.resources.device}: this graph was closed")
        self._launch(stream)

    def close(self) -> None:
        """Safe to call twice."""
        self._free()

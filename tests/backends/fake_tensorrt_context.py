"""A fake execution context: shapes, addresses, and a run that happens on a FakeCuda's stream.

See `fake_tensorrt`. Its checks are the vendor's: what answers False there does so here.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from fake_tensorrt_engines import answers

from edgeclf.errors import BackendError

ALIGNMENT = 256  # of addresses, as the vendor's documentation demands it


class Crash(BaseException):
    """The real module would have ended the process here."""


class Dims(Sequence):  # type: ignore[type-arg]
    """The vendor's: a sequence that is no tuple, and not equal to one of other length."""

    def __init__(self, numbers: Sequence[int]):
        self._numbers = tuple(numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        return self._numbers[index]


class FakeContext:
    _state: Any

    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    def _open(self, engine: Any, memory: Any) -> None:
        state = self._state
        state.contexts += 1
        self._engine = engine  # as py::keep_alive
        self._memory = memory
        self._lock = threading.Lock()
        self._shape: Optional[Sequence[int]] = None
        self._addresses: Dict[str, int] = {}
        self._last_addresses: List[int] = []
        self._profiler: Any = None
        self._emits = True
        self._unreported = False
        dynamic = bool(engine._content["profiles"])
        self._profile = 0
        if dynamic and not state.generation.shares_profiles:
            # The first one is given profile 0, all others none.
            self._profile = 0 if not engine._in_use else -1
            if self._profile == 0:
                engine._in_use[0] = id(self)
        if not dynamic:
            self._shape = engine._content["input"][1]

    def __del__(self) -> None:
        if not hasattr(self, "_memory"):
            return
        for address in self._last_addresses:
            try:
                self._state.cuda.view(address, 1)
            except BackendError:
                self._state.ended.append("memory before its context")
        self._state.ended.append("context")
        self._state.contexts -= 1
        self._engine._in_use = {
            profile: owner for profile, owner in self._engine._in_use.items() if owner != id(self)
        }
        self._memory.free()

    def _alone(self) -> _Alone:
        return _Alone(self._lock)

    @property
    def active_optimization_profile(self) -> int:
        return self._profile

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        with self._alone():
            self._state.touch()
            self._state.cuda.enqueue(stream_handle, lambda: None)
            engine = self._engine
            if profile_index >= engine.num_optimization_profiles:
                self._state.error(f"profile {profile_index} does not exist")
                return False
            if not self._state.generation.shares_profiles:
                if engine._in_use.get(profile_index, id(self)) != id(self):
                    self._state.error(
                        f"3: Profile {profile_index} has been chosen by another "
                        "IExecutionContext. Use another profileIndex or destroy the "
                        "IExecutionContext that use this profile."
                    )
                    return False
                engine._in_use = {p: c for p, c in engine._in_use.items() if c != id(self)}
                engine._in_use[profile_index] = id(self)
            self._profile = profile_index
            self._shape = None
            return True

    def _set_shape(self, shape: Sequence[int]) -> bool:
        with self._alone():
            content = self._engine._content
            if self._profile < 0:
                self._state.error("3: no optimization profile is set")
                return False
            if content["profiles"]:
                low, _, high = content["profiles"][self._profile]
                fits = len(shape) == len(low) and all(
                    a <= n <= b for a, n, b in zip(low, shape, high)
                )
            else:
                fits = list(shape) == content["input"][1]
            if not fits:
                self._state.error(f"3: dimensions {list(shape)} are out of the profile's range")
                return False
            self._shape = list(shape)
            return True

    def _shape_of(self, name: str) -> Any:
        _, shape, _, is_input = self._engine._find(name)
        if self._shape is None:
            return Dims(shape)
        if is_input:
            return Dims(self._shape)
        return Dims([self._shape[0], *shape[1:]])

    def _run(self, addresses: Dict[str, int], stream_handle: int) -> bool:
        state, content = self._state, self._engine._content
        with self._alone():
            state.touch()
            time.sleep(0)  # lets a second thread in, if there is one
            if state.raises is not None:
                raise state.raises
            missing = [n for n, *_ in self._engine._tensors if not addresses.get(n)]
            if self._shape is None or missing or state.refuse_run or self._profile < 0:
                state.error(
                    "3: [executionContext.cpp::enqueueInternal::795] Error Code 3: API Usage "
                    f"Error (shape {self._shape}, addresses missing: {missing})"
                )
                return False
            if any(address % ALIGNMENT for address in addresses.values()):
                state.error("3: an address is not aligned to 256 bytes")
                return False
            self._last_addresses = list(addresses.values())
            shape = tuple(self._shape)
            # Neither a stream nor a graph keeps a context alive.
            here = weakref.ref(self)

            def work() -> None:
                context = here()
                if context is None:
                    raise BackendError("fake TensorRT: a run whose context was destroyed")
                context._compute(content, addresses, shape)

            state.cuda.enqueue(stream_handle, work)
            self._unreported = True
            if self._profiler is not None and self._emits:
                self._report()
            return True

    def _compute(self, content: Any, addresses: Dict[str, int], shape: Tuple[int, ...]) -> None:
        self._state.runs += 1
        name, _, dtype = content["input"]
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = self._state.cuda.view(addresses[name], nbytes)
        results = answers(content, raw.copy().view(dtype).reshape(shape))
        for (name, _, _), values in zip(content["outputs"], results):
            flat = np.ascontiguousarray(values).view(np.uint8).ravel()
            self._state.cuda.view(addresses[name], flat.nbytes)[:] = flat

    @property
    def profiler(self) -> Any:
        return self._profiler

    @profiler.setter
    def profiler(self, value: Any) -> None:
        if not getattr(value, "_made", False):
            raise TypeError("IProfiler.__init__() must be called when overriding __init__")
        self._profiler = value

    @property
    def enqueue_emits_profile(self) -> bool:
        return self._emits

    @enqueue_emits_profile.setter
    def enqueue_emits_profile(self, value: bool) -> None:
        self._emits = value

    def report_to_profiler(self) -> bool:
        if not self._unreported or self._profiler is None:
            return False
        self._report()
        return True

    def _report(self) -> None:
        self._unreported = False
        for number, layer in enumerate(self._engine._content["layers"]):
            self._profiler.report_layer_time(layer, 0.25 * (number + 1))

    # 8.5 and later: by name.

    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool:
        assert self._engine._find(name)[3]
        return self._set_shape(shape)

    def get_tensor_shape(self, name: str) -> Any:
        return self._shape_of(name)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        with self._alone():
            self._engine._find(name)
            self._addresses[name] = memory
            return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        return self._run(dict(self._addresses), stream_handle)

    # Before 10: by number.

    def _input_number(self, binding: int) -> str:
        engine = self._engine
        assert binding // len(engine._tensors) == self._profile, "a binding of another profile"
        return str(engine._numbered(binding)[0])

    def set_binding_shape(self, binding: int, shape: Sequence[int]) -> bool:
        assert self._engine._find(self._input_number(binding))[3]
        return self._set_shape(shape)

    def get_binding_shape(self, binding: int) -> Any:
        return self._shape_of(self._input_number(binding))

    def execute_async_v2(self, bindings: List[int], stream_handle: int) -> bool:
        engine = self._engine
        if len(bindings) != engine.num_bindings:
            raise Crash(f"{len(bindings)} addresses for {engine.num_bindings} bindings")
        first = self._profile * len(engine._tensors)
        addresses = {t[0]: bindings[first + i] for i, t in enumerate(engine._tensors)}
        return self._run(addresses, stream_handle)


class _Alone:
    """Contexts are not thread-safe: two threads at once end in a crash, sooner or later."""

    def __init__(self, lock: threading.Lock):
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(False):
            raise Crash("two threads in one execution context")

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()

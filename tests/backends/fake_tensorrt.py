"""TensorRT's Python module as each generation has it, over a FakeCuda instead of a GPU.

One behaviour, written once below, and for each generation the members that its real module has:
the lists in ``tensorrt_apis/``, taken from real modules where they can be installed. What a
generation lacks raises AttributeError; what it has and the fake does not know is an error of its
own kind, so that nothing passes unseen. Misuse answers as the vendor's does (False or None, and a
line in the log), or is a `Crash` where the vendor's takes the process down.

Longer than 300 lines, because one runtime is told in one piece.
"""

from __future__ import annotations

import enum
import importlib.machinery
import json
import threading
import time
import types
import weakref
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from fake_tensorrt_engines import answers, plan_of, read_plan

from edgeclf.cuda.fake import FakeCuda
from edgeclf.errors import BackendError

LISTS = Path(__file__).with_name("tensorrt_apis")
ALIGNMENT = 256  # of addresses, as the vendor's documentation demands it


class Crash(BaseException):
    """The real module would have ended the process here."""


class Generation(NamedTuple):
    """A module, where its list of members is, and what it does otherwise than others."""

    name: str
    module: str
    list: str
    shares_profiles: bool = True
    full: bool = True  # not the lean runtime, which has no inspector and no TensorFormat

    @property
    def magic(self) -> bytes:
        return b"vtrt" if self.module == "tensorrt_rtx" else b"ftrt"


GENERATIONS = (
    Generation("8.2", "tensorrt", "tensorrt-8.2", shares_profiles=False),
    Generation("8.5", "tensorrt", "tensorrt-8.5", shares_profiles=False),
    Generation("8.6", "tensorrt", "tensorrt-8.6", shares_profiles=False),
    Generation("10.3", "tensorrt", "tensorrt-10.3"),
    Generation("10.16", "tensorrt", "lean-10.16"),
    Generation("11.4", "tensorrt", "lean-11.4"),
    Generation("lean 10.16", "tensorrt_lean", "lean-10.16", full=False),
    Generation("RTX 1.7", "tensorrt_rtx", "rtx-1.7"),
)
BY_NAME = {generation.name: generation for generation in GENERATIONS}


def recorded(generation: Generation) -> Dict[str, Any]:
    """The members of this generation's classes, and its version."""
    record: Dict[str, Any] = json.loads((LISTS / f"{generation.list}.json").read_text())
    if generation.full:
        # Where the list is the lean runtime's, the full module of the same release has more.
        full = json.loads((LISTS / "rtx-1.7.json").read_text())
        for part, name in (("classes", "EngineInspector"), ("enums", "TensorFormat")):
            record[part].setdefault(name, full[part][name])
    return record


class State:
    """What a test looks at and turns: shared by all objects of one fake module."""

    def __init__(self, generation: Generation, cuda: FakeCuda):
        self.generation = generation
        self.cuda = cuda
        self.module: Any = None
        self.version = recorded(generation)["version"]
        self.logger: Any = None  # the first one given; later ones are not heard
        self.refuse_engine: Optional[str] = None  # with this message
        self.invalid = 0  # RTX's diagnostics
        self.refuse_run = False
        self.max_contexts: Optional[int] = None
        self.contexts = 0
        self.has_device = True
        self.raises: Optional[Exception] = None  # by a run
        self.ended: List[str] = []  # what was destroyed, in order
        self.runs = 0

    def plan(self, content: Dict[str, Any]) -> bytes:
        """A file as this generation's builder writes it."""
        return plan_of(content, self.version, self.generation.magic)

    def error(self, message: str, severity: str = "ERROR") -> None:
        logger = self.logger
        logger.log(self.module.ILogger.Severity[severity], message)

    def touch(self) -> None:
        if not self.has_device:
            raise Crash("a Runtime without a device was touched")
        if not self.cuda.is_current:
            raise BackendError("fake TensorRT: the device's context is not current on this thread")


# -- the behaviour ----------------------------------------------------------------------------


class Severity(enum.IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class _Logger:
    """ILogger: to be derived from; a class that forgets to call this __init__ is a TypeError."""

    def __init__(self) -> None:
        self._made = True

    def log(self, severity: Any, msg: str) -> None:
        raise RuntimeError("Tried to call pure virtual function 'ILogger::log'")


for _severity in Severity:
    setattr(_Logger, _severity.name, _severity)
_Logger.Severity = Severity  # type: ignore[attr-defined]


class _Profiler:
    def __init__(self) -> None:
        self._made = True

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        raise RuntimeError("Tried to call pure virtual function 'IProfiler::reportLayerTime'")


class _Runtime:
    _state: State

    def __init__(self, logger: Any):
        state = self._state
        if not getattr(logger, "_made", False):
            raise TypeError("ILogger.__init__() must be called when overriding __init__")
        state.logger = state.logger or logger
        self._host_code = False
        if not state.has_device:
            # As lean 10.16 and 11.4 without a driver: a line in the log, and a null pointer.
            state.error("CUDA initialization failure with error: 35")

    def __del__(self) -> None:
        self._state.ended.append("runtime" if self._state.has_device else "CRASH")

    @property
    def engine_host_code_allowed(self) -> bool:
        self._state.touch()
        return self._host_code

    @engine_host_code_allowed.setter
    def engine_host_code_allowed(self, value: bool) -> None:
        self._state.touch()
        self._host_code = value

    def get_engine_validity(self, buffer: Any) -> Tuple[Any, int]:
        state = self._state
        state.touch()
        kinds = state.module.EngineValidity
        return (kinds.INVALID if state.invalid else kinds.VALID), state.invalid

    def deserialize_cuda_engine(self, serialized_engine: Any) -> Optional[Any]:
        state = self._state
        state.touch()
        plan = bytes(memoryview(serialized_engine))
        message = state.refuse_engine or self._wrong(plan)
        if message:
            state.error(message)
            return None
        content = read_plan(plan)
        made = state.module.ICudaEngine.__new__(state.module.ICudaEngine)
        made._open(self, content)
        return made

    def _wrong(self, plan: bytes) -> str:
        generation = self._state.generation
        if plan[:4] != generation.magic:
            return (
                "1: [stdArchiveReader.cpp::StdArchiveReader::30] Error Code 1: Serialization "
                "(Serialization assertion magicTagRead == kMAGIC_TAG failed.Magic tag does not "
                "match)"
            )
        built = ".".join(str(byte) for byte in plan[24:27])
        ours = ".".join(self._state.version.split(".")[:3])
        if plan[4:8] == bytes(4) and built != ours and not generation.module.endswith("lean"):
            return (
                "6: The engine plan file is not compatible with this version of TensorRT, "
                f"expecting library version {ours} got {built}, please rebuild."
            )
        content = read_plan(plan)
        if content is None:
            return (
                "1: [stdArchiveReader.cpp::StdArchiveReader::32] Error Code 1: Serialization "
                "(Serialization assertion header.size == blobSize failed.)"
            )
        major, minor = self._state.cuda.facts.compute_capability
        capability = content.get("capability", f"{major}.{minor}")
        if capability != f"{major}.{minor}":
            return (
                "6: The engine plan file is generated on an incompatible device, expecting "
                f"compute {major}.{minor} got compute {capability}, please rebuild."
            )
        if content.get("host_code") and not self._host_code:
            return "Assertion getEngineHostCodeAllowed() is false, and the plan has host code"
        return ""


class _Engine:
    _state: State

    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    def _open(self, runtime: Any, content: Dict[str, Any]) -> None:
        self._runtime = runtime  # as py::keep_alive
        self._content = content
        self._in_use: Dict[int, int] = {}  # profile -> context, where they are not shared
        name, shape, dtype = content["input"]
        self._tensors = [(name, shape, dtype, True)]
        self._tensors += [(n, s, d, True) for n, s, d in content.get("more inputs", ())]
        self._tensors += [(n, s, d, False) for n, s, d in content["outputs"]]

    def __del__(self) -> None:
        if hasattr(self, "_content"):
            self._state.ended.append("engine")

    def _find(self, name: str) -> Tuple[str, Any, str, bool]:
        for tensor in self._tensors:
            if tensor[0] == name:
                return tensor  # type: ignore[return-value]
        raise RuntimeError(f"no tensor {name!r}")

    def _dtype(self, name: str) -> Any:
        names = {"float32": "FLOAT", "float16": "HALF", "int8": "INT8", "uint8": "UINT8"}
        names["int32"] = "INT32"
        # 8.2 has no UINT8: there an engine with such a tensor cannot be built.
        return self._state.module.DataType[names[name]]

    @property
    def num_layers(self) -> int:
        return len(self._content["layers"])

    @property
    def num_optimization_profiles(self) -> int:
        return max(1, len(self._content["profiles"]))

    @property
    def device_memory_size(self) -> int:
        return int(self._content["workspace"])

    device_memory_size_v2 = device_memory_size

    def create_execution_context(self) -> Optional[Any]:
        state = self._state
        state.touch()
        if state.max_contexts is not None and state.contexts >= state.max_contexts:
            state.error("2: [executionContext.cpp] Error Code 2: OutOfMemory (no more contexts)")
            return None
        try:
            memory = state.cuda.allocate(self._content["workspace"])
        except BackendError as exc:
            state.error(f"1: [defaultAllocator.cpp::allocate] Error Code 1: out of memory: {exc}")
            return None
        made = state.module.IExecutionContext.__new__(state.module.IExecutionContext)
        made._open(self, memory)
        return made

    def create_engine_inspector(self) -> Any:
        if not hasattr(self._state.module, "EngineInspector"):
            raise TypeError("Unregistered type : nvinfer1::IEngineInspector")
        made = self._state.module.EngineInspector.__new__(self._state.module.EngineInspector)
        made._engine = self
        return made

    # 8.5 and later: by name.

    @property
    def num_io_tensors(self) -> int:
        return len(self._tensors)

    def get_tensor_name(self, index: int) -> str:
        return str(self._tensors[index][0])

    def get_tensor_mode(self, name: str) -> Any:
        modes = self._state.module.TensorIOMode
        return modes.INPUT if self._find(name)[3] else modes.OUTPUT

    def get_tensor_shape(self, name: str) -> Any:
        return Dims(self._find(name)[1])

    def get_tensor_dtype(self, name: str) -> Any:
        return self._dtype(self._find(name)[2])

    def get_tensor_location(self, name: str) -> Any:
        return self._state.module.TensorLocation[self._content.get("location", "DEVICE")]

    def _format(self) -> Any:
        formats = getattr(self._state.module, "TensorFormat", None)
        if formats is None:
            raise TypeError("Unable to convert function return value to a Python type!")
        return formats[self._content.get("format", "LINEAR")]

    def _format_text(self) -> str:
        if self._content.get("format", "LINEAR") == "LINEAR":
            return "Row-major linear FP32 format"
        return "Channel major FP16 format where C % 8 == 0"

    def get_tensor_format(self, name: str) -> Any:
        self._find(name)
        return self._format()

    def get_tensor_format_desc(self, name: str) -> str:
        self._find(name)
        return self._format_text()

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> List[Any]:
        assert self._find(name)[3], "outputs have no profile"
        return [Dims(shape) for shape in self._content["profiles"][profile_index]]

    # Before 10: by number, once for each profile.

    @property
    def num_bindings(self) -> int:
        return len(self._tensors) * self.num_optimization_profiles

    def _numbered(self, index: int) -> Tuple[str, Any, str, bool]:
        if not 0 <= index < self.num_bindings:
            raise IndexError(f"binding {index} of {self.num_bindings}")
        return self._tensors[index % len(self._tensors)]  # type: ignore[return-value]

    def get_binding_name(self, index: int) -> str:
        profile = index // len(self._tensors)
        name = self._numbered(index)[0]
        return f"{name} [profile {profile}]" if profile else name

    def binding_is_input(self, index: int) -> bool:
        return self._numbered(index)[3]

    def get_binding_shape(self, index: int) -> Any:
        return Dims(self._numbered(index)[1])

    def get_binding_dtype(self, index: int) -> Any:
        return self._dtype(self._numbered(index)[2])

    def get_location(self, index: int) -> Any:
        self._numbered(index)
        return self._state.module.TensorLocation[self._content.get("location", "DEVICE")]

    def get_binding_format(self, index: int) -> Any:
        self._numbered(index)
        return self._format()

    def get_binding_format_desc(self, index: int) -> str:
        self._numbered(index)
        return self._format_text()

    def get_profile_shape(self, profile_index: int, binding: int) -> List[Any]:
        assert binding // len(self._tensors) == profile_index, "a binding of another profile"
        return [Dims(shape) for shape in self._content["profiles"][profile_index]]


class _Context:
    _state: State

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


class _Inspector:
    _state: State
    _engine: Any

    def get_engine_information(self, format: Any) -> str:
        if format.name != "JSON":
            return "one line"
        return json.dumps({"Layers": self._engine._content["layers"], "Bindings": []})


class Dims(Sequence):  # type: ignore[type-arg]
    """The vendor's: a sequence that is no tuple, and not equal to one of other length."""

    def __init__(self, numbers: Sequence[int]):
        self._numbers = tuple(numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        return self._numbers[index]


# -- the modules ------------------------------------------------------------------------------

_BEHAVIOUR = {
    "Runtime": _Runtime,
    "ICudaEngine": _Engine,
    "IExecutionContext": _Context,
    "ILogger": _Logger,
    "IProfiler": _Profiler,
    "EngineInspector": _Inspector,
}


def _unknown(owner: str, member: str) -> property:
    def fail(self: Any) -> Any:
        raise NotImplementedError(f"the fake has no {owner}.{member}: write it before it is used")

    return property(fail)


def _reduced(name: str, behaviour: Any, members: Sequence[str], state: State) -> Any:
    """`behaviour` with these public members alone."""
    kept = {k: v for k, v in vars(behaviour).items() if k.startswith("_")}
    kept = {k: v for k, v in kept.items() if k not in ("__dict__", "__weakref__")}
    for member in members:
        kept[member] = vars(behaviour).get(member, _unknown(name, member))
    return type(name, (), {**kept, "_state": state})


def fake_module(generation: Generation, cuda: FakeCuda) -> Tuple[Any, State]:
    """The module, and what a test turns to let it fail."""
    record = recorded(generation)
    state = State(generation, cuda)
    module = types.ModuleType(generation.module)
    module.__spec__ = importlib.machinery.ModuleSpec(generation.module, None)
    module.__version__ = record["version"]  # type: ignore[attr-defined]
    for name, members in record["classes"].items():
        if name in _BEHAVIOUR:
            setattr(module, name, _reduced(name, _BEHAVIOUR[name], members, state))
    for name, values in record["enums"].items():
        setattr(module, name, enum.IntEnum(name, values))
    state.module = module
    return module, state

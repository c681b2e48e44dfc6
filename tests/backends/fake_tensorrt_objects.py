"""What a fake of TensorRT does: logger, runtime, engine and inspector. See `fake_tensorrt`.

Written with all members that any generation has; `fake_tensorrt` takes away what one lacks.
"""

from __future__ import annotations

import enum
import json
from typing import Any, Dict, List, Optional, Tuple

from fake_tensorrt_context import Dims
from fake_tensorrt_engines import read_plan

from edgeclf.errors import BackendError


class Severity(enum.IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class FakeLogger:
    """ILogger: to be derived from; a class that forgets to call this __init__ is a TypeError."""

    def __init__(self) -> None:
        self._made = True

    def log(self, severity: Any, msg: str) -> None:
        raise RuntimeError("Tried to call pure virtual function 'ILogger::log'")


for _severity in Severity:
    setattr(FakeLogger, _severity.name, _severity)
FakeLogger.Severity = Severity  # type: ignore[attr-defined]


class FakeProfiler:
    def __init__(self) -> None:
        self._made = True

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        raise RuntimeError("Tried to call pure virtual function 'IProfiler::reportLayerTime'")


class FakeRuntime:
    _state: Any

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


class FakeEngine:
    _state: Any

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


class FakeInspector:
    _state: Any
    _engine: Any

    def get_engine_information(self, format: Any) -> str:
        if format.name != "JSON":
            return "one line"
        return json.dumps({"Layers": self._engine._content["layers"], "Bindings": []})

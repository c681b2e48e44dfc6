"""Builders of each generation of TensorRT, as far as edgeclf uses them, which record every call.

What a generation has is data (`GENERATIONS`); asking a fake for anything else is an AttributeError,
as it is with the real module. Sources: the vendor's binding source (python/src/infer/pyCore.cpp,
pyInt8.cpp and python/src/parsers/pyOnnx.cpp) of each release.
"""

from __future__ import annotations

import enum
import struct
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import onnx

_FLAGS = ("FP16", "INT8", "DEBUG", "GPU_FALLBACK", "REFIT", "TF32")
_COMPATIBLE = ("VERSION_COMPATIBLE", "EXCLUDE_LEAN_RUNTIME")
_CONFIG = ("DLA_core", "default_device_type", "int8_calibrator")

# What differs. "config" are attributes that can be set on a configuration.
GENERATIONS: Dict[str, Dict[str, Any]] = {
    "8.2.1.8": {
        "flags": _FLAGS,
        "explicit_batch": True,
        "config": (*_CONFIG, "max_workspace_size"),
        "uint8": False,
    },
    "8.5.2.2": {
        "flags": _FLAGS,
        "explicit_batch": True,
        "config": (*_CONFIG, "max_workspace_size"),
        "pools": True,
    },
    "8.6.1.6": {
        "flags": (*_FLAGS, *_COMPATIBLE),
        "explicit_batch": True,
        "config": (*_CONFIG, "max_workspace_size"),
        "pools": True,
    },
    "10.3.0.26": {
        "flags": (*_FLAGS, *_COMPATIBLE),
        "explicit_batch": True,
        "config": (*_CONFIG, "progress_monitor"),
        "pools": True,
        "progress": True,
        "named_errors": True,
    },
    "11.4.0.1": {
        "flags": ("DEBUG", "GPU_FALLBACK", "REFIT", "TF32", *_COMPATIBLE),
        "config": ("DLA_core", "default_device_type", "progress_monitor"),
        "pools": True,
        "progress": True,
        "named_errors": True,
        "calibrators": False,
    },
}
VERSIONS = tuple(GENERATIONS)
BY_FLAGS = VERSIONS[:4]
Call = Tuple[Any, ...]


def plan_of(version: str, body: bytes = b"kernels") -> bytes:
    """A plan with the header that a builder of `version` writes."""
    parts = [int(part) for part in version.split(".")]
    size = 64 + len(body)
    return struct.pack("<4sII4xQ4B", b"ftrt", 0, 2, size, *parts).ljust(64, b"\0") + body


class Behaviour:
    """What a fake does, and what was done with it."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.calls: List[Call] = []
        self.parsed: Optional[onnx.ModelProto] = None
        self.calibrated: List[Any] = []  # what `read` gave for each batch
        self.read: Callable[[int], Any] = lambda pointer: pointer
        self.parse_errors: Sequence[Tuple[str, str, str]] = ()  # text, operator, name
        self.log: Sequence[str] = ()  # errors logged while building
        self.fails = False
        self.no_builder = False
        self.dla_cores = 0
        self.fast: Dict[str, bool] = {"fp16": True, "int8": True}
        self.phases: Sequence[Tuple[str, int]] = (("Building engine", 2),)
        self.measured = b"measured times"
        self.plan = plan_of(version)

    def named(self, name: str) -> List[Call]:
        """The calls of this name, without it."""
        return [call[1:] for call in self.calls if call[0] == name]


def fake_builder(version: str) -> "tuple[ModuleType, Behaviour]":
    """A module ``tensorrt`` of this version, and what it does."""
    facts, behaviour = GENERATIONS[version], Behaviour(version)
    module = ModuleType("tensorrt")
    module.__version__ = version
    names = ["FLOAT", "HALF", "INT8", "INT32", "BOOL"] + ["UINT8"] * facts.get("uint8", True)
    module.DataType = enum.Enum("DataType", names)
    module.DeviceType = enum.Enum("DeviceType", ["GPU", "DLA"])
    module.BuilderFlag = enum.Enum("BuilderFlag", list(facts["flags"]))
    creation = {"EXPLICIT_BATCH": 0} if facts.get("explicit_batch") else {"STRONGLY_TYPED": 1}
    module.NetworkDefinitionCreationFlag = enum.IntEnum("NetworkDefinitionCreationFlag", creation)
    if facts.get("pools"):
        module.MemoryPoolType = enum.Enum("MemoryPoolType", ["WORKSPACE", "DLA_MANAGED_SRAM"])
    if facts.get("calibrators", True):
        module.IInt8EntropyCalibrator2 = type("IInt8EntropyCalibrator2", (), {})
    if facts.get("progress"):
        module.IProgressMonitor = type("IProgressMonitor", (), {})
    module.ILogger = type("ILogger", (), {"Severity": _Severity})
    module.ITimingCache = _TimingCache
    module.IBuilderConfig = _config_class(facts, behaviour)
    module.Builder = lambda logger: _new_builder(module, behaviour, logger)
    module.OnnxParser = lambda network, logger: _Parser(facts, behaviour, network)
    return module, behaviour


class _Severity(enum.Enum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2


class _TimingCache:
    def __init__(self, content: bytes):
        self.content = bytes(content)

    def serialize(self) -> bytes:
        return self.content


class _Tensor:
    def __init__(self, name: str, shape: Tuple[int, ...]):
        self.name, self.shape = name, shape


class _Network:
    def __init__(self) -> None:
        self.inputs: List[_Tensor] = []

    def get_input(self, index: int) -> _Tensor:
        return self.inputs[index]


class _Profile:
    def __init__(self, behaviour: Behaviour):
        self._behaviour = behaviour

    def set_shape(self, name: str, *shapes: Tuple[int, ...]) -> None:
        self._behaviour.calls.append(("set_shape", name, *shapes))


class _Error:
    def __init__(self, text: str, number: int):
        self._text, self._number = text, number

    def desc(self) -> str:
        return self._text

    def node(self) -> int:
        return self._number


class _NamedError(_Error):
    def __init__(self, text: str, number: int, operator: str, name: str):
        super().__init__(text, number)
        self._operator, self._name = operator, name

    def node_operator(self) -> str:
        return self._operator

    def node_name(self) -> str:
        return self._name


class _Parser:
    def __init__(self, facts: Dict[str, Any], behaviour: Behaviour, network: _Network):
        self._facts, self._behaviour, self._network = facts, behaviour, network

    def parse(self, content: bytes) -> bool:
        model = onnx.load_model_from_string(content)
        self._behaviour.parsed = model
        for value in model.graph.input:
            shape = tuple(d.dim_value or -1 for d in value.type.tensor_type.shape.dim)
            self._network.inputs.append(_Tensor(value.name, shape))
        return not self._behaviour.parse_errors

    @property
    def num_errors(self) -> int:
        return len(self._behaviour.parse_errors)

    def get_error(self, index: int) -> _Error:
        text, operator, name = self._behaviour.parse_errors[index]
        if self._facts.get("named_errors"):
            return _NamedError(text, index, operator, name)
        return _Error(text, index)


def _config_class(facts: Dict[str, Any], behaviour: Behaviour) -> type:
    class Config:
        def __setattr__(self, name: str, value: Any) -> None:
            if name not in facts["config"]:
                raise AttributeError(f"IBuilderConfig has no attribute {name!r}")
            behaviour.calls.append((name, value))
            object.__setattr__(self, name, value)

        def set_flag(self, flag: Any) -> None:
            behaviour.calls.append(("set_flag", flag.name))

        def clear_flag(self, flag: Any) -> None:
            behaviour.calls.append(("clear_flag", flag.name))

        def add_optimization_profile(self, profile: _Profile) -> int:
            behaviour.calls.append(("add_optimization_profile",))
            return 0

        def create_timing_cache(self, content: bytes) -> _TimingCache:
            return _TimingCache(content)

        def set_timing_cache(self, cache: _TimingCache, ignore_mismatch: bool) -> bool:
            behaviour.calls.append(("set_timing_cache", cache.content, ignore_mismatch))
            return True

        def get_timing_cache(self) -> _TimingCache:
            return _TimingCache(behaviour.measured)

    if facts.get("pools"):
        Config.set_memory_pool_limit = lambda self, pool, size: behaviour.calls.append(  # type: ignore[attr-defined]
            ("set_memory_pool_limit", pool.name, size)
        )
    if facts.get("calibrators", True):
        Config.set_calibration_profile = lambda self, profile: behaviour.calls.append(  # type: ignore[attr-defined]
            ("set_calibration_profile",)
        )
    return Config


def _new_builder(module: ModuleType, behaviour: Behaviour, logger: Any) -> Any:
    if behaviour.no_builder:
        logger.log(_Severity.ERROR, "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")
    return _Builder(module, behaviour, logger)


class _Builder:
    def __init__(self, module: ModuleType, behaviour: Behaviour, logger: Any):
        self._module, self._behaviour, self._logger = module, behaviour, logger
        self.num_DLA_cores = behaviour.dla_cores
        if "FP16" in module.BuilderFlag.__members__:
            self.platform_has_fast_fp16 = behaviour.fast["fp16"]
            self.platform_has_fast_int8 = behaviour.fast["int8"]

    def create_network(self, flags: int) -> _Network:
        self._behaviour.calls.append(("create_network", flags))
        return _Network()

    def create_builder_config(self) -> Any:
        return self._module.IBuilderConfig()

    def create_optimization_profile(self) -> _Profile:
        return _Profile(self._behaviour)

    def build_serialized_network(self, network: _Network, config: Any) -> Optional[bytes]:
        behaviour = self._behaviour
        for message in behaviour.log:
            self._logger.log(_Severity.ERROR, message)
        if not self._told(getattr(config, "progress_monitor", None)):
            return None
        calibrator = getattr(config, "int8_calibrator", None)
        if calibrator is not None and not self._calibrate(calibrator, network):
            return None
        return None if behaviour.fails else behaviour.plan

    def _told(self, monitor: Any) -> bool:
        """Whether the monitor lets the build go on."""
        for name, steps in self._behaviour.phases if monitor is not None else ():
            monitor.phase_start(name, None, steps)
            for step in range(steps):
                if not monitor.step_complete(name, step):
                    return False
            monitor.phase_finish(name)
        return True

    def _calibrate(self, calibrator: Any, network: _Network) -> bool:
        behaviour = self._behaviour
        assert calibrator.read_calibration_cache() is None
        behaviour.calls.append(("get_batch_size", calibrator.get_batch_size()))
        while True:
            pointers = calibrator.get_batch([tensor.name for tensor in network.inputs])
            if pointers is None:
                break
            behaviour.calibrated.append(behaviour.read(pointers[0]))
        calibrator.write_calibration_cache(b"ranges")
        return bool(behaviour.calibrated)

"""TensorRT's Python interface, one way for all its generations: only this module tells them apart.

What a generation can do is asked of its objects (``hasattr``), not of its version:

- 8.2 (JetPack 4.6) knows an engine's tensors by number ("bindings"), once for each optimisation
  profile; from 8.5 on they have names, and from 10.0 on only names.
- Before 10.0, two execution contexts may not use one optimisation profile of a dynamic engine.
- 8.6 and later ask leave to run code that an engine carries for the host.
- TensorRT for RTX can say before loading whether an engine runs here.

Shapes are tuples of int, with -1 where the engine leaves a dimension open, as the vendor has it.

Longer than 200 lines, because all differences stand in one place.
"""

from __future__ import annotations

import abc
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from edgeclf.cuda.resources import never_destroy

__all__ = [
    "Addresses",
    "EngineApi",
    "Shape",
    "Tensor",
    "allow_host_code",
    "device_memory_bytes",
    "engine_api",
    "inspect_engine",
    "invalidity",
    "never_destroy",
    "profile_layers",
    "report_layers",
    "select_profile",
]

Shape = Tuple[int, ...]
Addresses = Sequence[Tuple[str, int]]

_DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "BF16": "bfloat16",
    "FP8": "float8",
}


class Tensor(NamedTuple):
    """One input or output of an engine.

    `dtype` is NumPy's name where NumPy has it; `on_host` is true of tensors that hold shapes;
    `linear` means C-contiguous, and not one of the vendor's packed formats.
    """

    name: str
    is_input: bool
    shape: Shape
    dtype: str
    on_host: bool
    linear: bool


class EngineApi(abc.ABC):
    """What both ways to name tensors share; `tensors` are in the engine's order."""

    shares_profiles: bool

    def __init__(self, module: Any, engine: Any):
        self._module = module
        self._engine: Any = engine
        self.tensors: Tuple[Tensor, ...] = tuple(self._read_tensors())
        self.profiles = max(1, int(engine.num_optimization_profiles))

    def release(self) -> None:
        """Let go of the engine, whose memory ends with its last user."""
        self._engine = None

    @abc.abstractmethod
    def _read_tensors(self) -> List[Tensor]:
        """Every input and output of the engine."""

    def _is_linear(self, format_of: Any, description_of: Any, tensor: Any) -> bool:
        # The lean runtime has no TensorFormat, and cannot return one.
        if hasattr(self._module, "TensorFormat"):
            return bool(format_of(tensor).name == "LINEAR")
        return "linear" in str(description_of(tensor)).lower()

    @abc.abstractmethod
    def profile_shapes(self, name: str, profile: int) -> Tuple[Shape, Shape, Shape]:
        """Smallest, best and largest shape of the input `name` under `profile`."""

    @abc.abstractmethod
    def set_shape(self, context: Any, name: str, shape: Shape, profile: int) -> bool:
        """False where the engine refuses it."""

    @abc.abstractmethod
    def shape_of(self, context: Any, name: str, profile: int) -> Shape:
        """The shape that a tensor has in `context`, once its inputs' shapes are set."""

    @abc.abstractmethod
    def bind(self, context: Any, addresses: Addresses, profile: int) -> Optional[List[int]]:
        """Tell `context` where its tensors lie; what `run` needs of it.

        `addresses` holds each tensor's name and its address on the device. None where the runtime
        refuses one.
        """

    @abc.abstractmethod
    def run(self, context: Any, bindings: List[int], stream_handle: int) -> bool:
        """Enqueue one run on what was bound last; False where the runtime refuses."""


class _NamedTensors(EngineApi):
    """8.5 and later."""

    def __init__(self, module: Any, engine: Any):
        # Where the numbered interface went, profiles became sharable.
        self.shares_profiles = not hasattr(engine, "num_bindings")
        super().__init__(module, engine)

    def _read_tensors(self) -> List[Tensor]:
        engine = self._engine
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        return [
            Tensor(
                name,
                engine.get_tensor_mode(name).name == "INPUT",
                tuple(engine.get_tensor_shape(name)),
                _dtype(engine.get_tensor_dtype(name)),
                engine.get_tensor_location(name).name == "HOST",
                self._is_linear(engine.get_tensor_format, engine.get_tensor_format_desc, name),
            )
            for name in names
        ]

    def profile_shapes(self, name: str, profile: int) -> Tuple[Shape, Shape, Shape]:
        return _three(self._engine.get_tensor_profile_shape(name, profile))

    def set_shape(self, context: Any, name: str, shape: Shape, profile: int) -> bool:
        return bool(context.set_input_shape(name, shape))

    def shape_of(self, context: Any, name: str, profile: int) -> Shape:
        return tuple(context.get_tensor_shape(name))

    def bind(self, context: Any, addresses: Addresses, profile: int) -> Optional[List[int]]:
        told = all(context.set_tensor_address(name, address) for name, address in addresses)
        return [] if told else None

    def run(self, context: Any, bindings: List[int], stream_handle: int) -> bool:
        return bool(context.execute_async_v3(stream_handle))


class _Bindings(EngineApi):
    """Before 8.5. Bindings are numbered once for each profile, one profile after the other."""

    shares_profiles = False

    def _read_tensors(self) -> List[Tensor]:
        engine = self._engine
        self._per_profile = engine.num_bindings // max(1, int(engine.num_optimization_profiles))
        tensors = [
            Tensor(
                engine.get_binding_name(i),
                bool(engine.binding_is_input(i)),
                tuple(engine.get_binding_shape(i)),
                _dtype(engine.get_binding_dtype(i)),
                engine.get_location(i).name == "HOST",
                self._is_linear(engine.get_binding_format, engine.get_binding_format_desc, i),
            )
            for i in range(self._per_profile)
        ]
        self._numbers = {tensor.name: i for i, tensor in enumerate(tensors)}
        return tensors

    def _number(self, name: str, profile: int) -> int:
        return int(profile * self._per_profile + self._numbers[name])

    def profile_shapes(self, name: str, profile: int) -> Tuple[Shape, Shape, Shape]:
        number = self._number(name, profile)
        return _three(self._engine.get_profile_shape(profile, number))

    def set_shape(self, context: Any, name: str, shape: Shape, profile: int) -> bool:
        return bool(context.set_binding_shape(self._number(name, profile), shape))

    def shape_of(self, context: Any, name: str, profile: int) -> Shape:
        return tuple(context.get_binding_shape(self._number(name, profile)))

    def bind(self, context: Any, addresses: Addresses, profile: int) -> Optional[List[int]]:
        # The list has a place for every binding; those of other profiles are not read.
        bindings = [0] * int(self._engine.num_bindings)
        for name, address in addresses:
            bindings[self._number(name, profile)] = address
        return bindings

    def run(self, context: Any, bindings: List[int], stream_handle: int) -> bool:
        return bool(context.execute_async_v2(bindings, stream_handle))


def engine_api(module: Any, engine: Any) -> EngineApi:
    """The way in which `engine` names its tensors."""
    return (_NamedTensors if hasattr(engine, "num_io_tensors") else _Bindings)(module, engine)


def allow_host_code(module: Any, runtime: Any, allowed: bool) -> None:
    """Give the vendor's Runtime leave, or not, to run code that an engine carries."""
    # Asked of the class: an engine of 8.5 and before carries none.
    if hasattr(module.Runtime, "engine_host_code_allowed"):
        runtime.engine_host_code_allowed = allowed


def invalidity(module: Any, runtime: Any, plan: memoryview) -> str:
    """Why `runtime` will refuse `plan` ("VERSION_MISMATCH"); empty where it will not, or cannot
    say."""
    if not hasattr(runtime, "get_engine_validity"):
        return ""
    validity, diagnostics = runtime.get_engine_validity(plan)
    if validity.name != "INVALID":
        return ""
    known = getattr(module, "EngineInvalidityDiagnostics", None)
    members = known.__members__.items() if known is not None else ()
    named = [name for name, bit in members if int(diagnostics) & int(bit)]
    return ", ".join(named) or f"INVALID ({diagnostics})"


def select_profile(context: Any, profile: int, stream_handle: int) -> bool:
    """Make `profile` the context's. The stream must be waited for before another one is used."""
    if context.active_optimization_profile == profile:
        return True
    return bool(context.set_optimization_profile_async(profile, stream_handle))


def profile_layers(context: Any, profiler: Any) -> None:
    """Give each layer's time to `profiler`, once `report_layers` is called after a run.

    Older generations report, and wait, within each run.
    """
    context.profiler = profiler
    if hasattr(context, "report_to_profiler"):
        context.enqueue_emits_profile = False


def report_layers(context: Any) -> None:
    """After a run has ended: let the profiler have its times."""
    if hasattr(context, "report_to_profiler"):
        context.report_to_profiler()


def device_memory_bytes(engine: Any) -> int:
    """Device memory that each execution context takes."""
    for name in ("device_memory_size_v2", "device_memory_size"):
        if hasattr(engine, name):
            return int(getattr(engine, name))
    return 0


def inspect_engine(module: Any, engine: Any) -> Optional[str]:
    """The engine inspector's JSON, or None: the lean runtime, and 8.0 and before, have none."""
    if not hasattr(module, "EngineInspector") or not hasattr(engine, "create_engine_inspector"):
        return None
    inspector = engine.create_engine_inspector()
    if inspector is None:
        return None
    text = inspector.get_engine_information(module.LayerInformationFormat.JSON)
    return str(text) if text else None


def _dtype(value: Any) -> str:
    return _DTYPES.get(value.name, str(value.name).lower())


def _three(shapes: Sequence[Any]) -> Tuple[Shape, Shape, Shape]:
    smallest, best, largest = (tuple(shape) for shape in shapes)
    return smallest, best, largest

"""What the conformance suite runs over: every backend with models for it, and its raw runtime.

A new backend adds its cases here and inherits the suite. `raw` is the oracle: the vendor's own
interface, called the way the vendor's documentation does, with copies everywhere.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import pytest
import real_engine
from fake_tensorrt import BY_NAME, GENERATIONS, State, fake_module, recorded
from fake_tensorrt_engines import answers, batches, engine, plan_of, read_plan

from edgeclf.backends.tensorrt_modules import MODULES, find_modules, import_module
from edgeclf.cuda import open_cuda
from edgeclf.cuda.fake import FakeCuda
from edgeclf.engine import split


class Case(NamedTuple):
    name: str
    backend: str
    model: Callable[[], bytes]
    batches: Tuple[int, ...]
    nodes: Optional[int]  # of the graph; None where the runtime rewrites it before it counts
    generation: str = ""  # of TensorRT: then a fake of it runs, over a FakeCuda

    @property
    def suffix(self) -> str:
        return {_ORT: ".onnx", _TFL: ".tflite", _TRT: ".engine"}[self.backend]

    @property
    def device(self) -> str:
        return "cuda:0" if self.backend == _TRT else "cpu"

    @property
    def memory(self) -> str:
        """Where the runtime reads and writes; a request's `input` is host memory all the same."""
        return "cuda" if self.backend == _TRT else "host"

    def prepare(self) -> Tuple[Dict[str, Any], Optional[State]]:
        """What `load_backend` needs as backend_options, and the fake that was put in place."""
        require(self.backend)
        if self.backend != _TRT:
            return {}, None
        if self.generation == "real":
            return {"cuda": open_cuda(0)}, None
        cuda = FakeCuda()
        state = install_tensorrt(self.generation, cuda)
        return {"cuda": cuda}, state


class Raw(NamedTuple):
    """The vendor's facts: (name, shape with None, dtype, (scale, zero point)) and its answer."""

    input: Tuple[str, Tuple[Optional[int], ...], str, Tuple[float, int]]
    outputs: Tuple[Tuple[str, Tuple[Optional[int], ...], str, Tuple[float, int]], ...]
    run: Callable[[np.ndarray], List[np.ndarray]]


def _onnx(name: str, *arguments: Any, **keywords: Any) -> Callable[[], bytes]:
    def build() -> bytes:
        models = pytest.importorskip("onnx") and importlib.import_module("onnx_models")
        return bytes(getattr(models, name)(*arguments, **keywords))

    return build


def _tflite(name: str, *arguments: Any, **keywords: Any) -> Callable[[], bytes]:
    def build() -> bytes:
        models = pytest.importorskip("flatbuffers") and importlib.import_module("tflite_models")
        return bytes(getattr(models, name)(*arguments, **keywords))

    return build


def _engine(generation: str, **arguments: Any) -> Callable[[], bytes]:
    def build() -> bytes:
        made = BY_NAME[generation]
        return plan_of(engine(**arguments), recorded(made)["version"], made.magic)

    return build


_ORT, _TFL, _TRT = "onnxruntime", "tflite", "tensorrt"
# name, backend, builder, batches, nodes
_ROWS: List[Tuple[str, str, Callable[[], bytes], Tuple[int, ...], Optional[int]]] = [
    ("onnx float", _ORT, _onnx("float_classifier"), (1, 2, 3), None),
    ("onnx batch 2", _ORT, _onnx("float_classifier", 2), (2,), None),
    ("onnx uint8", _ORT, _onnx("quantized_classifier", "uint8"), (1, 2, 3), None),
    ("onnx int8", _ORT, _onnx("quantized_classifier", "int8"), (1, 3), None),
    ("onnx float16", _ORT, _onnx("float16_classifier"), (1, 2), None),
    ("onnx data-dependent", _ORT, _onnx("positive_values"), (1,), None),
    ("onnx misstated", _ORT, _onnx("float_classifier", scores_shape=(1, 5)), (1, 3), None),
    ("tflite float", _TFL, _tflite("float_classifier"), (1,), 3),
    ("tflite open batch", _TFL, _tflite("float_classifier", True, True), (1, 2, 3), 3),
    ("tflite uint8", _TFL, _tflite("quantized_classifier", "uint8"), (1,), 2),
    ("tflite int8", _TFL, _tflite("quantized_classifier", "int8"), (1,), 2),
    ("tflite partly delegated", _TFL, _tflite("reversing"), (1,), 3),
    ("tflite data-dependent", _TFL, _tflite("positive_places"), (1,), 3),
]
# What every generation of TensorRT has to run: engine, batches.
_TWO_OUTPUTS = (("scores", 7, "float32"), ("embedding", 9, "float16"))
_ENGINES: List[Tuple[str, Dict[str, Any], Tuple[int, ...]]] = [
    ("float", {}, (1,)),
    ("batch 2, float16", {"batch": 2, "dtype": "float16"}, (2,)),
    ("open batch", {"profiles": batches((1, 2, 4))}, (1, 2, 4)),
    ("two profiles", {"profiles": batches((1, 1, 1), (2, 4, 8)), "outputs": _TWO_OUTPUTS}, (1, 2)),
    ("int8", {"dtype": "int8"}, (1,)),
    ("uint8", {"dtype": "uint8", "profiles": batches((1, 1, 3))}, (1, 3)),
]
CASES = [Case(*row) for row in _ROWS] + [
    Case(f"tensorrt {g.name} {name}", _TRT, _engine(g.name, **made), sizes, 3, g.name)
    for g in GENERATIONS
    for name, made, sizes in _ENGINES
    if (g.name, name) != ("8.2", "uint8")  # that generation has no such tensors
]

# Of the TensorRT that is installed, on this machine's device: conformance alone, marked gpu.
REAL = Case("tensorrt real", _TRT, real_engine.content, (1, 2, 4), None, "real")


def install_tensorrt(generation: str, cuda: FakeCuda) -> State:
    """Make a fake the only module of TensorRT that can be imported; see `remove_tensorrt`."""
    module, state = fake_module(BY_NAME[generation], cuda)
    sys.modules.update(dict.fromkeys(MODULES, None))  # type: ignore[arg-type]
    sys.modules[module.__name__] = module
    return state


def remove_tensorrt() -> None:
    """Let the real modules be found again, where there are any."""
    for name in MODULES:
        sys.modules.pop(name, None)


def require(backend: str) -> None:
    """Skip the test where no module of the backend's runtime is installed."""
    if backend == _TRT:
        return  # a fake takes its place
    modules = {_ORT: ("onnxruntime",), _TFL: ("ai_edge_litert", "tflite_runtime", "tensorflow")}
    if not any(importlib.util.find_spec(name) for name in modules[backend]):
        pytest.skip(f"no runtime for {backend} is installed")


def raw_runtime(case_backend: str, model: bytes, batch: int = 1) -> Raw:
    """The oracle for `model`."""
    oracles = {_ORT: _raw_onnxruntime, _TFL: _raw_tflite, _TRT: _raw_tensorrt}
    return oracles[case_backend](model, batch)


def _raw_onnxruntime(model: bytes, batch: int) -> Raw:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    dtypes = {"float": "float32", "float16": "float16", "uint8": "uint8", "int8": "int8"}

    def facts(value: Any) -> Any:
        shape = tuple(n if isinstance(n, int) else None for n in value.shape)
        return value.name, shape, dtypes[value.type[len("tensor(") : -1]], (0.0, 0)

    def run(tensor: np.ndarray) -> List[np.ndarray]:
        return list(session.run(None, {session.get_inputs()[0].name: tensor}))

    outputs = tuple(facts(value) for value in session.get_outputs())
    return Raw(facts(session.get_inputs()[0]), outputs, run)


def tflite_module() -> Any:
    for name in ("ai_edge_litert", "tflite_runtime", "tensorflow.lite.python"):
        if importlib.util.find_spec(name.split(".")[0]):
            return importlib.import_module(name + ".interpreter")
    raise ImportError("no TFLite runtime")


def _raw_tflite(model: bytes, batch: int) -> Raw:
    interpreter = tflite_module().Interpreter(model_content=model)
    details = interpreter.get_input_details()[0]
    if details["shape"][0] != batch:
        interpreter.resize_tensor_input(details["index"], [batch, *details["shape"][1:]])
    interpreter.allocate_tensors()

    def facts(d: Dict[str, Any]) -> Any:
        shape = tuple(int(n) if n >= 0 else None for n in d["shape_signature"])
        return d["name"], shape, np.dtype(d["dtype"]).name, d["quantization"]

    def run(tensor: np.ndarray) -> List[np.ndarray]:
        interpreter.set_tensor(details["index"], tensor)
        interpreter.invoke()
        return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]

    outputs = tuple(facts(d) for d in interpreter.get_output_details())
    return Raw(facts(details), outputs, run)


def _raw_tensorrt(model: bytes, batch: int) -> Raw:
    """What the fakes compute, on plain arrays: no memory, stream, context or binding between."""
    content = read_plan(model)
    if content is None:
        return raw_real(split(model)[1])

    def facts(name: str, shape: List[int], dtype: str) -> Any:
        return name, tuple(n if n >= 0 else None for n in shape), dtype, (0.0, 0)

    outputs = tuple(facts(*output) for output in content["outputs"])
    return Raw(facts(*content["input"]), outputs, lambda tensor: answers(content, tensor))


def raw_real(plan: bytes) -> Raw:
    """The module that is installed, on the device here, called directly."""
    builders = [facts for facts in find_modules() if facts.kind != "tensorrt-lean"]
    module, cuda = import_module(builders[0]), open_cuda(0)
    tensors = real_engine.facts(module, cuda, plan)
    described = [
        (name, tuple(n if n >= 0 else None for n in shape), dtype, (0.0, 0))
        for name, shape, dtype, is_input in sorted(tensors, key=lambda t: not t[3])
    ]
    run = functools.partial(real_engine.answers, module, cuda, plan)
    return Raw(described[0], tuple(described[1:]), run)


def random_tensor(shape: Tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Values over the whole range of 8-bit dtypes; of a normalised picture's size else."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)

"""Small ONNX models written down for the tests, and how ONNX Runtime answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

TINY_SPEC = {
    "resize_mode": "stretch",
    "interpolation": "bilinear",
    "rescale_factor": 1 / 255,
    "mean": [0.5],
    "std": [0.25],
}
TINY_LABELS = ["nought", "one", "two", "three"]
TINY_SIDE = 16

node = helper.make_node


def model_of(
    nodes: Sequence[NodeProto],
    constants: Dict[str, np.ndarray],
    shape: Sequence[Any],
    outputs: Sequence[str] = ("y",),
    dtype: int = TensorProto.FLOAT,
    classes: Optional[int] = None,
) -> ModelProto:
    """A model with the input "x"; its outputs are float32, of a shape of four or two numbers."""
    value = helper.make_tensor_value_info
    end = ["a", "b", "c", "d"] if classes is None else [shape[0], classes]
    ends = [value(name, TensorProto.FLOAT, end) for name in outputs]
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [value("x", dtype, list(shape))],
        ends,
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def run(model: ModelProto, x: np.ndarray) -> List[np.ndarray]:
    """What ONNX Runtime answers, without its optimisations: as the graph is written."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, {session.get_inputs()[0].name: x}))


def copy_of(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def operators(model: ModelProto) -> List[str]:
    return [item.op_type for item in model.graph.node]


def constants_of(model: ModelProto) -> Dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def tiny_graph(batch: Any = "batch") -> ModelProto:
    random = np.random.RandomState(7)
    constants = {
        "w": random.normal(0, 0.4, (8, 3, 3, 3)).astype(np.float32),
        "b": random.normal(0, 0.1, 8).astype(np.float32),
        "d": random.normal(0, 1.0, (4, 8)).astype(np.float32),
    }
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1] * 4, kernel_shape=[3, 3]),
        node("Relu", ["c"], ["r"], "relu"),
        node("GlobalAveragePool", ["r"], ["m"], "mean"),
        node("Flatten", ["m"], ["f"], "flatten"),
        node("Gemm", ["f", "d"], ["l"], "dense", transB=1),
        node("Softmax", ["l"], ["y"], "softmax", axis=1),
    ]
    return model_of(nodes, constants, [batch, 3, TINY_SIDE, TINY_SIDE], classes=4)


def tiny_classifier(path: Path, batch: Any = "batch") -> Path:
    onnx.save(tiny_graph(batch), str(path))
    return path


def quantize(source: str, name: str, axis: Optional[int] = None) -> NodeProto:
    """source -> QuantizeLinear -> name.codes"""
    more = {} if axis is None else {"axis": axis}
    return node("QuantizeLinear", [source, f"{name}.s", f"{name}.z"], [f"{name}.codes"], **more)


def dequantize(codes: str, name: str, output: str, axis: Optional[int] = None) -> NodeProto:
    more = {} if axis is None else {"axis": axis}
    return node("DequantizeLinear", [codes, f"{name}.s", f"{name}.z"], [output], **more)


def scaled(name: str, scale: Any, zero: Any, dtype: str) -> Dict[str, np.ndarray]:
    """The constants that `quantize` and `dequantize` of `name` read."""
    return {f"{name}.s": np.asarray(scale, np.float32), f"{name}.z": np.asarray(zero, dtype)}


def frames(count: int) -> List[np.ndarray]:
    """Noise of the tiny model's own size, so that no filter is in the way."""
    random = np.random.RandomState(9)
    side = TINY_SIDE
    return [random.randint(0, 256, (side, side, 3)).astype(np.uint8) for _ in range(count)]

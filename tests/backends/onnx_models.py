"""Tiny .onnx models. IR 8 and opset 17, which the oldest supported ONNX Runtime reads."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np
from onnx import TensorProto, helper, numpy_helper

ITEM = (3, 4, 4)
PIXELS = 48
CLASSES = 5


def _write(nodes: Sequence[Any], inputs: Any, outputs: Any, constants: Sequence[Any] = ()) -> bytes:
    graph = helper.make_graph(list(nodes), "tiny", inputs, outputs, list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def _value(name: str, shape: Sequence[Any], dtype: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, list(shape))


def _constant(name: str, array: np.ndarray) -> Any:
    return numpy_helper.from_array(array, name)


def float_classifier(
    batch: Any = "batch",
    size: Sequence[Any] = (4, 4),
    scores_shape: Optional[Sequence[Any]] = None,
) -> bytes:
    """float32 Bx3x4x4 -> flatten -> gemm -> softmax over 5, and the flat tensor after it."""
    rng = np.random.default_rng(7)
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    constants = [
        _constant("weights", rng.normal(size=(PIXELS, CLASSES)).astype("f4")),
        _constant("bias", rng.normal(size=CLASSES).astype("f4")),
    ]
    outputs = [
        _value("scores", scores_shape or (batch, CLASSES)),
        _value("flat", (batch, PIXELS)),
    ]
    return _write(nodes, [_value("pixels", (batch, 3, *size))], outputs, constants)


def quantized_classifier(dtype: str) -> bytes:
    """uint8 or int8 Bx3x4x4, dequantised inside, and quantised scores: as static INT8 exports."""
    kind = TensorProto.UINT8 if dtype == "uint8" else TensorProto.INT8
    zero = 128 if dtype == "uint8" else 0
    rng = np.random.default_rng(8)
    nodes = [
        helper.make_node("DequantizeLinear", ["pixels", "scale", "zero"], ["real"]),
        helper.make_node("Flatten", ["real"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("QuantizeLinear", ["logits", "scale", "zero"], ["scores"]),
    ]
    constants = [
        _constant("weights", rng.normal(size=(PIXELS, CLASSES)).astype("f4")),
        _constant("scale", np.array(1 / 16, "f4")),
        _constant("zero", np.array(zero, dtype)),
    ]
    shape = ("batch", *ITEM)
    return _write(
        nodes,
        [_value("pixels", shape, kind)],
        [_value("scores", ("batch", CLASSES), kind)],
        constants,
    )


def float16_classifier() -> bytes:
    """float16 Bx3x4x4 -> flatten, in float16."""
    nodes = [helper.make_node("Flatten", ["pixels"], ["scores"])]
    kind = TensorProto.FLOAT16
    shape = ("batch", *ITEM)
    return _write(
        nodes, [_value("pixels", shape, kind)], [_value("scores", ("batch", PIXELS), kind)]
    )


def positive_values() -> bytes:
    """float32 1x3x4x4 -> its positive values, 1xN: N is known after the run only."""
    nodes = [
        helper.make_node("Greater", ["pixels", "zero"], ["positive"]),
        helper.make_node("Compress", ["pixels", "flags"], ["values"]),
        helper.make_node("Unsqueeze", ["values", "axis"], ["scores"]),
    ]
    nodes.insert(1, helper.make_node("Reshape", ["positive", "line"], ["flags"]))
    constants = [
        _constant("zero", np.zeros(1, "f4")),
        _constant("line", np.array([-1], "int64")),
        _constant("axis", np.array([0], "int64")),
    ]
    return _write(nodes, [_value("pixels", (1, *ITEM))], [_value("scores", (1, None))], constants)


def indexing() -> bytes:
    """A lookup by the input's values: an index beyond the table fails at run time."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["indices"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "indices"], ["scores"]),
    ]
    constants = [_constant("table", np.arange(4, dtype="f4"))]
    return _write(nodes, [_value("pixels", (1, 4))], [_value("scores", (1, 4))], constants)


def two_inputs() -> bytes:
    """float32 a + b: no image classifier."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"])]
    return _write(nodes, [_value("a", (1, 4)), _value("b", (1, 4))], [_value("sum", (1, 4))])


def input_of(kind: int) -> bytes:
    """An input of the TensorProto type `kind`, passed through."""
    nodes = [helper.make_node("Identity", ["pixels"], ["scores"])]
    return _write(nodes, [_value("pixels", (1, 4), kind)], [_value("scores", (1, 4), kind)])


def winner_only() -> bytes:
    """float32 -> the index of the largest value, int64: no scores."""
    nodes = [helper.make_node("ArgMax", ["pixels"], ["index"], axis=1)]
    outputs = [_value("index", (1, 1), TensorProto.INT64)]
    return _write(nodes, [_value("pixels", (1, 4))], outputs)

"""The float32 graph, built node by node, and its INT8 form (QDQ) by ONNX Runtime's quantiser."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from .architecture import CLASSES, HEAD_CHANNELS, SIDE, Add, Conv, layers
from .calibration import INPUT_SCALE, INPUT_ZERO_POINT, normalise
from .weights import Weights, fold

# Old enough for every ONNX Runtime since 1.12
OPSET = 17
IR_VERSION = 8


def float_model(weights: Weights) -> onnx.ModelProto:
    """``image`` (batch, 3, 224, 224), normalised RGB -> ``logits``, ``embedding``; all float32."""
    nodes: list[onnx.NodeProto] = []
    constants = {"zero": np.float32(0), "six": np.float32(6)}
    for layer in layers():
        if isinstance(layer, Add):
            nodes.append(helper.make_node("Add", layer.inputs, [layer.output], layer.output))
        else:
            nodes += _conv(layer, weights, constants)
    nodes += _head(weights, constants)
    graph = helper.make_graph(
        nodes,
        "efficientnet_lite0",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", HEAD_CHANNELS]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def int8_model(model: onnx.ModelProto, squares: Iterable[np.ndarray]) -> onnx.ModelProto:
    """The same network in INT8, whose ``image`` is the uint8 pixels themselves.

    Activations are uint8 with ranges from ``squares`` (uint8 (224, 224, 3) RGB), weights int8 with
    a scale per output channel, biases int32. ``logits`` stay float32: the calibration pictures say
    little about how sure the network can be, and a range taken from them clips its best answers.
    """
    source = onnx.ModelProto()
    source.CopyFrom(model)  # the quantiser moves the weights of what it is given into a file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        quantize_static(
            source,
            path,
            _Squares(squares),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            extra_options={
                "TensorQuantOverrides": _given_ranges(model.graph),
                "OpTypesToExcludeOutputQuantization": ["Gemm"],
            },
        )
        quantized = onnx.load(path)
    _take_pixels(quantized.graph)
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


class _Squares(CalibrationDataReader):
    """Hands calibration squares to the quantiser one by one, normalised."""

    def __init__(self, squares: Iterable[np.ndarray]):
        self._squares = iter(squares)

    def get_next(self) -> dict[str, np.ndarray] | None:
        square = next(self._squares, None)
        return None if square is None else {"image": normalise(square[None])}


def _conv(layer: Conv, weights: Weights, constants: dict) -> list[onnx.NodeProto]:
    """A Conv, and a Clip to 0..6 after it where the network has ReLU6; adds to ``constants``."""
    weight, bias = fold(weights, layer.weight, layer.norm)
    names = [f"{layer.output}.weight", f"{layer.output}.bias"]
    constants.update({names[0]: weight, names[1]: bias})
    before, after = layer.padding()
    total = f"{layer.output}_unclipped" if layer.relu6 else layer.output
    conv = helper.make_node(
        "Conv",
        [layer.input, *names],
        [total],
        layer.output,
        kernel_shape=[layer.kernel] * 2,
        strides=[layer.stride] * 2,
        pads=[before, before, after, after],
        group=weight.shape[0] if layer.depthwise else 1,
    )
    if not layer.relu6:
        return [conv]
    clip = helper.make_node("Clip", [total, "zero", "six"], [layer.output], f"{layer.output}_relu6")
    return [conv, clip]


def _head(weights: Weights, constants: dict) -> list[onnx.NodeProto]:
    """``features`` -> ``embedding`` -> ``logits``; adds to ``constants``."""
    constants["logits.weight"] = weights["_fc.weight"]
    constants["logits.bias"] = weights["_fc.bias"]
    inputs = ["embedding", "logits.weight", "logits.bias"]
    return [
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"], "pooled"),
        helper.make_node("Flatten", ["pooled"], ["embedding"], "embedding", axis=1),
        helper.make_node("Gemm", inputs, ["logits"], "logits", transB=1),
    ]


def _given_ranges(graph: onnx.GraphProto) -> dict[str, list[dict]]:
    """What is not left to calibration, in the quantiser's words: the input and the weights."""
    given = {
        "image": [
            {
                "scale": np.array(INPUT_SCALE, np.float32),
                "zero_point": np.array(INPUT_ZERO_POINT, np.uint8),
            }
        ]
    }
    for constant in graph.initializer:
        if constant.name.endswith(".weight") and "depthwise" not in constant.name:
            limits = pair_limits(numpy_helper.to_array(constant))
            given[constant.name] = [{"axis": 0, "rmin": -limit, "rmax": limit} for limit in limits]
    return given


def pair_limits(weight: np.ndarray) -> np.ndarray:
    """Float32 (out,): the largest sum of two neighbouring weights of one sign, per output channel.

    x86 processors without VNNI multiply uint8 by int8 two at a time, into a 16-bit sum that
    saturates: 255 * (127 + 127) does not fit. With this limit as code 127, two codes sum to at most
    128 after rounding, 255 * 128 fits, and every processor gives the same numbers. The scales grow
    by a quarter on average, where ``reduce_range`` doubles them. Neighbours are counted along the
    input channels, the order in which matrix kernels read; depthwise kernels do not pair.
    """
    rows = np.moveaxis(weight, 1, -1).reshape(len(weight), -1)
    rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
    pairs = rows.reshape(len(rows), -1, 2)
    return np.maximum(*(np.maximum(sign * pairs, 0).sum(2).max(1) for sign in (1, -1)))


def _take_pixels(graph: onnx.GraphProto) -> None:
    """Drop the QuantizeLinear at the input: at scale 1/128 and zero point 127, codes are pixels."""
    (quantize,) = (node for node in graph.node if node.input[0] == "image")
    (dequantize,) = (node for node in graph.node if node.input[0] == quantize.output[0])
    dequantize.input[0] = "image"
    graph.node.remove(quantize)
    graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8

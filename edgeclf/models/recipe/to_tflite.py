"""The INT8 ONNX model, transcribed number for number into a TFLite flatbuffer.

Both forms are one network: the same int8 weights, int32 biases and scales. Only the codes of the
activations move, from uint8 to int8, by subtracting 128 from the zero points; layouts turn to NHWC.
Nothing is trained, calibrated or rounded here.
"""

from __future__ import annotations

from collections.abc import Sequence

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import numpy_helper

from .architecture import CLASSES, HEAD_CHANNELS, SIDE, Add, Conv, layers

UINT8_TO_INT8 = -128
# The range of the int8 logits, -4.0 to 16.4, is chosen and not calibrated (see to_onnx.int8_model).
# In a softmax over 1000 classes nothing below it counts, and above it there is one clear winner.
LOGITS_SCALE, LOGITS_ZERO_POINT = 0.08, -78
OUTPUTS = ("logits", "embedding")
ALIGNMENT = 16  # bytes; what TFLite's schema asks of constant data
# The lowest version of each operator that stands for int8 kernels
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "ADD": 2, "MEAN": 2, "FULLY_CONNECTED": 4}


def int8_model(quantized: onnx.ModelProto) -> bytes:
    """The flatbuffer of ``to_onnx.int8_model``'s network.

    ``image`` int8 (1, 224, 224, 3), RGB, pixel - 128 -> ``logits`` int8 (1, 1000), ``embedding``
    int8 (1, 1280).
    """
    writer = _Writer(quantized)
    writer.activation("image", (1, SIDE, SIDE, 3))
    for layer in layers():
        if isinstance(layer, Add):
            _add(writer, layer)
        else:
            _conv(writer, layer)
    _head(writer)
    return _pack(writer)


class _Buffer(schema.BufferT):
    """Constant data, aligned; the generated ``Pack`` puts it at any byte."""

    def Pack(self, builder):
        if self.data is not None:
            builder.Prep(ALIGNMENT, self.data.nbytes)
        return super().Pack(builder)


class _Writer:
    """Collects the tensors and operators of one subgraph; tensors are named as in ONNX."""

    def __init__(self, quantized: onnx.ModelProto):
        constants = quantized.graph.initializer
        self.values = {constant.name: numpy_helper.to_array(constant) for constant in constants}
        self.tensors: dict[str, schema.TensorT] = {}  # a tensor's number is its place in here
        self.buffers: list[schema.BufferT] = [_Buffer()]  # number 0 means no data, by convention
        self.operators: list[schema.OperatorT] = []

    def number(self, name: str) -> int:
        return list(self.tensors).index(name)

    def activation(self, name: str, shape: Sequence[int], source: str | None = None) -> None:
        """An int8 tensor, quantised as ``source`` (the same name, unless said) is in ONNX."""
        source = source or name
        zero_point = int(self.values[f"{source}_zero_point"]) + UINT8_TO_INT8
        self.quantized(name, shape, float(self.values[f"{source}_scale"]), zero_point)

    def quantized(self, name: str, shape: Sequence[int], scale: float, zero_point: int) -> None:
        """An int8 tensor that an operator fills."""
        self.tensors[name] = schema.TensorT(
            name=name,
            shape=list(shape),
            type=schema.TensorType.INT8,
            quantization=_quantization(np.float32([scale]), np.int64([zero_point])),
        )

    def constant(self, name: str, data: np.ndarray, scales=None, axis: int = 0) -> None:
        """An int8 or int32 constant; ``scales`` (out,) lie along ``axis``; zero points are 0."""
        data = np.ascontiguousarray(data)
        self.buffers.append(_Buffer(data=data.reshape(-1).view(np.uint8)))
        tensor = schema.TensorT(name=name, shape=list(data.shape), buffer=len(self.buffers) - 1)
        tensor.type = getattr(schema.TensorType, data.dtype.name.upper())
        if scales is not None:
            tensor.quantization = _quantization(scales, np.zeros(len(scales), np.int64), axis)
        self.tensors[name] = tensor

    def weights(self, name: str, order: Sequence[int], axis: int) -> list[str]:
        """The names of a layer's weight, its axes put in ``order``, and its bias."""
        weight, bias = f"{name}.weight", f"{name}.bias"
        codes = self.values[f"{weight}_quantized"].transpose(order)
        self.constant(weight, codes, self.values[f"{weight}_scale"], axis)
        self.constant(
            bias, self.values[f"{bias}_quantized"], self.values[f"{bias}_quantized_scale"]
        )
        return [weight, bias]

    def operator(self, kind: str, inputs: Sequence[str], output: str, options) -> None:
        """``options`` is one of the schema's classes; its union's name is the class's, less a T."""
        table = type(options).__name__[:-1]
        self.operators.append(
            schema.OperatorT(
                opcodeIndex=list(VERSIONS).index(kind),
                inputs=[self.number(name) for name in inputs],
                outputs=[self.number(output)],
                builtinOptionsType=getattr(schema.BuiltinOptions, table),
                builtinOptions=options,
            )
        )


def _quantization(scales, zero_points, axis: int = 0) -> schema.QuantizationParametersT:
    return schema.QuantizationParametersT(
        scale=scales, zeroPoint=zero_points, quantizedDimension=axis
    )


def _conv(writer: _Writer, layer: Conv) -> None:
    """Convolution, bias and ReLU6 in one operator; SAME is the padding it was trained with."""
    if layer.depthwise:  # channel, 1, y, x -> 1, y, x, channel
        kind, order, axis = "DEPTHWISE_CONV_2D", (1, 2, 3, 0), 3
        options = schema.DepthwiseConv2DOptionsT(depthMultiplier=1)
    else:  # out, in, y, x -> out, y, x, in
        kind, order, axis = "CONV_2D", (0, 2, 3, 1), 0
        options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = layer.stride
    if layer.relu6:
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
    weight, bias = writer.weights(layer.output, order, axis)
    channels = writer.tensors[bias].shape[0]
    writer.activation(layer.output, (1, layer.output_side, layer.output_side, channels))
    writer.operator(kind, [layer.input, weight, bias], layer.output, options)


def _add(writer: _Writer, layer: Add) -> None:
    writer.activation(layer.output, writer.tensors[layer.inputs[0]].shape)
    writer.operator("ADD", layer.inputs, layer.output, schema.AddOptionsT())


def _head(writer: _Writer) -> None:
    """``features`` -> ``embedding``, the mean over the 7 x 7 places -> ``logits``."""
    writer.constant("embedding.axes", np.int32([1, 2]))
    writer.activation("embedding", (1, HEAD_CHANNELS), source="pooled")
    writer.operator("MEAN", ["features", "embedding.axes"], "embedding", schema.ReducerOptionsT())
    constants = writer.weights("logits", (0, 1), 0)
    writer.quantized("logits", (1, CLASSES), LOGITS_SCALE, LOGITS_ZERO_POINT)
    options = schema.FullyConnectedOptionsT()
    writer.operator("FULLY_CONNECTED", ["embedding", *constants], "logits", options)


def _pack(writer: _Writer) -> bytes:
    """The flatbuffer: one subgraph, and a signature that names its inputs and outputs."""
    subgraph = schema.SubGraphT(
        name="main",
        tensors=list(writer.tensors.values()),
        operators=writer.operators,
        inputs=[writer.number("image")],
        outputs=[writer.number(name) for name in OUTPUTS],
    )
    signature = schema.SignatureDefT(
        signatureKey="serving_default",
        inputs=[schema.TensorMapT("image", writer.number("image"))],
        outputs=[schema.TensorMapT(name, writer.number(name)) for name in OUTPUTS],
    )
    model = schema.ModelT(
        version=3,
        description="EfficientNet-Lite0, ImageNet, INT8",
        operatorCodes=[_operator_code(kind) for kind in VERSIONS],
        subgraphs=[subgraph],
        buffers=writer.buffers,
        signatureDefs=[signature],
    )
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _operator_code(kind: str) -> schema.OperatorCodeT:
    code = getattr(schema.BuiltinOperator, kind)  # in both fields: older runtimes read the first
    return schema.OperatorCodeT(code, version=VERSIONS[kind], builtinCode=code)

"""MobileNetV3-Small (Howard et al. 2019, table 2) as an ONNX graph, with random weights.

The architecture is written down here layer by layer: stem, eleven bottlenecks with depthwise
convolutions, squeeze-and-excitation and hard-swish, head. BatchNorm is folded, as in any export.
The weights are He-initialised from a fixed seed: the network computes, and knows nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, save

SIDE = 224
CLASSES = 1000


class Bottleneck(NamedTuple):
    """One row of the paper's table: an inverted residual."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    activation: str
    stride: int


BOTTLENECKS = (
    Bottleneck(3, 16, 16, True, "Relu", 2),
    Bottleneck(3, 72, 24, False, "Relu", 2),
    Bottleneck(3, 88, 24, False, "Relu", 1),
    Bottleneck(5, 96, 40, True, "HardSwish", 2),
    Bottleneck(5, 240, 40, True, "HardSwish", 1),
    Bottleneck(5, 240, 40, True, "HardSwish", 1),
    Bottleneck(5, 120, 48, True, "HardSwish", 1),
    Bottleneck(5, 144, 48, True, "HardSwish", 1),
    Bottleneck(5, 288, 96, True, "HardSwish", 2),
    Bottleneck(5, 576, 96, True, "HardSwish", 1),
    Bottleneck(5, 576, 96, True, "HardSwish", 1),
)


def divisible(channels: float, by: int = 8) -> int:
    """The paper's rounding of channels: to a multiple of 8, and never down by over a tenth."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


class _Graph:
    def __init__(self, seed: int):
        self.nodes: List[NodeProto] = []
        self.constants: List[TensorProto] = []
        self._random = np.random.RandomState(seed)

    def node(self, operator: str, inputs: List[str], **attributes: object) -> str:
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(self, values: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def weights(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:]))
        return self.constant(self._random.normal(0, np.sqrt(2 / fan_in), shape))

    def bias(self, channels: int) -> str:
        return self.constant(self._random.normal(0, 0.1, channels))

    def conv(
        self, source: str, channels: int, out: int, kernel: int = 1, stride: int = 1, group: int = 1
    ) -> str:
        inputs = [source, self.weights(out, channels // group, kernel, kernel), self.bias(out)]
        return self.node(
            "Conv",
            inputs,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[kernel // 2] * 4,
            group=group,
        )

    def squeeze(self, source: str, channels: int) -> str:
        """Squeeze-and-excitation."""
        few = divisible(channels / 4)
        mean = self.node("GlobalAveragePool", [source])
        inner = self.node("Relu", [self.conv(mean, channels, few)])
        outer = self.conv(inner, few, channels)
        gate = self.node("HardSigmoid", [outer], alpha=1 / 6, beta=0.5)
        return self.node("Mul", [source, gate])

    def bottleneck(self, source: str, channels: int, row: Bottleneck) -> str:
        inner = source
        if row.expanded != channels:
            inner = self.node(row.activation, [self.conv(source, channels, row.expanded)])
        wide = row.expanded
        inner = self.conv(inner, wide, wide, row.kernel, row.stride, group=wide)
        inner = self.node(row.activation, [inner])
        if row.squeeze:
            inner = self.squeeze(inner, wide)
        inner = self.conv(inner, wide, row.out)
        if row.stride == 1 and channels == row.out:
            return self.node("Add", [source, inner])
        return inner


def mobilenet_v3_small(seed: int = 1) -> ModelProto:
    """``image`` (batch, 3, 224, 224) -> ``scores`` (batch, 1000), after a softmax; float32."""
    graph = _Graph(seed)
    current, channels = graph.conv("image", 3, 16, 3, 2), 16
    current = graph.node("HardSwish", [current])
    for row in BOTTLENECKS:
        current, channels = graph.bottleneck(current, channels, row), row.out
    current = graph.node("HardSwish", [graph.conv(current, channels, 576)])
    current = graph.node("Flatten", [graph.node("GlobalAveragePool", [current])])
    current = graph.node("Gemm", [current, graph.weights(1024, 576), graph.bias(1024)], transB=1)
    current = graph.node("HardSwish", [current])
    current = graph.node(
        "Gemm", [current, graph.weights(CLASSES, 1024), graph.bias(CLASSES)], transB=1
    )
    graph.nodes.append(helper.make_node("Softmax", [current], ["scores"], "scores", axis=1))
    values = helper.make_tensor_value_info
    onnx_graph = helper.make_graph(
        graph.nodes,
        "mobilenet_v3_small",
        [values("image", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [values("scores", TensorProto.FLOAT, ["batch", CLASSES])],
        graph.constants,
    )
    return helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


SPEC = {
    "resize_mode": "center-crop",
    "resize_size": 256,
    "interpolation": "bilinear",
    "rescale_factor": 1 / 255,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def write(path: Path) -> Path:
    """The model as a file; its spec is `SPEC`."""
    save(mobilenet_v3_small(), str(path))
    return path

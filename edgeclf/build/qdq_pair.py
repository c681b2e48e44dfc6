"""What a QuantizeLinear or a DequantizeLinear computes with: ``value = scale * (code - zero)``."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

import numpy as np
import onnx

from edgeclf.build.graph import GraphEditor
from edgeclf.errors import ModelError

__all__ = ["DEQUANTIZE", "LARGEST_CODE", "QUANTIZE", "Pair", "pair_of"]

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
LARGEST_CODE = 127  # symmetric codes are -127..127; -128 is not used for weights
_ACTIVATION_DTYPES = ("int8", "uint8")


class Pair(NamedTuple):
    """Scale and zero point of a tensor (shape ()), or of each channel of a constant (channels,).

    The zero point has the codes' dtype; the scale is float32.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int

    @property
    def limits(self) -> Tuple[float, float]:
        """The smallest and the largest value that a tensor's codes stand for."""
        codes = np.iinfo(self.zero_point.dtype)
        low, high = (float(n) - float(self.zero_point) for n in (codes.min, codes.max))
        return low * float(self.scale), high * float(self.scale)

    @property
    def is_symmetric(self) -> bool:
        """Whether TensorRT takes it as it is."""
        return self.zero_point.dtype == np.int8 and not self.zero_point.any()

    @property
    def symmetric_scale(self) -> np.ndarray:
        """The scale of int8 codes without zero point that hold the same range; shape ()."""
        # Around the middle of the range the step stays, and one code at an end is cut off.
        middle = float(np.iinfo(self.zero_point.dtype).min) + 127.5
        if abs(float(self.zero_point) - middle) < 1:
            return self.scale
        return np.asarray(max(map(abs, self.limits)) / LARGEST_CODE, np.float32)

    def dequantized(self, codes: np.ndarray) -> np.ndarray:
        """The float32 values of a constant."""
        scale = self.along(self.scale, codes.ndim).astype(np.float64)
        zero_point = self.along(self.zero_point, codes.ndim).astype(np.int64)
        values: np.ndarray = (codes.astype(np.int64) - zero_point) * scale
        return values.astype(np.float32)

    def quantized(self, values: np.ndarray) -> np.ndarray:
        """The codes of a float constant: half to even, saturated."""
        scale, zero_point = (self.along(v, values.ndim) for v in (self.scale, self.zero_point))
        codes = np.iinfo(self.zero_point.dtype)
        numbers = np.rint(values.astype(np.float64) / scale) + zero_point
        saturated: np.ndarray = np.clip(numbers, codes.min, codes.max)
        return saturated.astype(self.zero_point.dtype)

    def along(self, values: np.ndarray, dimensions: int) -> np.ndarray:
        """(channels,) as an array that stretches over `axis` of a tensor."""
        if values.ndim == 0:
            return values
        shape = [1] * dimensions
        shape[self.axis] = -1
        return values.reshape(shape)

    def equals(self, other: "Pair") -> bool:
        """Whether both stand for the same values. (``==`` would compare arrays one by one.)"""
        return np.array_equal(self.scale, other.scale) and np.array_equal(
            self.zero_point, other.zero_point
        )


def pair_of(node: onnx.NodeProto, editor: GraphEditor) -> Pair:
    """Scale and zero point of a node.

    Raises:
        ModelError: they are computed by the graph, or are none that TensorRT has a word for.
    """
    codes = editor.constant(node.input[0])
    scale, zero_point = editor.constant(node.input[1]), None
    if len(node.input) > 2 and node.input[2]:
        zero_point = editor.constant(node.input[2])
    elif scale is not None:
        zero_point = np.zeros(scale.shape, _default_dtype(node, codes))
    name = f"{node.op_type} {node.name or node.output[0]!r}"
    if scale is None or zero_point is None:
        raise ModelError(
            f"{name}: its scale or zero point is computed by the graph. TensorRT needs constants; "
            "quantise the model statically"
        )
    if scale.size == 1:
        scale, zero_point = scale.reshape(()), zero_point.reshape(-1)[:1].reshape(())
    dtypes = _ACTIVATION_DTYPES if codes is None else (*_ACTIVATION_DTYPES, "int32")
    axis = _axis(node, 0 if codes is None else codes.ndim)
    channels = () if codes is None or scale.ndim == 0 else codes.shape[axis : axis + 1]
    fits = scale.shape == zero_point.shape == channels
    if zero_point.dtype.name not in dtypes or not fits or not (scale > 0).all():
        raise ModelError(
            f"{name}: expected {' or '.join(dtypes)} codes with positive scales, one for a tensor "
            f"or, of a constant, one per channel; got {zero_point.dtype} with scales of shape "
            f"{list(scale.shape)}. Quantise the float model again with int8 or uint8"
        )
    return Pair(scale.astype(np.float32), zero_point, axis)


def _default_dtype(node: onnx.NodeProto, values: Optional[np.ndarray]) -> Any:
    # A DequantizeLinear takes what it gets; a QuantizeLinear makes uint8.
    return np.uint8 if values is None or node.op_type == QUANTIZE else values.dtype


def _axis(node: onnx.NodeProto, dimensions: int) -> int:
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    return int(axis + dimensions if axis < 0 else axis)

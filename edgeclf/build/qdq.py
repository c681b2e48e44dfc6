"""Quantised ONNX models (QDQ) as TensorRT takes them.

TensorRT reads pairs of QuantizeLinear and DequantizeLinear with int8 codes whose zero point is 0,
and nothing else: no uint8, no zero points, no int32 biases. Two ways out of what other tools write:

- `without_quantization`: weights and biases become the float32 values that their codes stand for.
  A pair on an activation also limits its values, and a quantiser relies on that (a ReLU6 is often
  nothing but such a pair): it becomes a Clip to the range of its codes. What is lost is rounding
  alone, so each such tensor is within half a step of what it was before.
- `with_symmetric_quantization`: pairs stay, with zero point 0. Where the codes' range began at 0,
  a Relu says so, and the step doubles at most (127 steps above 0 instead of 255).
"""

from __future__ import annotations

from typing import List

import onnx

from edgeclf.build.qdq_pair import DEQUANTIZE, QUANTIZE
from edgeclf.build.qdq_rewriter import Rewriter
from edgeclf.errors import ModelError

__all__ = ["is_quantized", "with_symmetric_quantization", "without_quantization"]

# Operators that compute on codes themselves: the format before QDQ.
_ON_CODES = (
    "QLinearConv",
    "QLinearMatMul",
    "ConvInteger",
    "MatMulInteger",
    "DynamicQuantizeLinear",
)


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether any tensor of the model is quantised.

    Raises:
        ModelError: it is, by operators on codes, which cannot be taken apart.
    """
    operators = {node.op_type for node in model.graph.node}
    found = sorted(n for n in operators if n in _ON_CODES or n.startswith("QLinear"))
    if found:
        raise ModelError(
            f"the model computes on integer codes itself ({', '.join(found)}), which TensorRT "
            "cannot read. Quantise the float model again in the QDQ format "
            "(onnxruntime.quantization: quant_format=QuantFormat.QDQ)"
        )
    return bool(operators & {QUANTIZE, DEQUANTIZE})


def without_quantization(model: onnx.ModelProto) -> List[str]:
    """Make every tensor float32, in place; what was changed, in words.

    Raises:
        ModelError: a pair that is none: scales that are computed, other dtypes, quantised outputs.
    """
    return Rewriter(model.graph, symmetric=False).run()


def with_symmetric_quantization(model: onnx.ModelProto) -> List[str]:
    """Make every pair int8 with zero point 0 and every bias float32, in place; what was changed.

    Raises:
        ModelError: as `without_quantization`.
    """
    return Rewriter(model.graph, symmetric=True).run()

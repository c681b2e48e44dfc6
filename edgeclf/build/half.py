"""A float32 model as float16, for runtimes whose networks are strongly typed."""

from __future__ import annotations

from typing import Any, List

import numpy as np

from edgeclf.errors import BackendUnavailable, ModelError

__all__ = ["as_half"]


def as_half(model: Any) -> "tuple[Any, List[str]]":
    """The model with float16 weights and arithmetic, and float32 tensors at both ends.

    Args:
        model: an ``onnx.ModelProto``; it is left as it was.

    Returns:
        The new model, and what was changed, in words.

    Raises:
        ModelError: a weight is beyond float16's range (65504). BackendUnavailable: the converter,
            which is a part of onnxruntime, is not installed.
    """
    from onnx import TensorProto, numpy_helper

    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as exc:
        raise BackendUnavailable(
            "fp16 for this TensorRT needs onnxruntime's converter: pip install "
            "'edgeclf[tensorrt-build]'"
        ) from exc
    largest = float(np.finfo(np.float16).max)
    floats = [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT]
    for tensor in floats:
        values = numpy_helper.to_array(tensor)
        if values.size and float(np.abs(values).max()) > largest:
            raise ModelError(
                f"fp16: the weights {tensor.name!r} reach {float(np.abs(values).max()):.3g}, and "
                f"float16 ends at {largest:.0f}. Build with fp32"
            )
    try:
        converted = convert_float_to_float16(_copy(model), keep_io_types=True)
    except Exception as exc:
        raise ModelError(
            f"fp16: the model cannot be converted ({exc}). Build with fp32, or export it in float16"
        ) from exc
    return converted, [f"{len(floats)} float32 constants became float16, and the arithmetic too"]


def _copy(model: Any) -> Any:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy

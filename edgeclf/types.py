"""The small facts that travel between the layers: tensors, placement, categories, times."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

__all__ = ["Category", "Placement", "Quantization", "Speed", "TensorInfo"]


class Quantization(NamedTuple):
    """Per-tensor affine quantisation, a fact of the model: ``real = scale * (code - zero_point)``.

    ``scale`` is positive; ``zero_point`` lies within the range of the tensor's dtype.
    """

    scale: float
    zero_point: int


class TensorInfo(NamedTuple):
    """One input or output of a model, as the runtime states it.

    ``shape`` holds None where a dimension is dynamic. ``dtype`` is a NumPy dtype name
    ("float32", "float16", "uint8", "int8"). ``quantization`` is None for a tensor that is not
    quantised. ``memory`` is "host" or "cuda".
    """

    name: str
    shape: Tuple[Optional[int], ...]
    dtype: str
    quantization: Optional[Quantization] = None
    memory: str = "host"


class Placement(NamedTuple):
    """What runs where: ``operators`` nodes of the graph run on ``unit``, because of ``reason``.

    ``unit`` is the runtime's own name for it ("CPUExecutionProvider", "XNNPACK", "TFLite CPU").
    """

    unit: str
    operators: int
    reason: str


class Category(NamedTuple):
    """One class and its score. ``index`` is the model's; ``score`` is 0..1 after softmax or
    sigmoid, and the raw output's value when the activation is "none"."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    label: str
    score: float


class Speed(NamedTuple):
    """Milliseconds spent on one frame. In a batch, the batch's time divided by its frames."""

    preprocess_ms: float
    inference_ms: float
    postprocess_ms: float

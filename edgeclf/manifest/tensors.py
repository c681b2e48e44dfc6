"""What the model's tensors say, held against what is said of them."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgeclf.errors import SpecMismatch
from edgeclf.spec import DTYPES
from edgeclf.types import TensorInfo

__all__ = ["Statement", "class_count", "possible_layouts", "tensor_fields", "text_of"]

_CHANNELS = (1, 3)
_AN_IMAGE = (
    "an image input has the shape (batch, channels, height, width) or (batch, height, width, "
    "channels), with 1 or 3 channels"
)

# A value and the source that states it.
Statement = Tuple[Any, str]


class _Axes(NamedTuple):
    channels: Optional[int]
    height: Optional[int]
    width: Optional[int]


def text_of(tensor: TensorInfo) -> str:
    """A tensor for a message: ``input [1, 3, ?, ?] float32``."""
    shape = ", ".join("?" if n is None else str(n) for n in tensor.shape)
    return f"{tensor.name} [{shape}] {tensor.dtype}"


def possible_layouts(tensor: TensorInfo, model: str) -> List[str]:
    """The layouts that an input's shape allows: one, or both when it does not tell.

    A fixed 1 or 3 is the channels; beside it a dynamic dimension is taken for a side.

    Raises:
        SpecMismatch: this is not an image input.
    """
    shape = tensor.shape
    if tensor.dtype not in DTYPES:
        raise SpecMismatch(
            f"{model}: input {text_of(tensor)}: expected {', '.join(DTYPES)}. Export the model "
            "with such an image input"
        )
    if len(shape) != 4:
        raise SpecMismatch(f"{model}: input {text_of(tensor)}: {_AN_IMAGE}")
    layouts = []
    for channels, other, layout in ((shape[1], shape[3], "nchw"), (shape[3], shape[1], "nhwc")):
        if channels in _CHANNELS or (channels is None and other not in _CHANNELS):
            layouts.append(layout)
    if not layouts:
        raise SpecMismatch(f"{model}: input {text_of(tensor)}: {_AN_IMAGE}")
    return layouts


def tensor_fields(
    tensor: TensorInfo, said: Dict[str, List[Statement]], model: str
) -> Dict[str, Any]:
    """The fields that the input tensor fixes.

    Args:
        tensor: the input, as the runtime states it.
        said: for each field, what the sources state of it, in order of precedence.
        model: the model's name, for messages.

    Returns:
        dtype; layout, width, height where the shape fixes them; color_mode "gray" for 1 channel.

    Raises:
        SpecMismatch: this is not an image input, or a statement disagrees with it.
    """
    facts: Dict[str, Any] = {"dtype": tensor.dtype}
    layouts = possible_layouts(tensor, model)
    if len(layouts) == 1:
        facts["layout"] = layouts[0]
    _refuse_others(facts, said, tensor, model)
    layout = facts.get("layout") or _first(said.get("layout", ()))
    if layout is None:
        return facts
    axes = _axes(tensor, layout)
    sizes = {"width": axes.width, "height": axes.height}
    facts.update({name: size for name, size in sizes.items() if size is not None})
    if axes.channels == 1:
        facts["color_mode"] = "gray"
    _refuse_others(facts, said, tensor, model)
    if axes.channels == 3:
        _refuse_gray(said, tensor, model)
    return facts


def _axes(tensor: TensorInfo, layout: str) -> _Axes:
    first, second, third = tensor.shape[1:]
    if layout == "nchw":
        return _Axes(first, second, third)
    return _Axes(third, first, second)


def _first(statements: Sequence[Statement]) -> Optional[str]:
    return statements[0][0] if statements else None


def _refuse_others(
    facts: Dict[str, Any], said: Dict[str, List[Statement]], tensor: TensorInfo, model: str
) -> None:
    for name, fact in facts.items():
        for value, source in said.get(name, ()):
            if value != fact:
                raise SpecMismatch(
                    f"{model}: {name}: {source} says {value!r}, but the model's input is "
                    f"{text_of(tensor)}, so {name} is {fact!r}. Correct {source}, or use the "
                    "model that it was written for"
                )


def _refuse_gray(said: Dict[str, List[Statement]], tensor: TensorInfo, model: str) -> None:
    for value, source in said.get("color_mode", ()):
        if value == "gray":
            raise SpecMismatch(
                f"{model}: color_mode: {source} says 'gray', but the model's input is "
                f"{text_of(tensor)}, which has 3 channels: use 'rgb' or 'bgr'"
            )


def class_count(scores: TensorInfo, model: str) -> Optional[int]:
    """How many classes an output of the shape (batch, classes) has; None when that is dynamic.

    Further dimensions are tolerated where all of them are 1: (batch, classes, 1, 1) is what a
    classifier without its last Flatten gives. (1, 1, 1, 1024) is not: a feature vector.

    Raises:
        SpecMismatch: another shape, or a dtype that no scores have.
    """
    shape = scores.shape
    if scores.dtype not in DTYPES:
        raise SpecMismatch(
            f"{model}: output {text_of(scores)}: scores are {', '.join(DTYPES)}. Export the model "
            "without its last operator (an ArgMax or TopK, perhaps)"
        )
    if len(shape) < 2 or shape[1] == 0 or any(n != 1 for n in shape[2:]):
        raise SpecMismatch(
            f"{model}: output {text_of(scores)}: a classifier's scores have the shape (batch, "
            "classes). This may be a feature extractor, a detector or a segmentation model"
        )
    return shape[1]

"""The fields that nothing gives, and the one message that names them all."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Dict, List, Mapping

from edgeclf.errors import ManifestError
from edgeclf.types import TensorInfo

__all__ = ["refuse"]

# What each field is, and a value for the example: those of a torchvision classifier.
_MEANING: Dict[str, str] = {
    "width": "the tensor's width in pixels",
    "height": "the tensor's height in pixels",
    "layout": "'nchw' or 'nhwc'",
    "resize_mode": "'stretch', 'letterbox' or 'center-crop'",
    "resize_size": "the shorter side before the crop, in pixels",
    "interpolation": "'bilinear', 'bicubic', ...",
    "mean": "subtracted from the pixel, 0..255",
    "std": "what the pixel is then divided by",
    "activation": "'softmax', 'sigmoid' or 'none': what the graph does not apply itself",
}
_EXAMPLE: Dict[str, Any] = {
    "width": 224,
    "height": 224,
    "layout": "nchw",
    "resize_mode": "center-crop",
    "resize_size": 256,
    "interpolation": "bilinear",
    "mean": [123.675, 116.28, 103.53],
    "std": [58.395, 57.12, 57.375],
    "activation": "softmax",
}


def refuse(chosen: Mapping[str, Any], input: TensorInfo, model: str) -> None:
    """Raise when a field that has no default is missing.

    Args:
        chosen: the fields that something gives; only ``resize_mode``'s value is looked at.
        input: the model's input; a float one needs mean and std.
        model: the model's name, for the message.

    Raises:
        ManifestError: one or more are missing; the message names all of them.
    """
    names = _missing(chosen, input)
    if not names:
        return
    meanings = "; ".join(f"{name} ({_MEANING[name]})" for name in names)
    example = {name: _EXAMPLE[name] for name in names}
    if "resize_mode" in example:
        example["resize_size"] = _EXAMPLE["resize_size"]
    raise ManifestError(
        f"{model}: nothing says {meanings}. These are never guessed: take them from how the model "
        f"was trained. Give them as an argument, for a torchvision model spec={example!r}"
        f"{_or_sidecar(model, example)}"
    )


def _missing(chosen: Mapping[str, Any], input: TensorInfo) -> List[str]:
    needed = ["width", "height", "layout", "resize_mode", "interpolation", "activation"]
    if chosen.get("resize_mode", ("",))[0] == "center-crop":
        needed.append("resize_size")
    # An 8-bit tensor without a formula takes the pixels as they are; half of one it does not.
    if input.dtype.startswith("float") or "mean" in chosen or "std" in chosen:
        needed += ["mean", "std"]
    if "layout" not in chosen and None not in input.shape:
        # The sides are there; only which of them is which is not.
        needed = [name for name in needed if name not in ("width", "height")]
    return [name for name in _MEANING if name in needed and name not in chosen]


def _or_sidecar(model: str, example: Mapping[str, Any]) -> str:
    if model.startswith("<"):
        return ""
    path = PurePath(model).with_suffix(".json").name
    return (
        f', or in {path} beside the model: {{"schema_version": 1, "input": {{...}}, '
        '"output": {"activation": ...}}'
    )

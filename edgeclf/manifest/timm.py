"""timm: ``config.json`` in the model's folder, with ``pretrained_cfg`` or the same at its top.

The evaluation transform it stands for: shorter side to floor(size / crop_pct) (torchvision's
Resize), centre crop, ToTensor (pixels / 255), Normalize(mean, std). Source: timm 1.0,
``data/config.py`` and ``data/transforms_factory.py``.
"""

from __future__ import annotations

import math
from typing import Any, Dict, Mapping, Optional, Tuple

from edgeclf.errors import ManifestError
from edgeclf.manifest.base import Source
from edgeclf.manifest.huggingface import CONFIG, read_json_beside
from edgeclf.model_file import ModelFile

__all__ = ["read", "source_of"]

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box")
_RESCALE = 1 / 255

# timm's own defaults for what a configuration leaves out.
_DEFAULTS: Dict[str, Any] = {
    "interpolation": "bicubic",
    "crop_pct": 0.875,
    "crop_mode": "center",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def read(model: ModelFile) -> Optional[Source]:
    """The facts in timm's ``config.json``; None when the folder has none."""
    document = read_json_beside(model, CONFIG)
    if document is None:
        return None
    # Older files hold the same at the top, beside the architecture's name.
    at_top = "architecture" in document and "input_size" in document
    return source_of(document) if at_top or "pretrained_cfg" in document else None


def source_of(document: Mapping[str, Any]) -> Source:
    """The facts in a timm configuration. Its test-time size is not used, as in timm itself.

    Raises:
        ManifestError: a value of a wrong type, or a transform that cannot be expressed.
    """
    config = document.get("pretrained_cfg", document)
    if not isinstance(config, dict):
        raise ManifestError(f"{CONFIG}: pretrained_cfg: expected an object")
    given = {key: value for key, value in config.items() if value is not None}
    source = Source(CONFIG)
    source.conventions = {
        "antialias": True,
        "color_mode": "rgb",
        "activation": "softmax",  # timm's classifiers give logits
    }
    merged = {**_DEFAULTS, **given}
    for names, fields in (
        (("input_size", "crop_pct", "crop_mode"), _geometry(merged)),
        (("interpolation",), _interpolation(merged)),
        (("mean", "std"), _normalisation(merged)),
    ):
        stated = any(name in given for name in names)
        (source.fields if stated else source.conventions).update(fields)
    labels = document.get("label_names") or config.get("label_names")
    if labels is not None:
        source.fields["labels"] = _labels(labels)
    return source


def _geometry(merged: Mapping[str, Any]) -> Dict[str, Any]:
    if "input_size" not in merged:
        return {}
    height, width = _sides(merged["input_size"])
    crop_pct, mode = merged["crop_pct"], merged["crop_mode"]
    number = isinstance(crop_pct, (int, float)) and not isinstance(crop_pct, bool)
    if not number or not 0 < crop_pct <= 1:
        raise _refusal("crop_pct", crop_pct, "a number above 0, at most 1")
    fields: Dict[str, Any] = {"width": width, "height": height}
    if mode == "squash" and crop_pct == 1:
        return {**fields, "resize_mode": "stretch"}
    if mode != "center":
        raise _refusal("crop_mode", mode, "'center', or 'squash' with crop_pct 1")
    if math.floor(height / crop_pct) != math.floor(width / crop_pct):
        raise _refusal("input_size", merged["input_size"], "a square, for crop_mode 'center'")
    return {
        **fields,
        "resize_mode": "center-crop",
        "resize_size": math.floor(height / crop_pct),
        "crop_rounding": "round",
    }


def _sides(value: Any) -> Tuple[int, int]:
    if (
        not isinstance(value, (list, tuple))
        or len(value) != 3
        or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in value)
        or value[0] not in (1, 3)
    ):
        raise _refusal("input_size", value, "[1 or 3, height, width]")
    return value[1], value[2]


def _interpolation(merged: Mapping[str, Any]) -> Dict[str, Any]:
    value = merged["interpolation"]
    if value not in _INTERPOLATIONS:
        raise _refusal("interpolation", value, "one of " + ", ".join(_INTERPOLATIONS))
    return {"interpolation": value}


def _normalisation(merged: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        "rescale_factor": _RESCALE,
        "mean": _numbers(merged["mean"], "mean"),
        "std": _numbers(merged["std"], "std"),
    }


def _numbers(value: Any, name: str) -> Tuple[float, ...]:
    numbers = isinstance(value, (list, tuple)) and all(
        isinstance(n, (int, float)) and not isinstance(n, bool) and abs(n) < 1e30 for n in value
    )
    if not numbers or len(value) not in (1, 3) or (name == "std" and min(value) <= 0):
        raise _refusal(name, value, "1 or 3 numbers" + (" above 0" if name == "std" else ""))
    return tuple(float(n) for n in value)


def _labels(value: Any) -> Tuple[str, ...]:
    if isinstance(value, dict):
        value = [value.get(str(index)) for index in range(len(value))]
    if not isinstance(value, list) or not value or not all(isinstance(n, str) for n in value):
        raise _refusal("label_names", value, "a text for every class")
    return tuple(value)


def _refusal(name: str, value: Any, expected: str) -> ManifestError:
    return ManifestError(
        f"{CONFIG} (timm): {name}: expected {expected}; got {str(value)[:60]}. If the model "
        f"really needs it, give the preprocessing as spec=, and move {CONFIG} away"
    )

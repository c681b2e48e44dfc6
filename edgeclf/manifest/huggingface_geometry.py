"""The geometry of Hugging Face's image processors: stretch, or shorter side and centre crop."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from edgeclf.errors import ManifestError

__all__ = ["PROCESSOR", "geometry", "number", "refusal"]

PROCESSOR = "preprocessor_config.json"

# ConvNext crops below this size, and stretches from it on.
_CONVNEXT_CROPS_BELOW = 384


def geometry(merged: Mapping[str, Any], kind: str) -> Dict[str, Any]:
    """resize_mode, resize_size, crop_rounding, width and height, where the settings give them.

    Args:
        merged: the file's settings over the processor's defaults.
        kind: the processor, as `defaults_of` names it.

    Raises:
        ManifestError: a resize or crop that no InputSpec says.
    """
    if not merged.get("do_resize", True):
        raise refusal("do_resize", False, "true: a camera's frame rarely has the model's size")
    if "size" not in merged:
        return {}
    square = bool(merged.get("default_to_square", True))
    size = _size(merged["size"], "size", square)
    if kind == "ConvNext":
        return _convnext_geometry(size, merged)
    if "crop_pct" in merged:
        raise refusal("crop_pct", merged["crop_pct"], "this setting with ConvNext alone")
    crop = None
    if merged.get("do_center_crop", False):
        crop = _size(merged.get("crop_size", merged["size"]), "crop_size", True)
        if isinstance(crop, int):
            crop = (crop, crop)
    if isinstance(size, int):
        if crop is None:
            raise refusal("size", merged["size"], "height and width, or do_center_crop as well")
        return _center_crop(crop, size)
    if crop is not None and crop != size:
        raise refusal("do_center_crop", True, "a crop of the whole: it stretches to another size")
    return {"resize_mode": "stretch", "height": size[0], "width": size[1]}


def _convnext_geometry(size: Any, merged: Mapping[str, Any]) -> Dict[str, Any]:
    if not isinstance(size, int):
        raise refusal("size", merged["size"], "shortest_edge, which ConvNext needs")
    if merged.get("do_center_crop", False):
        raise refusal("do_center_crop", True, "false: ConvNext crops by crop_pct")
    if size >= _CONVNEXT_CROPS_BELOW:
        return {"resize_mode": "stretch", "height": size, "width": size}
    crop_pct = number(merged.get("crop_pct"), "crop_pct")
    if not 0 < crop_pct <= 1:
        raise refusal("crop_pct", crop_pct, "a number above 0, at most 1")
    return _center_crop((size, size), int(size / crop_pct))


def _center_crop(crop: Tuple[int, int], resize_size: int) -> Dict[str, Any]:
    return {
        "resize_mode": "center-crop",
        "resize_size": resize_size,
        "crop_rounding": "floor",
        "height": crop[0],
        "width": crop[1],
    }


def _size(value: Any, name: str, square: bool) -> Any:
    """(height, width), or one number for the shortest edge."""
    if isinstance(value, (list, tuple)) and len(value) == 2:
        value = {"height": value[0], "width": value[1]}
    if not isinstance(value, dict):
        number = _side(value, name)
        return (number, number) if square else number
    # Newer versions write every key, with null for those that do not apply.
    sides = {key: side for key, side in value.items() if side is not None}
    if set(sides) == {"height", "width"}:
        return _side(sides["height"], name), _side(sides["width"], name)
    if set(sides) == {"shortest_edge"}:
        return _side(sides["shortest_edge"], name)
    raise refusal(name, value, "height and width, or shortest_edge")


def _side(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise refusal(name, value, "whole numbers of pixels")
    return value


def number(value: Any, name: str) -> float:
    """A setting that must be a number of sane size."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e30:
        raise refusal(name, value, "a number")
    return float(value)


def refusal(name: str, value: Any, expected: str) -> ManifestError:
    """The error for a setting that cannot be carried out."""
    return ManifestError(
        f"{PROCESSOR}: {name}: expected {expected}; got {str(value)[:60]}. If the model really "
        "needs it, resize the frames yourself and give the rest as spec="
    )

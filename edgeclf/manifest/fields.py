"""Checking one field's value as it comes from JSON or from a caller, before a spec is built.

What is accepted here is what ``sidecar.schema.json`` accepts; a test holds the two together.
Rules between fields ("center-crop needs resize_size") are InputSpec's and OutputSpec's own.
"""

from __future__ import annotations

import difflib
import math
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from edgeclf.errors import ManifestError, SpecMismatch
from edgeclf.spec import (
    ACTIVATIONS,
    COLOR_MODES,
    CROP_ROUNDINGS,
    DTYPES,
    INTERPOLATIONS,
    LAYOUTS,
    MAX_SIDE,
    RESIZE_MODES,
    SCORE_TRANSFORMATIONS,
    ScoreCalibration,
)

__all__ = ["INPUT_FIELDS", "OUTPUT_FIELDS", "checked_fields", "unknown_name"]

# float32 ends at 3.4e38; beyond this a number in a spec is a slip of the pen.
MAX_NUMBER = 1e30
MAX_LABEL_OFFSET = 2**20

# A check takes the value and gives it back normalised, or raises ValueError saying what it wants.
Check = Callable[[Any], Any]


def _choice(choices: Sequence[str]) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError("expected one of " + ", ".join(choices))
        return value

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        number = _plain(value)
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ValueError(f"expected a whole number {low}..{high}")
        # JSON does not tell 224.0 from 224, and neither does its schema.
        if not low <= number <= high or number != int(number):
            raise ValueError(f"expected a whole number {low}..{high}")
        return int(number)

    return check


def _number(value: Any) -> float:
    number = _plain(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise ValueError("expected a number")
    # Infinity and NaN fail this comparison too.
    if not abs(number) <= MAX_NUMBER:
        raise ValueError(f"expected a finite number, at most {MAX_NUMBER:g} in size")
    return float(number)


def _nonzero(value: Any) -> float:
    number = _number(value)
    if number == 0:
        raise ValueError("expected a number other than 0")
    return number


def _positive(value: Any) -> float:
    number = _number(value)
    if number <= 0:
        raise ValueError("expected a number above 0")
    return number


def _plain(value: Any) -> Any:
    """A NumPy scalar as the Python number it is; anything else as it came."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _or_none(check: Check) -> Check:
    def checked(value: Any) -> Any:
        return None if value is None else check(value)

    return checked


def _per_channel(check: Check) -> Check:
    def checked(value: Any) -> Tuple[Any, ...]:
        if _is_list(value):
            if len(value) not in (1, 3):
                raise ValueError(f"expected 1 or 3 values, one per channel; got {len(value)}")
            return tuple(check(item) for item in value)
        return (check(value),)

    return checked


def _per_class(value: Any) -> Tuple[float, ...]:
    if _is_list(value):
        if not len(value):
            raise ValueError("expected a number, or one per class; got an empty list")
        return tuple(_number(item) for item in value)
    return (_number(value),)


def _labels(value: Any) -> Tuple[str, ...]:
    if not _is_list(value) or not len(value) or not all(isinstance(v, str) for v in value):
        raise ValueError("expected a list of texts, one per class, or the name of a text file")
    return tuple(value)


def _calibration(value: Any) -> ScoreCalibration:
    if isinstance(value, ScoreCalibration):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("expected transformation, default_score and parameters")
    for name in value:
        if name not in _CALIBRATION:
            raise ValueError(unknown_name(name, _CALIBRATION))
    try:
        return ScoreCalibration(**{name: _CALIBRATION[name](value[name]) for name in value})
    except SpecMismatch as exc:
        raise ValueError(str(exc)) from exc


def _calibration_rows(value: Any) -> Tuple[Any, ...]:
    if not _is_list(value):
        raise ValueError("parameters: expected a list, one entry per class")
    return tuple(None if row is None else _calibration_row(row) for row in value)


def _calibration_row(row: Any) -> Tuple[float, float, float, Optional[float]]:
    if not _is_list(row) or len(row) not in (3, 4):
        raise ValueError("parameters: expected [scale, slope, offset] or with min_score, or null")
    scale, slope, offset = (_number(item) for item in row[:3])
    if scale < 0:
        raise ValueError("parameters: scale must not be negative")
    minimum = None if len(row) == 3 or row[3] is None else _number(row[3])
    return (scale, slope, offset, minimum)


def _is_list(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return True
    # An array that a caller holds, without importing NumPy to ask.
    return getattr(value, "ndim", None) == 1 and hasattr(value, "tolist")


_CALIBRATION: Dict[str, Check] = {
    "transformation": _choice(SCORE_TRANSFORMATIONS),
    "default_score": _number,
    "parameters": _calibration_rows,
}

INPUT_FIELDS: Dict[str, Check] = {
    "width": _whole(1, MAX_SIDE),
    "height": _whole(1, MAX_SIDE),
    "color_mode": _choice(COLOR_MODES),
    "resize_mode": _choice(RESIZE_MODES),
    "resize_size": _or_none(_whole(1, MAX_SIDE)),
    "crop_rounding": _choice(CROP_ROUNDINGS),
    "interpolation": _choice(INTERPOLATIONS),
    "antialias": _flag,
    "exact": _or_none(_flag),
    "rescale_factor": _nonzero,
    "mean": _or_none(_per_channel(_number)),
    "std": _or_none(_per_channel(_positive)),
    "pad_value": _or_none(_per_channel(_whole(0, 255))),
    "layout": _choice(LAYOUTS),
    "dtype": _choice(DTYPES),
}

OUTPUT_FIELDS: Dict[str, Check] = {
    "labels": _or_none(_labels),
    "activation": _choice(ACTIVATIONS),
    "label_offset": _whole(-MAX_LABEL_OFFSET, MAX_LABEL_OFFSET),
    "multilabel": _flag,
    "score_calibration": _or_none(_calibration),
    "thresholds": _or_none(_per_class),
}


def checked_fields(
    values: Mapping[str, Any], checks: Mapping[str, Check], where: str
) -> Dict[str, Any]:
    """The fields of `values`, each checked and normalised (lists become tuples).

    Args:
        values: names and values, as read from JSON or given by a caller.
        checks: INPUT_FIELDS, OUTPUT_FIELDS or both.
        where: what the values come from, for messages.

    Raises:
        ManifestError: a name that is no field, or a value of a wrong type or range.
    """
    fields: Dict[str, Any] = {}
    for name, value in values.items():
        if name not in checks:
            raise ManifestError(f"{where}: {unknown_name(name, checks)}")
        try:
            fields[name] = checks[name](value)
        except (ValueError, OverflowError) as exc:
            raise ManifestError(f"{where}: {name}: {exc}; got {_short(value)}") from exc
    return fields


def unknown_name(name: Any, known: Mapping[str, Any]) -> str:
    """What to say of a name that is no field: the nearest ones, or all of them."""
    near = difflib.get_close_matches(str(name), list(known), n=3, cutoff=0.5)
    if near:
        return f"unknown field {_short(name)}; did you mean {' or '.join(near)}?"
    return f"unknown field {_short(name)}; the fields are {', '.join(known)}"


def _short(value: Any) -> str:
    text = repr(value)
    if isinstance(value, float) and not math.isfinite(value):
        text = f"{value} (not a finite number)"
    return text if len(text) <= 80 else text[:77] + "..."

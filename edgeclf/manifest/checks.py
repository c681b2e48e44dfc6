"""What one field's value may be, and its normalised form (lists become tuples).

A check takes the value and gives it back normalised, or raises ValueError saying what it wants.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from edgeclf.errors import SpecMismatch
from edgeclf.manifest.names import unknown_name
from edgeclf.spec import SCORE_TRANSFORMATIONS, ScoreCalibration

__all__ = [
    "Check",
    "calibration",
    "choice",
    "flag",
    "labels",
    "nonzero",
    "number",
    "or_none",
    "per_channel",
    "per_class",
    "positive",
    "whole",
]

# float32 ends at 3.4e38; beyond this a number in a spec is a slip of the pen.
MAX_NUMBER = 1e30

Check = Callable[[Any], Any]


def choice(choices: Sequence[str]) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError("expected one of " + ", ".join(choices))
        return value

    return check


def whole(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        plain = _plain(value)
        if isinstance(plain, bool) or not isinstance(plain, (int, float)):
            raise ValueError(f"expected a whole number {low}..{high}")
        # JSON does not tell 224.0 from 224, and neither does its schema.
        if not low <= plain <= high or plain != int(plain):
            raise ValueError(f"expected a whole number {low}..{high}")
        return int(plain)

    return check


def number(value: Any) -> float:
    plain = _plain(value)
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        raise ValueError("expected a number")
    # Infinity and NaN fail this comparison too.
    if not abs(plain) <= MAX_NUMBER:
        raise ValueError(f"expected a finite number, at most {MAX_NUMBER:g} in size")
    return float(plain)


def nonzero(value: Any) -> float:
    found = number(value)
    if found == 0:
        raise ValueError("expected a number other than 0")
    return found


def positive(value: Any) -> float:
    found = number(value)
    if found <= 0:
        raise ValueError("expected a number above 0")
    return found


def _plain(value: Any) -> Any:
    """A NumPy scalar as the Python number it is; anything else as it came."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def or_none(check: Check) -> Check:
    def checked(value: Any) -> Any:
        return None if value is None else check(value)

    return checked


def per_channel(check: Check) -> Check:
    def checked(value: Any) -> Tuple[Any, ...]:
        if _is_list(value):
            if len(value) not in (1, 3):
                raise ValueError(f"expected 1 or 3 values, one per channel; got {len(value)}")
            return tuple(check(item) for item in value)
        return (check(value),)

    return checked


def per_class(value: Any) -> Tuple[float, ...]:
    if _is_list(value):
        if not len(value):
            raise ValueError("expected a number, or one per class; got an empty list")
        return tuple(number(item) for item in value)
    return (number(value),)


def labels(value: Any) -> Tuple[str, ...]:
    if not _is_list(value) or not len(value) or not all(isinstance(v, str) for v in value):
        raise ValueError("expected a list of texts, one per class, or the name of a text file")
    return tuple(value)


def calibration(value: Any) -> ScoreCalibration:
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
    scale, slope, offset = (number(item) for item in row[:3])
    if scale < 0:
        raise ValueError("parameters: scale must not be negative")
    minimum = None if len(row) == 3 or row[3] is None else number(row[3])
    return (scale, slope, offset, minimum)


def _is_list(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return True
    # An array that a caller holds, without importing NumPy to ask.
    return getattr(value, "ndim", None) == 1 and hasattr(value, "tolist")


_CALIBRATION: Dict[str, Check] = {
    "transformation": choice(SCORE_TRANSFORMATIONS),
    "default_score": number,
    "parameters": _calibration_rows,
}

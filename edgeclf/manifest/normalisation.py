"""rescale_factor, mean and std are one formula, ``(pixel * rescale_factor - mean) / std``.

Taken apart they mislead: a mean of 127.5 from one source and a factor of 1/255 from another
would be a wrong answer without a word. So sources are compared by the formula's effect, and the
three values are merged only where that is the same formula still.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Dict, Optional, Sequence, Tuple

from edgeclf.manifest.base import Source
from edgeclf.spec import ScoreCalibration

__all__ = ["FIELDS", "Formula", "formula", "formula_of", "mixed", "same_formula", "same_value"]

FIELDS = ("rescale_factor", "mean", "std")

# TFLite Metadata stores float32; a value written there comes back within 6e-8 of itself.
_RELATIVE = 1e-6

# slope and intercept per channel: tensor = slope * pixel + intercept
Formula = Tuple[Tuple[float, float], ...]


def formula_of(source: Source) -> Optional[Formula]:
    """The affine formula that a source states whole, with mean and std; else None."""
    if "mean" not in source.fields or "std" not in source.fields:
        return None
    values = {**source.conventions, **source.fields}
    return formula(values.get("rescale_factor", 1.0), values["mean"], values["std"])


def formula(rescale_factor: float, mean: Any, std: Any) -> Formula:
    """Slope and intercept per channel; None for mean is 0, for std 1."""
    means, stds = mean or (0.0,), std or (1.0,)
    channels = max(len(means), len(stds))
    pairs = zip(_spread(means, channels), _spread(stds, channels))
    return tuple((rescale_factor / s, -m / s) for m, s in pairs)


def same_formula(one: Formula, other: Formula) -> bool:
    """Whether two formulas give the same tensor, but for the rounding of stored numbers."""
    channels = max(len(one), len(other))
    return all(
        _near(a[0], b[0]) and _near(a[1], b[1], abs(255.0 * a[0]))
        for a, b in zip(_spread(one, channels), _spread(other, channels))
    )


def same_value(name: str, one: Any, other: Any) -> bool:
    """Whether two sources say the same of one field."""
    if name in FIELDS and one is not None and other is not None:
        ones = one if isinstance(one, tuple) else (one,)
        others = other if isinstance(other, tuple) else (other,)
        channels = max(len(ones), len(others))
        pairs = zip(_spread(ones, channels), _spread(others, channels))
        return all(_near(a, b) for a, b in pairs)
    if name == "thresholds" and one is not None and other is not None:
        return len(one) == len(other) and all(_near(a, b) for a, b in zip(one, other))
    if isinstance(one, ScoreCalibration) and isinstance(other, ScoreCalibration):
        near = _near(one.default_score, other.default_score)
        return near and replace(one, default_score=other.default_score) == other
    return bool(one == other)


def _spread(values: Sequence[Any], channels: int) -> Tuple[Any, ...]:
    """One value serves all channels."""
    return tuple(values) * channels if len(values) == 1 else tuple(values)


def _near(one: float, other: float, scale: float = 0.0) -> bool:
    return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_RELATIVE * scale)


def mixed(chosen: Dict[str, Tuple[Any, Source]]) -> Optional[Tuple[str, Source, Source]]:
    """The first of mean and std that does not belong to the rescale_factor beside it, or None.

    Args:
        chosen: for each of FIELDS that some source gives, its value and that source.

    Returns:
        (name, its source, the rescale_factor's source). The latter gives another value for that
        name, so its factor was meant for that one.
    """
    if "rescale_factor" not in chosen:
        return None
    factor, home = chosen["rescale_factor"]
    if factor == 1.0:
        return None
    given = {**home.conventions, **home.fields}
    for name in ("mean", "std"):
        if name not in chosen or chosen[name][1] is home:
            continue
        value, other = chosen[name]
        if name in given and not same_value(name, given[name], value):
            return (name, other, home)
    return None

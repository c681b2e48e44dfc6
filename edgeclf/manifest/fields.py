"""The fields of a spec, checked one by one before a spec is built of them.

What is accepted here is what ``sidecar.schema.json`` accepts; a test holds the two together.
Rules between fields ("center-crop needs resize_size") are InputSpec's and OutputSpec's own.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping

from edgeclf.errors import ManifestError
from edgeclf.manifest import checks
from edgeclf.manifest.checks import Check
from edgeclf.manifest.names import short, unknown_name
from edgeclf.spec import (
    ACTIVATIONS,
    COLOR_MODES,
    CROP_ROUNDINGS,
    DTYPES,
    INTERPOLATIONS,
    LAYOUTS,
    MAX_SIDE,
    RESIZE_MODES,
)

__all__ = ["INPUT_FIELDS", "OUTPUT_FIELDS", "checked_fields"]

MAX_LABEL_OFFSET = 2**20

INPUT_FIELDS: Dict[str, Check] = {
    "width": checks.whole(1, MAX_SIDE),
    "height": checks.whole(1, MAX_SIDE),
    "color_mode": checks.choice(COLOR_MODES),
    "resize_mode": checks.choice(RESIZE_MODES),
    "resize_size": checks.or_none(checks.whole(1, MAX_SIDE)),
    "crop_rounding": checks.choice(CROP_ROUNDINGS),
    "interpolation": checks.choice(INTERPOLATIONS),
    "antialias": checks.flag,
    "exact": checks.or_none(checks.flag),
    "rescale_factor": checks.nonzero,
    "mean": checks.or_none(checks.per_channel(checks.number)),
    "std": checks.or_none(checks.per_channel(checks.positive)),
    "pad_value": checks.or_none(checks.per_channel(checks.whole(0, 255))),
    "layout": checks.choice(LAYOUTS),
    "dtype": checks.choice(DTYPES),
}

OUTPUT_FIELDS: Dict[str, Check] = {
    "labels": checks.or_none(checks.labels),
    "activation": checks.choice(ACTIVATIONS),
    "label_offset": checks.whole(-MAX_LABEL_OFFSET, MAX_LABEL_OFFSET),
    "multilabel": checks.flag,
    "score_calibration": checks.or_none(checks.calibration),
    "thresholds": checks.or_none(checks.per_class),
}


def checked_fields(
    values: Mapping[str, Any], allowed: Mapping[str, Check], where: str
) -> Dict[str, Any]:
    """The fields of `values`, each checked and normalised (lists become tuples).

    Args:
        values: names and values, as read from JSON or given by a caller.
        allowed: INPUT_FIELDS, OUTPUT_FIELDS or both.
        where: what the values come from, for messages.

    Raises:
        ManifestError: a name that is no field, or a value of a wrong type or range.
    """
    fields: Dict[str, Any] = {}
    for name, value in values.items():
        if name not in allowed:
            raise ManifestError(f"{where}: {unknown_name(name, allowed)}")
        try:
            fields[name] = allowed[name](value)
        except (ValueError, OverflowError) as exc:
            raise ManifestError(f"{where}: {name}: {exc}; got {short(value)}") from exc
    return fields

"""Backends that other packages bring, under the entry-point group ``edgeclf.backends``."""

from __future__ import annotations

from importlib import metadata
from typing import Any, Dict, Iterable

from edgeclf.errors import BackendUnavailable

__all__ = ["ENTRY_POINT_GROUP", "loaded", "third_parties"]

ENTRY_POINT_GROUP = "edgeclf.backends"


def third_parties(built_in: Iterable[str]) -> Dict[str, Any]:
    """The entry points by their names, without those that would take a name of `built_in`."""
    points: Any = metadata.entry_points()
    if hasattr(points, "select"):
        chosen = points.select(group=ENTRY_POINT_GROUP)
    else:  # Python 3.8 and 3.9
        chosen = points.get(ENTRY_POINT_GROUP, ())
    taken = set(built_in)
    return {point.name: point for point in chosen if point.name not in taken}


def loaded(point: Any) -> Any:
    """The adapter class behind an entry point.

    Raises:
        BackendUnavailable: its import failed, or it is no adapter.
    """
    try:
        adapter = point.load()
        adapter.formats  # noqa: B018 - an adapter without it is not one
    except Exception as exc:
        raise BackendUnavailable(
            f"{point.name}: the third-party backend {point.value} cannot be loaded: {exc}. "
            "Update or uninstall it"
        ) from exc
    return adapter

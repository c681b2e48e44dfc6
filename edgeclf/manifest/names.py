"""What to say of a name that does not exist."""

from __future__ import annotations

import difflib
from typing import Any, Mapping

__all__ = ["short", "unknown_name"]


def unknown_name(name: Any, known: Mapping[str, Any]) -> str:
    """What to say of a name that is no field: the nearest ones, or all of them."""
    near = difflib.get_close_matches(str(name)[:40], list(known), n=3, cutoff=0.5)
    if near:
        return f"unknown field {short(name)}; did you mean {' or '.join(near)}?"
    return f"unknown field {short(name)}; the fields are {', '.join(known)}"


def short(value: Any) -> str:
    """A value for a message, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

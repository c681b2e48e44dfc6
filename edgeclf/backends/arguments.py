"""The arguments that all backends take, checked once."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, Optional, Sequence

from edgeclf.errors import ArgumentError

__all__ = ["check_options", "check_threads", "cuda_index"]


def cuda_index(device: Optional[str]) -> Optional[int]:
    """N of "cuda:N", and None for "cpu" or None.

    Raises:
        ArgumentError: `device` is anything else.
    """
    if device is None or device == "cpu":
        return None
    found = re.match(r"cuda:(\d{1,3})\Z", device) if isinstance(device, str) else None
    if not found:
        raise ArgumentError(f"device: expected 'cpu' or 'cuda:N' ('cuda:0'), got {device!r}")
    return int(found.group(1))


def check_threads(num_threads: Optional[int]) -> None:
    """Raises ArgumentError unless `num_threads` is None or a whole number of at least 1."""
    if num_threads is None:
        return
    if isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 1:
        raise ArgumentError(
            f"num_threads: expected a whole number of at least 1, or None for the runtime's own "
            f"choice; got {num_threads!r}"
        )


def check_options(
    options: Optional[Mapping[str, Any]], known: Sequence[str], backend: str
) -> Dict[str, Any]:
    """A copy of `options`, when all its keys are known to the backend.

    Raises:
        ArgumentError: a key is not known, or `options` is not a mapping.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ArgumentError(f"backend_options: expected a mapping, got {type(options).__name__}")
    for key in options:
        if key not in known:
            raise ArgumentError(
                f"backend_options: {backend} does not know {key!r}. It knows: "
                f"{', '.join(known) or 'none'}"
            )
    return dict(options)

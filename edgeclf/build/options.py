"""What can be asked of a build, checked before anything is read or built."""

from __future__ import annotations

import re
from typing import Any, Dict, NamedTuple, Optional, Tuple

from edgeclf.errors import ArgumentError

__all__ = ["PRECISIONS", "RUNTIMES", "BuildOptions", "checked_options"]

PRECISIONS = ("fp32", "fp16", "int8")
RUNTIMES = ("tensorrt", "tensorrt-rtx")
_LARGEST_BATCH = 4096
_LARGEST_CORE = 15
_SMALLEST_WORKSPACE = 2**20
_CAPABILITY = re.compile(r"[1-9][0-9]?\.[0-9]")

Batch = Tuple[int, int, int]


class BuildOptions(NamedTuple):
    """The demands that change what an engine is; part of the cache's key.

    ``batch`` is the least, the usual and the largest; None takes what the model is fixed to, or
    one frame. ``compute_capabilities`` are texts such as "8.9".
    """

    precision: str = "fp32"
    batch: Optional[Batch] = None
    workspace_bytes: Optional[int] = None
    dla: Optional[int] = None
    version_compatible: bool = False
    compute_capabilities: Tuple[str, ...] = ()

    def to_dict(self) -> Dict[str, Any]:
        """Plain JSON values."""
        plain = self._asdict()
        plain["batch"] = None if self.batch is None else list(self.batch)
        plain["compute_capabilities"] = list(self.compute_capabilities)
        return dict(plain)


def checked_options(
    precision: Any = "fp32",
    batch: Any = None,
    workspace_bytes: Any = None,
    dla: Any = None,
    version_compatible: Any = False,
    compute_capability: Any = None,
) -> BuildOptions:
    """The options as `build_engine` takes them.

    Raises:
        ArgumentError: one is out of its range, or two exclude each other.
    """
    if precision not in PRECISIONS:
        raise ArgumentError(f"precision: expected one of {PRECISIONS}, got {precision!r}")
    if workspace_bytes is not None and not _is_whole(workspace_bytes, _SMALLEST_WORKSPACE, 2**48):
        raise ArgumentError(
            f"workspace: expected bytes, at least {_SMALLEST_WORKSPACE} (1M); got "
            f"{workspace_bytes!r}"
        )
    if dla is not None and not _is_whole(dla, 0, _LARGEST_CORE):
        raise ArgumentError(f"dla: expected the number of a core, 0..{_LARGEST_CORE}; got {dla!r}")
    if dla is not None and precision == "fp32":
        raise ArgumentError("dla: the accelerator computes in fp16 or int8: give one as precision")
    if not isinstance(version_compatible, bool):
        raise ArgumentError(f"version_compatible: expected a bool, got {version_compatible!r}")
    return BuildOptions(
        precision,
        None if batch is None else _checked_batch(batch),
        workspace_bytes,
        dla,
        version_compatible,
        _checked_capabilities(compute_capability),
    )


def _checked_batch(batch: Any) -> Batch:
    sizes = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,) * 3
    whole = all(_is_whole(size, 1, _LARGEST_BATCH) for size in sizes)
    if not whole or len(sizes) != 3 or not sizes[0] <= sizes[1] <= sizes[2]:
        raise ArgumentError(
            f"batch: expected (least, usual, largest), each 1..{_LARGEST_BATCH} and none below the "
            f"one before it; got {batch!r}"
        )
    return sizes[0], sizes[1], sizes[2]


def _checked_capabilities(given: Any) -> Tuple[str, ...]:
    if given is None:
        return ()
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if not isinstance(name, str) or not _CAPABILITY.fullmatch(name):
            raise ArgumentError(f"compute_capability: expected such as '8.9', got {name!r}")
    return tuple(sorted(set(names), key=float))


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

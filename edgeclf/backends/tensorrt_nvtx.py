"""Named ranges for Nsight Systems, where a package for them is installed; else nothing.

Seen in a timeline as ``edgeclf: upload``, ``edgeclf: enqueue`` and ``edgeclf: wait``.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable, Optional

__all__ = ["Ranges", "find_ranges"]

# The vendor's package, and the name it has inside the cuda namespace.
_MODULES = ("nvtx", "cuda.nvtx")


class Ranges:
    """``with ranges("upload"): ...`` marks what runs inside. Any thread may use it."""

    __slots__ = ("_pop", "_push")

    def __init__(self, push: Callable[[str], Any], pop: Callable[[], Any]):
        self._push = push
        self._pop = pop

    def __call__(self, name: str) -> _Range:
        return _Range(self, name)


class _Range:
    __slots__ = ("_name", "_ranges")

    def __init__(self, ranges: Ranges, name: str):
        self._ranges = ranges
        self._name = name

    def __enter__(self) -> None:
        self._ranges._push(f"edgeclf: {self._name}")

    def __exit__(self, *exc_info: object) -> None:
        self._ranges._pop()


class _NoRange:
    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc_info: object) -> None:
        return None


_NO_RANGE = _NoRange()


def _no_ranges(name: str) -> _NoRange:
    return _NO_RANGE


def find_ranges() -> Callable[[str], Any]:
    """The installed package's ranges, or ranges that do nothing."""
    for name in _MODULES:
        module = _imported(name)
        push, pop = getattr(module, "push_range", None), getattr(module, "pop_range", None)
        if callable(push) and callable(pop):
            return Ranges(push, pop)
    return _no_ranges


def _imported(name: str) -> Optional[Any]:
    try:
        return importlib.import_module(name)
    except Exception:
        return None

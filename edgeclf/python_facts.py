"""What of a Python decides which packages it can have: its version, its width, what it sees."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import NamedTuple, Optional, Tuple

__all__ = ["Python", "this_python"]


class Python(NamedTuple):
    """The Python that asks.

    Attributes:
        version: (3, 11). bits: 32 or 64.
        isolated: in a virtual environment that does not see the system's packages.
        tensorrt: where a module of that name is: "here", "system" (this environment does not see
            it), or None for nowhere.
    """

    version: Tuple[int, int]
    bits: int
    isolated: bool = False
    tensorrt: Optional[str] = None


def this_python(system: Path = Path("/usr/lib")) -> Python:
    """The one that runs this. `system`: where the system's Pythons keep packages."""
    tensorrt = None
    if _is_there("tensorrt"):
        tensorrt = "here"
    elif any(system.glob("python3*/dist-packages/tensorrt")):
        tensorrt = "system"
    return Python(
        version=sys.version_info[:2],
        bits=64 if sys.maxsize > 2**32 else 32,
        isolated=_isolated(),
        tensorrt=tensorrt,
    )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:
        return False  # None in sys.modules


def _isolated() -> bool:
    if sys.prefix == sys.base_prefix:
        return False
    try:
        text = (Path(sys.prefix) / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return "include-system-site-packages = true" not in text.lower()

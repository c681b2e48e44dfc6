"""What of NVIDIA's Python packages is installed here."""

from __future__ import annotations

import importlib.util


def has(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is missing
        return False


def has_bindings() -> bool:
    return has("cuda.bindings.driver")

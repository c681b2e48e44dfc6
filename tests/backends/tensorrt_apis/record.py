"""Writes down what a real module of TensorRT has, for the fakes to be no richer than it.

    python record.py tensorrt_lean_bindings > lean-10.16.json

Needs no GPU: nothing is created. The lists of releases that cannot be installed from PyPI (8.2,
8.5, 8.6, 10.3) were written by hand; each says where its names come from.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any, Dict, List

CLASSES = (
    "Runtime",
    "ICudaEngine",
    "IExecutionContext",
    "ILogger",
    "IProfiler",
    "EngineInspector",
    "Builder",
    "IBuilderConfig",
)
ENUMS = (
    "DataType",
    "TensorFormat",
    "TensorIOMode",
    "TensorLocation",
    "LayerInformationFormat",
    "EngineValidity",
    "EngineInvalidityDiagnostics",
)


def members(module: Any) -> Dict[str, List[str]]:
    """The public members of the classes above, as far as `module` has them."""
    return {
        name: sorted(m for m in dir(getattr(module, name)) if not m.startswith("_"))
        for name in CLASSES
        if hasattr(module, name)
    }


def enums(module: Any) -> Dict[str, Dict[str, int]]:
    """Names and values of the enumerations above."""
    return {
        name: {key: int(value) for key, value in getattr(module, name).__members__.items()}
        for name in ENUMS
        if hasattr(module, name)
    }


def load(import_name: str) -> Any:
    """The module, after the package that brings its libraries."""
    with contextlib.suppress(ImportError):
        importlib.import_module(import_name.replace("_bindings", "_libs"))
    return importlib.import_module(import_name)


def main() -> None:
    module = load(sys.argv[1])
    record = {
        "source": f"dir() of {sys.argv[1]} {module.__version__}, by record.py",
        "module": sys.argv[1].replace("_bindings", ""),
        "version": module.__version__,
        "classes": members(module),
        "enums": enums(module),
    }
    json.dump(record, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()

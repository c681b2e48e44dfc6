"""The built-in default model, in the form the installed runtime reads. See PROVENANCE.md."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Optional

from edgeclf.backends import formats_readable

__all__ = ["DEFAULT_ONNX", "DEFAULT_TFLITE", "default_model"]

_HERE = Path(__file__).resolve().parent
DEFAULT_ONNX = _HERE / "efficientnet_lite0_int8.onnx"
DEFAULT_TFLITE = _HERE / "efficientnet_lite0_int8.tflite"

# The quicker one first; both give the same class (PROVENANCE.md has the figures).
_X86 = ("x86_64", "amd64", "i686")


def default_model(backend: Optional[str] = None) -> Path:
    """The default model's file for `backend`, or for the runtime that is installed here.

    ONNX comes first on x86, TFLite first on ARM. With no runtime installed the first one's path
    is given, and loading it says what to install.
    """
    on_x86 = platform.machine().lower() in _X86
    order = (DEFAULT_ONNX, DEFAULT_TFLITE) if on_x86 else (DEFAULT_TFLITE, DEFAULT_ONNX)
    readable = formats_readable(backend)
    for path in order:
        if path.suffix[1:] in readable:
            return path
    return order[0]

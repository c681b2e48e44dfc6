"""The built-in default model, in the form the installed runtime reads. See PROVENANCE.md.

Its files lie beside this one in a checkout and in what is installed from one. Wheels leave them to
the package `edgeclf-default-model`: most devices never need these 10 MB.
"""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Optional

from edgeclf.backends import formats_readable
from edgeclf.errors import ModelError

__all__ = ["DEFAULT_ONNX", "DEFAULT_TFLITE", "default_model"]

_FILES = ("efficientnet_lite0_int8.onnx", "efficientnet_lite0_int8.tflite")


def _folder() -> Path:
    """Where the files are, or would be. The package is looked up, not imported."""
    here = Path(__file__).resolve().parent
    if (here / _FILES[0]).exists():
        return here
    package = importlib.util.find_spec("edgeclf_default_model")
    return Path(package.origin).parent if package and package.origin else here


DEFAULT_ONNX, DEFAULT_TFLITE = (_folder() / name for name in _FILES)

# The quicker one first; both give the same class (PROVENANCE.md has the figures).
_X86 = ("x86_64", "amd64", "i686")


def default_model(backend: Optional[str] = None) -> Path:
    """The default model's file for `backend`, or for the runtime that is installed here.

    ONNX comes first on x86, TFLite first on ARM. With no runtime installed the first one's path
    is given, and loading it says what to install.

    Raises:
        ModelError: the model itself is not installed.
    """
    if not DEFAULT_ONNX.exists():
        raise ModelError(
            f"the built-in model is not installed: expected {DEFAULT_ONNX}, or the package "
            "edgeclf-default-model. Install it (pip install edgeclf-default-model), or give the "
            "path of a model of your own"
        )
    on_x86 = platform.machine().lower() in _X86
    order = (DEFAULT_ONNX, DEFAULT_TFLITE) if on_x86 else (DEFAULT_TFLITE, DEFAULT_ONNX)
    readable = formats_readable(backend)
    for path in order:
        if path.suffix[1:] in readable:
            return path
    return order[0]

"""The built-in default model, in the form the installed runtime reads. See PROVENANCE.md."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

__all__ = ["DEFAULT_ONNX", "DEFAULT_TFLITE", "default_model"]

_HERE = Path(__file__).resolve().parent
DEFAULT_ONNX = _HERE / "efficientnet_lite0_int8.onnx"
DEFAULT_TFLITE = _HERE / "efficientnet_lite0_int8.tflite"

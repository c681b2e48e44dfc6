"""What to install for a runtime on this machine, as the error messages and the doctor say it."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import Optional, Sequence, Tuple

__all__ = ["distribution_version", "install_hint"]

_ARM32 = ("armv6l", "armv7l", "armv8l")
# The only TFLite wheels for 32-bit ARM; they were built against NumPy 1.
_TFLITE_ON_ARM32 = "pip install 'tflite-runtime==2.14.0' 'numpy<2'"
# No wheel has JetPack's TensorRT; it comes with the system's Python.
_TENSORRT_ON_JETSON = (
    "sudo apt install python3-libnvinfer, which JetPack brings, and make the virtual environment "
    "with python3 -m venv --system-site-packages"
)


def install_hint(
    extra: str, machine: Optional[str] = None, python: Optional[Tuple[int, int]] = None
) -> str:
    """How to get the runtime behind `extra`, on `machine` and `python` or on this one."""
    machine = machine or platform.machine()
    python = python or sys.version_info[:2]
    if machine in _ARM32 and extra == "onnx":
        return "there is no onnxruntime wheel for 32-bit ARM: use a .tflite model"
    if machine in _ARM32 and extra == "tflite":
        if python > (3, 11):
            return (
                f"there is no TFLite wheel for 32-bit ARM and Python {python[0]}.{python[1]}: use "
                f"Python 3.8 to 3.11, and there {_TFLITE_ON_ARM32}"
            )
        return _TFLITE_ON_ARM32
    if extra in ("tensorrt", "tensorrt-lean") and machine == "aarch64":
        return _TENSORRT_ON_JETSON
    return f"pip install 'edgeclf[{extra}]'"


def distribution_version(names: Sequence[str]) -> Optional[str]:
    """Name and version of the first of these distributions that is installed; imports none."""
    for name in names:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return None

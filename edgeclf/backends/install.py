"""What to install for a runtime on this machine, as the error messages and the doctor say it."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import Optional, Sequence, Tuple

__all__ = ["distribution_version", "install_hint", "wheel_architecture"]

_ARM32 = ("armv6l", "armv7l", "armv8l")
# A 32-bit Python under a 64-bit kernel takes the wheels of the 32-bit processor.
_NARROW = {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686", "AMD64": "i686"}
# The only TFLite wheels for 32-bit ARM; they were built against NumPy 1. Named one by one, because
# pip chooses an extra's parts by the kernel's name, which may be that of a 64-bit one. 2.13 is the
# one for glibc before 2.34 (Debian 11).
_TFLITE_ON_ARM32 = "pip install 'tflite-runtime>=2.13' 'numpy<2' flatbuffers"
# No wheel has JetPack's TensorRT; it comes with the system's Python.
_TENSORRT_ON_JETSON = (
    "sudo apt install python3-libnvinfer, which JetPack brings, and make the virtual environment "
    "with python3 -m venv --system-site-packages"
)


def wheel_architecture(machine: Optional[str] = None, bits: Optional[int] = None) -> str:
    """The architecture whose wheels this Python takes: "x86_64", "aarch64", "armv7l", ...

    Args:
        machine: the kernel's name of it, as platform.machine() has it. bits: of the Python.
    """
    machine = machine or platform.machine()
    bits = bits or (64 if sys.maxsize > 2**32 else 32)
    return _NARROW.get(machine, machine) if bits == 32 else machine


def install_hint(
    extra: str, machine: Optional[str] = None, python: Optional[Tuple[int, int]] = None
) -> str:
    """How to get the runtime behind `extra`, on `machine` and `python` or on this one."""
    machine = machine or wheel_architecture()
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

"""Which runtime is made for this board, what to type to have it, and what stands in the way.

Plain rules over what was read of the machine; nothing is installed and no runtime imported.
"""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Optional, Tuple

from edgeclf.backends.install import install_hint, wheel_architecture
from edgeclf.board import Board
from edgeclf.board_state import BoardState
from edgeclf.python_facts import Python

__all__ = ["Advice", "advise"]


class Advice(NamedTuple):
    """What to do on this board.

    Attributes:
        backend: the one that is made for it, or None where no runtime has wheels for it.
        because: why that one, or why none.
        install: the lines to type for it, one after the other; () where it is there already, or
            no line brings it: then `notes` say what does.
        notes: what else stands in the way, and what to do about it.
        meanwhile: the line for a runtime of the processor, where `backend` takes more than a
            moment to get and no other is there; else ().
    """

    backend: Optional[str]
    because: str
    install: Tuple[str, ...]
    notes: Tuple[str, ...]
    meanwhile: Tuple[str, ...] = ()


_BECAUSE = {
    "onnxruntime": "ONNX Runtime is the quicker one on x86",
    "tflite": "LiteRT (TFLite) with XNNPACK is the quicker one on ARM processors",
    "tensorrt": "TensorRT is what uses a Jetson's GPU",
}
_ONLY_TFLITE = "TFLite is the only runtime with wheels for 32-bit ARM"
_VENV = "python3 -m venv --system-site-packages ~/edgeclf-venv && . ~/edgeclf-venv/bin/activate"
_BOOKWORM = "with Raspberry Pi OS 12 (Bookworm, Python 3.11)"
# The Python that JetPack's TensorRT module is built for.
_JETPACK_PYTHON = {"4": (3, 6), "5": (3, 8), "6": (3, 10)}


def advise(board: Board, state: BoardState, python: Python, backends: Mapping[str, bool]) -> Advice:
    """What to use on this board.

    Args:
        backends: every backend that this version knows, and whether its runtime is installed.
    """
    architecture = wheel_architecture(board.machine, python.bits)
    notes = [*_narrow(board, architecture, python), *_power(state)]
    if architecture not in ("x86_64", "AMD64", "aarch64", "armv7l"):
        reason = (
            "edgeclf and its runtimes have wheels for x86_64, aarch64 and armv7l; "
            f"{_advice_for(architecture)}"
        )
        return Advice(None, reason, (), tuple(notes))
    if architecture == "armv7l":
        return _on_arm32(python, backends, notes)
    if board.family.startswith("Jetson"):
        return _on_jetson(state, python, backends, notes)
    name, extra = ("tflite", "tflite") if architecture == "aarch64" else ("onnxruntime", "onnx")
    lines = _line(name, extra, architecture, python, backends)
    return Advice(name, _BECAUSE[name], lines, tuple(notes))


def _advice_for(architecture: str) -> str:
    if architecture == "armv6l":
        return "a Raspberry Pi 1 or Zero is an ARMv6: use a Zero 2 W or a Pi 3 or later"
    if architecture == "i686":
        return "use a 64-bit system"
    return f"this is {architecture}: build from a checkout"


def _line(
    name: str, extra: str, architecture: str, python: Python, backends: Mapping[str, bool]
) -> Tuple[str, ...]:
    if backends.get(name):
        return ()
    return (install_hint(extra, architecture, python.version),)


def _narrow(board: Board, architecture: str, python: Python) -> List[str]:
    """A 32-bit system under a 64-bit kernel: pip's extras look at the kernel and choose wrongly."""
    if architecture == board.machine:
        return []
    return [
        f"this Python is {python.bits}-bit and the kernel is {board.machine}: wheels are those of "
        f"{architecture}, and pip's extras, as in edgeclf[tflite], choose for {board.machine}. Use "
        "the lines shown here, or a 64-bit system, which is quicker"
    ]


def _on_arm32(python: Python, backends: Mapping[str, bool], notes: List[str]) -> Advice:
    if python.version != (3, 11) and not backends.get("tflite"):
        # Those for older Pythons want a newer NumPy than the Debian of that Python has, and PyPI
        # has none for this processor.
        what = "no runtime has" if python.version > (3, 11) else "no runtime and its NumPy have"
        reason = (
            f"{what} wheels for 32-bit ARM and Python "
            f"{python.version[0]}.{python.version[1]}: use a 64-bit system, or a 32-bit one "
            f"{_BOOKWORM}"
        )
        return Advice(None, reason, (), tuple(notes))
    lines = _line("tflite", "tflite", "armv7l", python, backends)
    return Advice("tflite", _ONLY_TFLITE, lines, tuple(notes))


def _on_jetson(
    state: BoardState, python: Python, backends: Mapping[str, bool], notes: List[str]
) -> Advice:
    """TensorRT comes with JetPack, for the system's Python; else the processor has to do."""
    if state.jetson_linux is None:
        notes.append(
            "this system has no /etc/nv_tegra_release: not Jetson Linux, or a container that "
            "hides it. JetPack's release is not known"
        )
    if "tensorrt" not in backends:
        because = f"{_BECAUSE['tflite']}; this version has no TensorRT backend"
        lines = _line("tflite", "tflite", "aarch64", python, backends)
        return Advice("tflite", because, lines, tuple(notes))
    if backends["tensorrt"]:
        return Advice("tensorrt", _BECAUSE["tensorrt"], (), tuple(notes))
    lines, why = _tensorrt_lines(state, python)
    # Without any runtime nothing answers, and TensorRT takes long to get on some of these boards.
    none = not any(backends.values())
    meanwhile = _line("tflite", "tflite", "aarch64", python, backends) if none else ()
    return Advice("tensorrt", _BECAUSE["tensorrt"], lines, (*notes, *why), meanwhile)


def _tensorrt_lines(state: BoardState, python: Python) -> Tuple[Tuple[str, ...], List[str]]:
    major = (state.jetpack or "").split(".")[0]
    wanted = _JETPACK_PYTHON.get(major)
    if major == "4":
        return (), [
            f"JetPack {state.jetpack} has TensorRT's module for Python 3.6 alone, and edgeclf "
            "needs 3.8: docs/jetson.md says how the module is built for it"
        ]
    if wanted is not None and python.version != wanted:
        return (_VENV,), [
            f"JetPack {state.jetpack} has TensorRT's module for Python {wanted[0]}.{wanted[1]}, "
            f"and this is {python.version[0]}.{python.version[1]}: use the system's python3"
        ]
    if python.tensorrt == "system" or (python.tensorrt is None and python.isolated):
        seen = "is there" if python.tensorrt == "system" else "comes with the system"
        lines = (_VENV,) if python.tensorrt else ("sudo apt install nvidia-jetpack", _VENV)
        return lines, [
            f"TensorRT's module {seen}, and this virtual environment does not see the system's "
            "packages: make another with the line shown, and install edgeclf there"
        ]
    return ("sudo apt install nvidia-jetpack",), []


def _power(state: BoardState) -> List[str]:
    if not state.throttling:
        return []
    said = ", ".join(state.throttling)
    cure = []
    if "under-voltage" in said:
        cure.append("use the board's own power supply and a short cable")
    if "temperature" in said or ("throttled" in said and not cure):
        cure.append("cool it")
    advice = f": {' and '.join(cure)}" if cure else ""
    return [f"the board reports {said}{advice}. It is slower than it could be"]

"""The adapter's own options, checked: see `edgeclf.backends.tensorrt`."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional

from edgeclf.backends.arguments import check_options, cuda_index
from edgeclf.cuda import Cuda
from edgeclf.errors import ArgumentError, BackendUnavailable

__all__ = ["Options", "check_tensorrt_options", "device_index"]

_MODULES = ("tensorrt", "tensorrt_lean", "tensorrt_rtx")


class Options(NamedTuple):
    """``backend_options``, with what they are when left out."""

    module: Optional[str] = None
    profile: Optional[int] = None
    engine_host_code_allowed: bool = False
    timing: bool = False
    cuda: Optional[Cuda] = None
    api_module: Any = None


def check_tensorrt_options(given: Optional[Mapping[str, Any]]) -> Options:
    """Raises ArgumentError where an option is not known, or out of its range."""
    options = Options(**check_options(given, Options._fields, "tensorrt"))
    if options.module not in (None, *_MODULES):
        raise ArgumentError(
            f"module: expected one of {', '.join(_MODULES)}, or None; got {options.module!r}"
        )
    profile: Any = options.profile
    if profile is not None and (
        isinstance(profile, bool) or not isinstance(profile, int) or profile < 0
    ):
        raise ArgumentError(f"profile: expected a whole number of at least 0, got {profile!r}")
    for name in ("engine_host_code_allowed", "timing"):
        value = getattr(options, name)
        if not isinstance(value, bool):
            raise ArgumentError(f"{name}: expected True or False, got {value!r}")
    return options


def device_index(device: Optional[str], model: str, given: Optional[Cuda]) -> int:
    """Which GPU is meant; `given` is the option ``cuda``.

    Raises:
        BackendUnavailable: the CPU is. ArgumentError: another GPU than `given`.
    """
    if device == "cpu":
        raise BackendUnavailable(
            f"{model}: device 'cpu' was asked for, and an engine runs on NVIDIA GPUs alone. Use "
            "device='cuda:0', or the .onnx file that the engine was built from"
        )
    index = cuda_index(device)
    if given is not None and index not in (None, given.facts.index):
        raise ArgumentError(
            f"device: expected 'cuda:{given.facts.index}', which backend_options['cuda'] is; got "
            f"{device!r}"
        )
    return index or 0

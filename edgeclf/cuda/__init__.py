"""CUDA devices: memory, streams and kernels through whichever Python binding is installed."""

from __future__ import annotations

import importlib
import os
import threading
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgeclf.cuda.base import Cuda, DeviceFacts, DeviceTensor
from edgeclf.errors import ArgumentError, BackendUnavailable

__all__ = ["Cuda", "DeviceFacts", "DeviceTensor", "open_cuda"]


class _Provider(NamedTuple):
    name: str
    module: str
    install: str


_PROVIDERS = (
    _Provider("cuda.bindings", "edgeclf.cuda.cuda_bindings", "pip install cuda-bindings"),
    _Provider("pycuda", "edgeclf.cuda.pycuda", "pip install pycuda (builds with nvcc)"),
)

_lock = threading.Lock()
_opened: Dict[Tuple[int, str], Cuda] = {}
_opened_by: Optional[int] = None  # the process that first initialised CUDA


def open_cuda(index: int = 0, provider: Optional[str] = None) -> Cuda:
    """The CUDA device `index`, opened once per process and kept.

    Without a driver this is a clear error, and nothing of the vendor's is touched that could
    crash. The device's primary context is retained, never one of our own, so that torch, CuPy and
    TensorRT share it. Thread-safe.

    Args:
        index: the device, as CUDA counts them.
        provider: "cuda.bindings" or "pycuda"; None takes the first that is installed.

    Raises:
        BackendUnavailable: no driver, no such device, no provider installed, or this is a forked
            child of a process that uses CUDA.
        ArgumentError: `provider` is another name, or `index` no whole number of at least 0.
    """
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        raise ArgumentError(f"index: expected a whole number of at least 0, got {index!r}")
    wanted = [p for p in _PROVIDERS if provider in (None, p.name)]
    if not wanted:
        names = ", ".join(p.name for p in _PROVIDERS)
        raise ArgumentError(f"provider: expected one of {names}, got {provider!r}")
    with _lock:
        _check_not_forked()
        for candidate in wanted:
            kept = _opened.get((index, candidate.name))
            if kept is not None and not getattr(kept, "closed", False):
                return kept
        return _opened_anew(index, wanted)


def _opened_anew(index: int, wanted: List[_Provider]) -> Cuda:
    global _opened_by
    missing = []
    for candidate in wanted:
        try:
            module = importlib.import_module(candidate.module)
        except ImportError as exc:
            missing.append((candidate, exc))
            continue
        cuda: Cuda = module.open_device(index)
        _opened[(index, candidate.name)] = cuda
        _opened_by = os.getpid()
        return cuda
    reasons = "; ".join(f"{p.name}: {exc}. To install it: {p.install}" for p, exc in missing)
    raise BackendUnavailable(
        f"no Python binding of CUDA can be used ({reasons}). One of them is needed, and NVIDIA's "
        "driver"
    ) from missing[0][1]


def _check_not_forked() -> None:
    if _opened_by is not None and _opened_by != os.getpid():
        raise BackendUnavailable(
            f"CUDA was opened in process {_opened_by}, and does not work in its forked child "
            f"{os.getpid()}. Start processes with multiprocessing's 'spawn', or open CUDA in the "
            "child alone"
        )

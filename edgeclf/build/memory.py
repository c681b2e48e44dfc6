"""Is there memory for a build? Asked first: without, a small board stalls for minutes and then
kills the process.

The figures are estimates, on the safe side; they were never measured on a Jetson. A build holds the
ONNX model, the parsed network, the weights in the layouts that are tried, and the engine: about
five times the weights, beside the vendor's libraries and the workspace.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional, Tuple

from edgeclf.board import read_board
from edgeclf.build.report import MemoryReport
from edgeclf.errors import BackendError

__all__ = ["check_memory", "default_workspace"]

_MIB = 2**20
_COPIES_OF_WEIGHTS = 5
# The vendor's libraries, loaded: most of it is the builder's kernels.
_LIBRARIES = 700 * _MIB
_LIBRARIES_ON_DEVICE = 300 * _MIB
_LEAST_WORKSPACE = 16 * _MIB
_MOST_WORKSPACE = 1024 * _MIB
# Below this part of the estimate nothing helps.
_HOPELESS = 0.5


def default_workspace(available: Optional[int]) -> int:
    """A quarter of what is free, 16 MiB at least and 1 GiB at most."""
    if available is None:
        return _MOST_WORKSPACE // 4
    return max(_LEAST_WORKSPACE, min(_MOST_WORKSPACE, available // 4))


def check_memory(
    model_bytes: int, workspace: Optional[int], cuda: Optional[Any], board: Any = None
) -> MemoryReport:
    """How much is free, and how much is needed.

    Args:
        model_bytes: size of the ONNX model, weights included.
        workspace: what was asked for; None chooses.
        cuda: the device (`edgeclf.cuda.Cuda`); None where the build needs none.
        board: `edgeclf.board.Board`; None reads it.

    Raises:
        BackendError: far too little; says what to do.
    """
    board = read_board() if board is None else board
    available, shared = _available(cuda, board)
    host_only = cuda is None
    chosen = workspace
    if chosen is None and not host_only:
        chosen = default_workspace(available)
    libraries = _LIBRARIES if shared or host_only else _LIBRARIES_ON_DEVICE
    needed = _COPIES_OF_WEIGHTS * model_bytes + libraries + (chosen or 0)
    report = MemoryReport(available, needed, chosen, shared)
    if available is None or available >= needed:
        return report
    what = "memory that CPU and GPU share" if shared else "memory" if host_only else "GPU memory"
    text = (
        f"a build of this model takes about {_mib(needed)} of {what}, and {_mib(available)} are "
        "free"
    )
    advice = (
        "Close other programs (on a Jetson also the desktop), add swap, or give a smaller "
        "workspace (--workspace 64M)"
    )
    if available < needed * _HOPELESS:
        raise BackendError(f"{text}. {advice}")
    return replace(report, warning=f"{text}; it may fail. {advice}")


def _available(cuda: Optional[Any], board: Any) -> Tuple[Optional[int], bool]:
    on_host: Optional[int] = board.memory_available_bytes
    if cuda is None:
        return on_host, False
    if cuda.facts.integrated:
        return on_host, True
    return int(cuda.free_memory()), False


def _mib(size: int) -> str:
    return f"{size // _MIB} MiB"

"""An execution context, and whose turn it is to use it."""

from __future__ import annotations

import threading
from typing import Any, Optional

from edgeclf.cuda import Cuda
from edgeclf.errors import BackendError

__all__ = ["ContextSlot"]

_TURN_TIMEOUT_S = 30.0


class ContextSlot:
    """An execution context and whose addresses it holds. Contexts run one at a time: `lock`.

    A slot belongs to one request, but for generations that allow one context for each profile:
    there requests take turns.
    """

    def __init__(self, context: Any, profile: int, shared: bool):
        self.context = context
        self.profile = profile
        self.shared = shared
        self.lock = threading.Lock()
        self.bound_to: Optional[object] = None

    def close(self, cuda: Cuda) -> None:
        """End the context, even where a traceback still holds this object."""
        try:
            with cuda.current():
                self.context = None
        except BackendError:  # `cuda` was closed before
            self.context = None

    def take(self) -> None:
        """Wait for the turn.

        Raises:
            BackendError: another request has begun a run and not finished it.
        """
        if not self.lock.acquire(timeout=_TURN_TIMEOUT_S):
            raise BackendError(
                f"the engine's only context for profile {self.profile} has been in use for "
                f"{_TURN_TIMEOUT_S:.0f} s. After enqueue(), call finish() before another request "
                "runs, or build the engine with TensorRT 10 or later"
            )

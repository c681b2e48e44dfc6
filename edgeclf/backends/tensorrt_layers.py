"""An engine's layers: what the inspector lists of them, and how long each took."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

__all__ = ["LayerTime", "LayerTimes", "layers_of", "profiler_of"]


class LayerTime(NamedTuple):
    """One layer over all its runs; ``milliseconds`` is the mean."""

    name: str
    runs: int
    milliseconds: float


class LayerTimes:
    """Sums of what the vendor's profiler reports. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: Dict[str, Tuple[int, float]] = {}

    def add(self, name: str, milliseconds: float) -> None:
        with self._lock:
            runs, total = self._sums.get(name, (0, 0.0))
            self._sums[name] = (runs + 1, total + milliseconds)

    def read(self) -> Tuple[LayerTime, ...]:
        """In the order in which the layers ran first."""
        with self._lock:
            return tuple(
                LayerTime(name, runs, total / runs) for name, (runs, total) in self._sums.items()
            )


def profiler_of(module: Any, times: LayerTimes) -> Any:
    """An object of the vendor's profiler class that adds to `times`."""

    class Profiler(module.IProfiler):  # type: ignore[misc]  # the vendor's class is found at run time
        def __init__(self) -> None:
            module.IProfiler.__init__(self)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            # An exception here would end the process: the vendor's caller cannot take one.
            with contextlib.suppress(Exception):
                times.add(str(layer_name), float(ms))

    return Profiler()


def layers_of(information: Optional[str]) -> List[str]:
    """The names in the inspector's JSON, one for each layer; empty where it lists none.

    The inspector writes names alone, or an object for each layer, as the engine was built.
    """
    try:
        layers = json.loads(information or "{}").get("Layers", [])
    except (ValueError, AttributeError):
        return []
    named = [layer.get("Name", "") if isinstance(layer, dict) else layer for layer in layers]
    return [str(name) for name in named]

"""What the builder calls back: progress, and pictures to calibrate on.

An exception must not reach the vendor's code, which cannot take one.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence

from edgeclf.errors import BackendError

__all__ = ["Steps", "calibrator", "monitor", "stopped"]

# (phase, steps done, steps in all, 0 where nobody knows): False, or an exception, stops the build.
Steps = Callable[[str, int, int], bool]


def stopped() -> BackendError:
    """What a build ends with when `Steps` gave False."""
    return BackendError("the build was stopped, as its progress was told to")


def calibrator(module: Any, batches: Callable[[], Optional[List[int]]], batch: int) -> Any:
    """The vendor's calibrator over `batches`, which gives device addresses, and None at the end.

    What `batches` raises ends the calibration, and is kept in the calibrator's ``failure``;
    its ``batches`` counts those that were given.
    """

    class Calibrator(module.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IInt8EntropyCalibrator2.__init__(self)
            self.failure: Optional[BaseException] = None
            self.batches = 0

        def get_batch_size(self) -> int:
            return batch

        def get_batch(self, names: Sequence[str]) -> Optional[List[int]]:
            try:
                found = batches()
                self.batches += found is not None
                return found
            except BaseException as exc:
                self.failure = exc
                return None

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, cache: Any) -> None:
            return None

    return Calibrator()


def monitor(module: Any, steps: Steps) -> Any:
    """The vendor's progress monitor over `steps`, which keeps its own exceptions."""

    class Monitor(module.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)
            self._sizes: Dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: Any, num_steps: int) -> None:
            self._sizes[phase_name] = num_steps
            self.step_complete(phase_name, -1)

        def step_complete(self, phase_name: str, step: int) -> bool:
            try:
                return bool(steps(phase_name, step + 1, self._sizes.get(phase_name, 0)))
            except BaseException:  # Ctrl-C: the vendor's code stops when it is told to
                return False

        def phase_finish(self, phase_name: str) -> None:
            self._sizes.pop(phase_name, None)

    return Monitor()

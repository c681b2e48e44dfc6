"""Times contenders in turn, so that what else happens on the machine hits all of them alike.

What is measured is the CPU time of the whole process: with one thread on a quiet machine that is
the time on the wall; on a busy one it leaves out what the scheduler gave to others, and a library
that starts threads after all gains nothing by them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np

from lab.native import Calibration
from lab.reference import Tolerance

CALIBRATION = "calibration"
clock = time.process_time_ns


def settle_allocator() -> None:
    """Let large blocks be reused rather than mapped anew, in every process alike.

    glibc's malloc raises its threshold for mapping to the largest block that was freed, up to
    32 MB; what a process did before would otherwise decide how many page faults a peer takes.
    """
    np.empty(31 << 20, np.uint8)


@dataclass
class Contender:
    """Something that makes the tensor of a frame.

    Attributes:
        name: in results and targets.
        nanoseconds: does frame `i` and tells how long that took.
        answer: the tensor of frame `i`, an own copy; None for a floor, which makes none and has
            asserted what it read.
        tolerance: of the answer.
        calibration_us: where its times come from another process: what the calibration kernel took
            there, read after the run.
    """

    name: str
    nanoseconds: Callable[[int], int]
    answer: Optional[Callable[[int], np.ndarray]] = None
    tolerance: Optional[Tolerance] = None
    calibration_us: Optional[Callable[[], float]] = None


def contender(
    name: str, run: Callable[[Any], np.ndarray], frames: Sequence[Any], tolerance: Tolerance
) -> Contender:
    """A contender in this process; `run` returns the tensor, in memory it may reuse."""

    def nanoseconds(index: int) -> int:
        frame = frames[index]
        begin = clock()
        run(frame)
        return clock() - begin

    return Contender(name, nanoseconds, lambda index: np.array(run(frames[index])), tolerance)


class Timer:
    """Calls contenders round-robin in random order.

    Args:
        seconds: to spend on a case with cold frames; the rounds follow from what a round takes.
            Warm ones get a third of it.
        least, most: so many rounds.
    """

    def __init__(self, seconds: float, least: int = 30, most: int = 300):
        self._seconds, self._least, self._most = seconds, least, most
        self._calibration = Calibration()
        settle_allocator()
        self._rng = np.random.default_rng(0)

    def cold(self, contenders: List[Contender], count: int) -> Dict[str, List[int]]:
        """Each call takes the next of `count` frames, whoever makes it."""
        self._frame = 0

        def one(entry: Contender) -> int:
            self._frame = (self._frame + 1) % count
            return entry.nanoseconds(self._frame)

        return self._rounds(contenders, one, self._seconds)

    def warm(self, contenders: List[Contender]) -> Dict[str, List[int]]:
        """The same frame twice in a row; the second call counts."""

        def one(entry: Contender) -> int:
            entry.nanoseconds(0)
            return entry.nanoseconds(0)

        return self._rounds(contenders, one, self._seconds / 3)

    def _rounds(
        self, contenders: List[Contender], one: Callable[[Contender], int], seconds: float
    ) -> Dict[str, List[int]]:
        for entry in contenders:  # what is made at the first call is not in question
            one(entry)
        begin = time.perf_counter()
        for entry in contenders:
            one(entry)
        a_round = time.perf_counter() - begin
        rounds = int(np.clip(seconds / a_round, self._least, self._most))
        samples: Dict[str, List[int]] = {entry.name: [] for entry in contenders}
        samples[CALIBRATION] = []
        for _ in range(rounds):
            samples[CALIBRATION].append(self._calibration())
            for index in self._rng.permutation(len(contenders)):
                entry = contenders[index]
                samples[entry.name].append(one(entry))
        return samples


def summary(samples: List[int]) -> Dict[str, float]:
    """Microseconds: the median, the 10th and the 90th percentile."""
    p10, median, p90 = (float(v) / 1e3 for v in np.percentile(samples, [10, 50, 90]))
    return {"median_us": round(median, 1), "p10_us": round(p10, 1), "p90_us": round(p90, 1)}

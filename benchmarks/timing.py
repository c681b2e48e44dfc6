"""Interleaved timing: every contender runs once in each round, so that noise hits all alike."""

from __future__ import annotations

import statistics
import time
from typing import Callable, Dict


def interleaved(contenders: Dict[str, Callable[[], object]], rounds: int) -> Dict[str, dict]:
    """Microseconds of each contender: median, and the 10th and 90th percentile as spread."""
    samples: Dict[str, list] = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    for _ in range(rounds):
        for name, call in contenders.items():
            started = time.perf_counter_ns()
            call()
            samples[name].append((time.perf_counter_ns() - started) / 1e3)
    return {name: summary(values) for name, values in samples.items()}


def summary(values: list) -> dict:
    tenths = statistics.quantiles(values, n=10)
    return {
        "median": round(statistics.median(values), 2),
        "p10": round(tenths[0], 2),
        "p90": round(tenths[-1], 2),
        "samples": len(values),
    }

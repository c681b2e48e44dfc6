"""What follows a resize to 8-bit pixels where the library has nothing fused: NumPy, twice."""

from __future__ import annotations

from typing import Callable

import numpy as np

Normalise = Callable[[np.ndarray], np.ndarray]


def usual(case) -> Normalise:
    """As it is usually written, one step per operation; only the output is the caller's."""
    spec = case.spec
    mean, std = (np.array(v, np.float32) for v in (spec.mean, spec.std))
    rescale = np.float32(spec.rescale_factor)
    out = np.empty(spec.shape, np.float32)

    def run(rgb: np.ndarray) -> np.ndarray:
        values = rgb.astype(np.float32) * rescale
        values = (values - mean) / std
        np.copyto(out[0], values.transpose(2, 0, 1))
        return out

    return run


def tuned(case) -> Normalise:
    """The quickest that was found of seven ways: multiply into planes, then add in place."""
    spec = case.spec
    mean, std = (np.array(v).reshape(3, 1, 1) for v in (spec.mean, spec.std))
    factor = (spec.rescale_factor / std).astype(np.float32)
    offset = (-mean / std).astype(np.float32)
    out = np.empty(spec.shape, np.float32)

    def run(rgb: np.ndarray) -> np.ndarray:
        np.multiply(rgb.transpose(2, 0, 1), factor, out=out[0])
        np.add(out[0], offset, out=out[0])
        return out

    return run

"""What each contender's answer is measured against before it is timed: float64, over the oracle
of the tests. All in pixel levels 0..255, (height, width, 3), RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict

import numpy as np

from lab.case import Case, oracle

# BT.601, limited range: rows R, G, B of what multiplies (Y - 16, U - 128, V - 128).
_K = 255 / 219
_C = 255 / 112
YUV_TO_RGB = np.array(
    [
        [_K, 0, _C * 0.701],
        [_K, -_C * 0.886 * 0.114 / 0.587, -_C * 0.701 * 0.299 / 0.587],
        [_K, _C * 0.886, 0],
    ]
)


@dataclass(frozen=True)
class Tolerance:
    """How far an answer may be from a reference: the largest and the mean error, in levels."""

    reference: str
    largest: float
    mean: float = np.inf


def levels_of(tensor: np.ndarray, case: Case) -> np.ndarray:
    """The levels that a tensor stands for."""
    spec = case.spec
    values = np.asarray(tensor, np.float64)[0]
    if spec.layout == "nchw":
        values = np.moveaxis(values, 0, -1)
    if spec.dtype == "float32":
        return (values * np.array(spec.std) + np.array(spec.mean)) / spec.rescale_factor
    return values - np.iinfo(spec.dtype).min


class References:
    """The right answers for one frame of a case, each computed when first asked for."""

    def __init__(self, case: Case, **makers: Callable[[], np.ndarray]):
        self._case, self._makers = case, makers
        self._made: Dict[str, np.ndarray] = {}

    def check(self, name: str, tensor: np.ndarray, tolerance: Tolerance) -> Dict[str, float]:
        """The errors; raises AssertionError where they are larger than stated."""
        if tolerance.reference not in self._made:
            self._made[tolerance.reference] = self._makers[tolerance.reference]()
        error = np.abs(levels_of(tensor, self._case) - self._made[tolerance.reference])
        found = {"largest": float(error.max()), "mean": float(error.mean())}
        right = found["largest"] <= tolerance.largest and found["mean"] <= tolerance.mean
        assert right, f"{self._case.key}, {name}: {found} is beyond {tolerance}"
        return found


def of_rgb(case: Case, rgb: np.ndarray) -> References:
    exact = dict(vars(case.spec), exact=None)
    return References(
        case,
        float64=lambda: oracle.levels(rgb, case.spec),
        pillow=lambda: oracle.levels(rgb, type(case.spec)(**exact)).astype(np.float64),
    )


def of_yuv(case: Case, frame: np.ndarray) -> References:
    """Two orders of clipping: the planes resampled, then converted and clipped; and the reverse,
    which is what a chain that converts the whole frame first computes."""
    planes = upsampled(frame, case)
    matrices = [
        oracle._matrix(source, size, case.spec)[begin : begin + wanted]
        for source, size, begin, wanted in zip(
            (case.width, case.height),
            case.resized,
            case.crop,
            (case.spec.width, case.spec.height),
        )
    ]

    def resample(picture: np.ndarray) -> np.ndarray:
        return np.einsum("yh,hwc,xw->yxc", matrices[1], picture, matrices[0], optimize=True)

    def convert(picture: np.ndarray) -> np.ndarray:
        return np.clip((picture - (16, 128, 128)) @ YUV_TO_RGB.T, 0, 255)

    return References(
        case,
        resample_first=lambda: convert(resample(planes)),
        convert_first=lambda: resample(convert(planes)),
    )


def upsampled(frame: np.ndarray, case: Case) -> np.ndarray:
    """(height, width, 3) Y, U, V: each chroma sample repeated over the pixels it stands for."""
    height, width = case.height, case.width
    if case.format == "nv12":
        luma = frame[:height]
        chroma = frame[height:].reshape(height // 2, width // 2, 2).repeat(2, axis=0)
    else:
        luma, chroma = frame[..., 0], frame[..., 1].reshape(height, width // 2, 2)
    return np.dstack([luma[..., None], chroma.repeat(2, axis=1)]).astype(np.float64)

"""One case: a spec, a frame's size and format, and the geometry that follows from them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Tuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
# Behind all others: edgeclf may be a wheel's.
for folder in (ROOT, ROOT / "tests"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

import oracle  # noqa: E402

from edgeclf.spec import InputSpec  # noqa: E402

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Case:
    """What is to be done to each frame.

    Attributes:
        key: names the case in results and targets.
        spec: the work. For "exact" contenders of the same case only `exact` differs.
        width, height: of the frame.
        format: "bgr", "nv12" or "yuyv".
    """

    key: str
    spec: InputSpec
    width: int
    height: int
    format: str = "bgr"

    @property
    def resized(self) -> Tuple[int, int]:
        """(width, height) of the whole picture after the resize."""
        return oracle.resized_size(self.width, self.height, self.spec)

    @property
    def crop(self) -> Tuple[int, int]:
        """(x, y) of the tensor's first pixel in the resized picture."""
        width, height = self.resized
        return round((width - self.spec.width) / 2), round((height - self.spec.height) / 2)

    @lru_cache(maxsize=None)  # noqa: B019 - a case lives as long as the run
    def read(self) -> Tuple[np.ndarray, np.ndarray]:
        """The source columns and rows that the answer depends on, each ascending."""
        used = []
        for axis, (source, begin) in enumerate(zip((self.width, self.height), self.crop)):
            size = (self.spec.width, self.spec.height)[axis]
            matrix = oracle._matrix(source, self.resized[axis], self.spec)[begin : begin + size]
            used.append(np.flatnonzero(matrix.any(axis=0)))
        return used[0], used[1]


def stretch(key: str, width: int, height: int, format: str = "bgr", **fields: object) -> Case:
    return Case(key, _spec(resize_mode="stretch", **fields), width, height, format)


def center_crop(key: str, width: int, height: int, format: str = "bgr", **fields: object) -> Case:
    spec = _spec(resize_mode="center-crop", resize_size=256, **fields)
    return Case(key, spec, width, height, format)


def _spec(**fields: object) -> InputSpec:
    settings = {"width": 224, "height": 224, "exact": False}
    if fields.get("dtype", "float32") == "float32":
        settings.update(rescale_factor=1 / 255, mean=MEAN, std=STD)
    return InputSpec(**{**settings, **fields})

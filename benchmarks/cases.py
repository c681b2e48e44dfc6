"""What the cases share: sizes, frames, how far each answer may be off.

A contender that cannot be had here is left out and named in `MISSING`, so that the smoke run works
with what the tests install.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from lab import frames as pictures
from lab import native, reference
from lab.case import Case, stretch
from lab.reference import References, Tolerance
from lab.timing import Contender
from peers import floor
from peers.pillow_simd import SecondProcess

SIZES = {
    "480p": (640, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "4K": (3840, 2160),
}
# "Cold" rotates over frames until this much of what a case reads has gone by.
COLD_BYTES = 150_000_000

# Of peers: 8-bit rounding once (cv2) or twice (Pillow, torch); a sharpening filter clipped between
# its passes; a chain that rounds YUV to RGB and then again. Ours are the promised ones.
ROUNDED = Tolerance("float64", 1.0, 0.35)
ROUNDED_TWICE = Tolerance("float64", 1.5, 0.4)
CLIPPED_BETWEEN = Tolerance("float64", 32.0, 0.4)
ONE_OFF_PILLOW = Tolerance("pillow", 1.001, 0.01)
PILLOW = Tolerance("pillow", 1e-3)
BILINEAR = Tolerance("float64", 0.03)
ANTIALIASED = Tolerance("float64", 0.05)
CODES = Tolerance("float64", 0.53)
YUV = Tolerance("resample_first", 0.1)
YUV_ROUNDED = Tolerance("convert_first", 3.0, 0.6)

MISSING: Dict[str, str] = {}


@dataclass
class Bench:
    """One case with all that is timed in it.

    Attributes:
        key: as in the targets.
        contenders: timed in turn.
        count: frames to rotate over.
        references: of frame 0.
        note: what the results should say beside the figures.
    """

    key: str
    contenders: List[Contender]
    count: int
    references: References
    note: str = ""


def peer(module: str) -> Optional[Any]:
    """peers.<module>, or None where its library is not installed."""
    try:
        return importlib.import_module(f"peers.{module}")
    except ImportError as exc:
        MISSING[module] = str(exc)
        return None


class Size:
    """The frames of one size, shared by its cases, and the second process that has the same.

    Args:
        name, width, height: the size.
        cold_bytes: see COLD_BYTES.
        simd: the interpreter that has pillow-simd, or None.
    """

    def __init__(
        self,
        name: str,
        width: int,
        height: int,
        cold_bytes: int = COLD_BYTES,
        simd: Optional[Path] = None,
    ):
        self.name, self.width, self.height = name, width, height
        self.base = pictures.base_pictures(width, height)
        self._cold_bytes = cold_bytes
        # Of the cases with these frames, plain bilinear reads least of each.
        self.count = self.count_for(stretch("", width, height, antialias=False))
        self.frames = pictures.rotation(self.base, self.count)
        self._simd = simd
        self._second: Optional[SecondProcess] = None

    def __enter__(self) -> "Size":
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._second:
            self._second.close()

    @property
    def second(self) -> Optional[SecondProcess]:
        """The process with pillow-simd, started when a case first asks for it."""
        if self._second is None and self._simd:
            file = native.BUILD / f"pictures-{self.name}.npy"
            np.save(file, self.base)
            self._second = SecondProcess(self._simd, file, self.count)
        return self._second

    def count_for(self, case: Case) -> int:
        return max(2, -(-self._cold_bytes // floor.touched_bytes(case)))

    def bench(self, case: Case, contenders: Sequence[Contender], note: str = "") -> Bench:
        return Bench(
            case.key,
            [*contenders, *floor.contenders(case, self.frames)],
            self.count,
            reference.of_rgb(case, self.frames[0][:, :, ::-1]),
            note,
        )

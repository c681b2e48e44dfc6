"""Pictures that show a model's usual values: for int8 ranges, and for comparing two models."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence, Set, Union

import numpy as np

from edgeclf.errors import ArgumentError, DecodeError
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

__all__ = ["PictureSource", "Pictures", "pictures_of", "synthetic_pictures"]

_LOG = logging.getLogger("edgeclf")

MOST = 500  # ranges hardly move after a few hundred pictures
_SYNTHETIC = 8

PictureSource = Union[str, "os.PathLike[str]", Sequence[Any], None]


class Pictures:
    """Frames, decoded one at a time as they are asked for.

    Attributes:
        name: where they come from, for reports.
        sha256: of their content, or of what they were given as; part of the cache's key.
        synthetic: no photographs: a model is unsure of them, and small differences flip it.
    """

    def __init__(self, name: str, items: Sequence[Any], synthetic: bool = False):
        self.name = name
        self.synthetic = synthetic
        self._items = list(items)
        self._left_out: Set[Path] = set()
        self._sha256: Optional[str] = None

    def __len__(self) -> int:
        return len(self._items)

    def few(self, count: int) -> "Pictures":
        """At most `count` of them, evenly spread."""
        if len(self) <= count:
            return self
        chosen = np.linspace(0, len(self) - 1, count).round().astype(int)
        fewer = Pictures(self.name, [self._items[i] for i in chosen])
        fewer._left_out = self._left_out
        return fewer

    def tensors(self, spec: InputSpec) -> Iterator[np.ndarray]:
        """The model's input tensor of each picture, (1, ...), in memory of its own.

        A file that is no picture is left out, and logged once.

        Raises:
            FrameError: a picture that was given as an array cannot be used.
        """
        preprocess = Preprocessor(spec)
        for item in self._items:
            if isinstance(item, Path) and item in self._left_out:
                continue
            try:
                yield preprocess(item)
            except DecodeError as exc:
                if not isinstance(item, Path):
                    raise
                self._left_out.add(item)
                _LOG.warning("left out of %s: %s", self.name, exc)

    @property
    def sha256(self) -> str:
        if self._sha256 is None:
            digest = hashlib.sha256()
            for item in self._items:
                content = item.read_bytes() if isinstance(item, Path) else _bytes_of(item)
                digest.update(hashlib.sha256(content).digest())
            self._sha256 = digest.hexdigest()
        return self._sha256


def pictures_of(source: PictureSource) -> Pictures:
    """The pictures of a folder (hidden files left out, sub-folders included), or those given.

    Raises:
        ArgumentError: no such folder, an empty one, or neither a folder nor a sequence.
    """
    if source is None:
        return Pictures("none", [])
    if isinstance(source, (str, os.PathLike)):
        folder = Path(source)
        if not folder.is_dir():
            raise ArgumentError(f"calibrate: expected a folder of pictures, got {folder}")
        files = sorted(
            path
            for path in folder.rglob("*")
            if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
        )
        pictures = Pictures(str(folder), files)
    elif isinstance(source, (list, tuple)):
        items = [Path(item) if isinstance(item, (str, os.PathLike)) else item for item in source]
        pictures = Pictures("the given pictures", items)
    else:
        raise ArgumentError(
            f"calibrate: expected a folder, or a list of pictures; got {type(source).__name__}"
        )
    if not pictures:
        raise ArgumentError(f"calibrate: no pictures in {pictures.name}")
    return pictures.few(MOST)


def synthetic_pictures(count: int = _SYNTHETIC) -> Pictures:
    """Soft coloured shapes, the same ones every time, for when there are no pictures."""
    random = np.random.RandomState(11)
    frames = []
    for _ in range(count):
        coarse = random.randint(0, 256, (6, 8, 3)).astype(np.float64)
        rows = np.linspace(0, 5, 240)
        columns = np.linspace(0, 7, 320)
        tall = _interpolated(coarse, rows)
        frame = _interpolated(tall.transpose(1, 0, 2), columns).transpose(1, 0, 2)
        frames.append(np.ascontiguousarray(np.rint(frame).astype(np.uint8)))
    return Pictures("synthetic", frames, synthetic=True)


def _interpolated(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Linear, along the first axis."""
    low = np.minimum(positions.astype(int), len(values) - 2)
    part = (positions - low)[:, None, None]
    between: np.ndarray = values[low] * (1 - part) + values[low + 1] * part
    return between


def _bytes_of(item: Any) -> bytes:
    return bytes(item) if isinstance(item, (bytes, bytearray)) else np.asarray(item).tobytes()

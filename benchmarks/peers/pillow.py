"""Pillow, in either of the packages that have its name: this file runs in both processes.

A frame's BGR bytes go in as they are, because a resize does not care, and change places on the
small picture."""

from __future__ import annotations

import io
from typing import Any, Callable

import numpy as np
from PIL import Image

from peers.normalise import Normalise

Run = Callable[[Any], np.ndarray]

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def resize_and_crop(case, normalise: Normalise) -> Run:
    """torchvision's Resize and CenterCrop: the whole picture is resized, then cropped."""
    filter_ = FILTERS[case.spec.interpolation]

    def run(bgr: np.ndarray) -> np.ndarray:
        small = Image.fromarray(bgr).resize(case.resized, filter_).crop(_box(case))
        return normalise(np.asarray(small)[:, :, ::-1])

    return run


def resize_of_crop(case, normalise: Normalise) -> Run:
    """The same answer from the part of the picture that the crop needs, through `box`."""
    filter_ = FILTERS[case.spec.interpolation]
    left, top, right, bottom = _box(case)
    across, down = case.width / case.resized[0], case.height / case.resized[1]
    box = (left * across, top * down, right * across, bottom * down)
    size = (case.spec.width, case.spec.height)

    def run(bgr: np.ndarray) -> np.ndarray:
        small = Image.fromarray(bgr).resize(size, filter_, box=box)
        return normalise(np.asarray(small)[:, :, ::-1])

    return run


def decoded(case, normalise: Normalise, draft: bool) -> Run:
    """From a JPEG's bytes; `draft` lets libjpeg scale, to at least the size of the resize."""
    filter_ = FILTERS[case.spec.interpolation]

    def run(data: bytes) -> np.ndarray:
        image = Image.open(io.BytesIO(data))
        if draft:
            image.draft("RGB", case.resized)
        return normalise(np.asarray(image.resize(case.resized, filter_).crop(_box(case))))

    return run


def _box(case):
    x, y = case.crop
    return x, y, x + case.spec.width, y + case.spec.height

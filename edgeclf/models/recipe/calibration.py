"""The pictures that set the activation ranges: samples that other packages carry, cut many ways.

Only photographs that may be redistributed, and none of ImageNet's: those are for measuring. The
cuts follow a fixed pattern, with no random numbers, so that a second run sees the same pixels.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from .architecture import SIDE

# The tensor is (pixel - 127) / 128, so a uint8 pixel is already its code under this quantisation
INPUT_SCALE = 1 / 128
INPUT_ZERO_POINT = 127

# package, folder inside it, files; each file's licence is in PROVENANCE.md
PICTURES = (
    (
        "skimage",
        "data",
        "astronaut.png brick.png camera.png chelsea.png coffee.png coins.png grass.png gravel.png"
        " hubble_deep_field.jpg retina.jpg rocket.jpg",
    ),
    ("sklearn", "datasets/images", "china.jpg flower.jpg"),
)
SHORT_SIDES = (224, 256, 384)  # the whole picture, the size of the usual recipe, a closer look
# Where the square lies, as fractions of the room there is: the centre and four corners
PLACES = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


def squares() -> Iterator[np.ndarray]:
    """uint8 (224, 224, 3) RGB, 195 of them; every second one is mirrored."""
    count = 0
    for path in _paths():
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        for short_side in SHORT_SIDES:
            resized = resize_short_side(picture, short_side)
            for place in PLACES:
                square = _cut(resized, place)
                yield square[:, ::-1] if count % 2 else square
                count += 1


def resize_short_side(picture: Image.Image, short_side: int) -> Image.Image:
    """Bicubic with antialiasing; the longer side is rounded down, as torchvision does."""
    shorter = min(picture.size)
    size = tuple(int(short_side * side / shorter) for side in picture.size)
    return picture.resize(size, Image.Resampling.BICUBIC)


def normalise(pixels: np.ndarray) -> np.ndarray:
    """uint8 (N, 224, 224, 3) -> float32 (N, 3, 224, 224), (pixel - 127) / 128 as in training."""
    tensor = (pixels.astype(np.float32) - INPUT_ZERO_POINT) * np.float32(INPUT_SCALE)
    return tensor.transpose(0, 3, 1, 2)


def _paths() -> Iterator[Path]:
    for package, folder, names in PICTURES:
        home = Path(importlib.util.find_spec(package).origin).parent / folder
        yield from (home / name for name in names.split())


def _cut(picture: Image.Image, place: tuple[float, float]) -> np.ndarray:
    left, top = int(place[0] * (picture.width - SIDE)), int(place[1] * (picture.height - SIDE))
    return np.asarray(picture.crop((left, top, left + SIDE, top + SIDE)))

"""Pillow's bytes, every one, on 500 random cases for each of its filters: sizes that fill vectors
and sizes that do not, formats, regions, rotations, crops."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from PIL import Image

from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

CASES = 500
TURNS = {0: None, 90: Image.ROTATE_270, 180: Image.ROTATE_180, 270: Image.ROTATE_90}
# Where each format has red, green and blue.
FORMATS = {"rgb": (3, [0, 1, 2]), "bgr": (3, [2, 1, 0]), "bgra": (4, [2, 1, 0]), "gray": (1, [0])}


def random_spec(rng, interpolation):
    resize_mode = str(rng.choice(["stretch", "letterbox", "center-crop"]))
    sides = [int(n) for n in rng.integers(1, 120, 2)]
    crop = {"resize_size": int(rng.integers(1, 140))} if resize_mode == "center-crop" else {}
    return InputSpec(
        *sides,
        resize_mode=resize_mode,
        interpolation=interpolation,
        exact=True,
        layout=str(rng.choice(["nchw", "nhwc"])),
        dtype=str(rng.choice(["uint8", "int8"])),
        **crop,
    )


def random_frame(rng, channels):
    """Noise, or black and white; sometimes with rows apart."""
    height, width = rng.integers(1, 400, 2)
    levels = np.arange(256) if rng.random() < 0.7 else np.array([0, 255])
    pixels = rng.choice(levels.astype(np.uint8), (height, width + 5, channels))
    pixels = pixels[:, :width] if rng.random() < 0.5 else np.ascontiguousarray(pixels[:, :width])
    return pixels[:, :, 0] if channels == 1 else pixels


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "box"])
def test_every_byte_is_pillows(interpolation):
    rng = np.random.default_rng(len(interpolation))
    for _ in range(CASES):
        spec = random_spec(rng, interpolation)
        name = str(rng.choice(list(FORMATS)))
        channels, order = FORMATS[name]
        pixels = random_frame(rng, channels)
        x, y = (int(rng.integers(0, n)) for n in pixels.shape[1::-1])
        width = int(rng.integers(1, pixels.shape[1] - x + 1))
        height = int(rng.integers(1, pixels.shape[0] - y + 1))
        degrees = int(rng.choice([0, 0, 90, 180, 270]))
        seen = pixels[y : y + height, x : x + width]
        seen = np.ascontiguousarray(seen if channels == 1 else seen[:, :, order])
        if degrees:
            seen = np.asarray(Image.fromarray(seen).transpose(TURNS[degrees]))
        got = Preprocessor(spec)(
            Frame(pixels, name), region_of_interest=(x, y, width, height), rotation_degrees=degrees
        )
        np.testing.assert_array_equal(got, oracle.tensor(seen, spec), err_msg=f"{spec} {name}")

"""The pictures: the project's photographs, mirrored side by side to the size wanted, with noise.

A photograph is scaled to a third of the frame's height, tiled with its mirror images, and noise of
-8..8 levels is added to every sample, so that a frame has edges and does not compress. Eight such
pictures exist per size; a rotation repeats them, each time in other memory, which is what "cold"
asks for.

The memory is an anonymous mapping in ordinary pages, as a camera driver hands it out.
"""

from __future__ import annotations

import io
import mmap
from pathlib import Path
from typing import Iterator, List, Tuple

import numpy as np

PHOTOS = Path(__file__).resolve().parent.parent.parent / "examples" / "photos"
NOISE = 8
JPEG_NOISE = 2


def base_pictures(width: int, height: int, count: int = 8) -> np.ndarray:
    """(count, height, width, 3) uint8, BGR."""
    pictures = np.empty((count, height, width, 3), np.uint8)
    for picture, made in zip(pictures, _tiled(width, height, height // 3, NOISE)):
        picture[...] = made[:, :, ::-1]
    return pictures


def _tiled(width: int, height: int, tall: int, noise: int) -> Iterator[np.ndarray]:
    """RGB: each photograph at a height of `tall`, next to its mirror images, with noise."""
    from PIL import Image

    rng = np.random.default_rng(width)
    for path in sorted(PHOTOS.glob("*.jpg")):
        with Image.open(path) as photo:
            small = photo.convert("RGB").resize((photo.width * tall // photo.height, tall))
        tile = np.asarray(small)
        block = np.concatenate([tile, tile[:, ::-1]], axis=1)
        block = np.concatenate([block, block[::-1]], axis=0)
        times = (-(-height // block.shape[0]), -(-width // block.shape[1]), 1)
        grain = rng.integers(-noise, noise + 1, (height, width, 3), dtype=np.int16)
        yield np.clip(np.tile(block, times)[:height, :width] + grain, 0, 255).astype(np.uint8)


def rotation(base: np.ndarray, count: int) -> np.ndarray:
    """`count` frames in one anonymous mapping: `base` over and over."""
    memory = mmap.mmap(-1, count * base[0].nbytes)
    frames = np.frombuffer(memory, np.uint8).reshape((count, *base.shape[1:]))
    for index, frame in enumerate(frames):
        frame[...] = base[index % len(base)]
    return frames


def yuv_planes(bgr: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Full-size Y, U, V in float64: BT.601, limited range."""
    b, g, r = (bgr[..., channel] / 255.0 for channel in range(3))
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    return 16 + 219 * luma, 128 + 112 / 0.886 * (b - luma), 128 + 112 / 0.701 * (r - luma)


def nv12(bgr: np.ndarray) -> np.ndarray:
    """(height * 3 / 2, width) uint8: Y, then U and V in turn at half size."""
    y, u, v = yuv_planes(bgr)
    height, width = y.shape
    halves = [p.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for p in (u, v)]
    chroma = np.stack(halves, axis=-1).reshape(height // 2, width)
    return np.rint(np.concatenate([y, chroma])).astype(np.uint8)


def yuyv(bgr: np.ndarray) -> np.ndarray:
    """(height, width, 2) uint8: Y U Y V."""
    y, u, v = yuv_planes(bgr)
    height, width = y.shape
    halves = [p.reshape(height, width // 2, 2).mean(axis=2) for p in (u, v)]
    chroma = np.stack(halves, axis=-1).reshape(height, width)
    return np.rint(np.stack([y, chroma], axis=-1)).astype(np.uint8)


def jpegs(width: int, height: int, quality: int) -> List[bytes]:
    """Eight pictures as JPEG 4:2:0: tiles of half the height, and the little noise of a camera."""
    from PIL import Image

    files = []
    for picture in _tiled(width, height, height // 2, JPEG_NOISE):
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
        files.append(stream.getvalue())
    return files

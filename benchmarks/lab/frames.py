"""The pictures: the project's photographs, mirrored side by side to the size wanted, with noise.

A photograph is scaled to a third of the frame's height, tiled with its mirror images, and noise of
-8..8 levels is added to every sample, so that a frame has edges and does not compress. Eight such
pictures exist per size; a rotation repeats them, each time in other memory, which is what "cold"
asks for.

The memory is an anonymous mapping in ordinary pages, as a camera driver hands it out.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import List, Tuple

import numpy as np

PHOTOS = Path(__file__).resolve().parent.parent.parent / "examples" / "photos"
NOISE = 8


def base_pictures(width: int, height: int, count: int = 8) -> np.ndarray:
    """(count, height, width, 3) uint8, BGR."""
    from PIL import Image

    pictures = np.empty((count, height, width, 3), np.uint8)
    rng = np.random.default_rng(width)
    for picture, path in zip(pictures, sorted(PHOTOS.glob("*.jpg"))):
        with Image.open(path) as photo:
            tall = max(1, height // 3)
            small = photo.convert("RGB").resize((photo.width * tall // photo.height, tall))
        tile = np.asarray(small)[:, :, ::-1]
        block = np.concatenate([tile, tile[:, ::-1]], axis=1)
        block = np.concatenate([block, block[::-1]], axis=0)
        times = (-(-height // block.shape[0]), -(-width // block.shape[1]), 1)
        noise = rng.integers(-NOISE, NOISE + 1, picture.shape, dtype=np.int16)
        picture[...] = np.clip(np.tile(block, times)[:height, :width] + noise, 0, 255)
    return pictures


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
    """Eight pictures as JPEG 4:2:0. Their noise is a quarter of the frames': a photograph's."""
    import io

    from PIL import Image

    rng = np.random.default_rng(0)
    files = []
    for path in sorted(PHOTOS.glob("*.jpg"))[:8]:
        with Image.open(path) as photo:
            picture = np.asarray(photo.convert("RGB").resize((width, height), Image.BICUBIC))
        noise = rng.integers(-NOISE // 4, NOISE // 4 + 1, picture.shape, dtype=np.int16)
        noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(noisy).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
        files.append(stream.getvalue())
    return files

"""YUV frames for tests: the same samples written in every format, and what they are to become.

The writers lay bytes out as the formats' definitions say, in a flat buffer with padding of their
own, so they share nothing with the readers. ``levels`` repeats chroma for every pixel of its block,
resamples each plane in float64, converts, and clips last.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np
import oracle

from edgeclf.spec import InputSpec

FORMATS_420 = ("nv12", "nv21", "i420", "yv12")
FORMATS_422 = ("yuyv", "uyvy")
FORMATS = FORMATS_420 + FORMATS_422


class Samples(NamedTuple):
    """Y of every pixel; U and V of every block."""

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray


def random_samples(rng: np.random.Generator, format: str, width: int, height: int) -> Samples:
    rows = (height + 1) // 2 if format in FORMATS_420 else height
    shapes = [(height, width), (rows, (width + 1) // 2), (rows, (width + 1) // 2)]
    if rng.random() < 0.5:
        return Samples(*(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes))
    return Samples(*(rng.choice(np.array([0, 255], np.uint8), shape) for shape in shapes))


def planes(samples: Samples, format: str) -> Sequence[np.ndarray]:
    """The rows of bytes of each plane, in the order of memory, without padding."""
    y, u, v = samples
    if format in FORMATS_422:
        row = np.zeros((y.shape[0], u.shape[1] * 4), np.uint8)
        luma = 0 if format == "yuyv" else 1
        row[:, luma::2][:, : y.shape[1]] = y
        row[:, 1 - luma :: 4] = u
        row[:, 3 - luma :: 4] = v
        return [row]
    if format in ("i420", "yv12"):
        return [y, u, v] if format == "i420" else [y, v, u]
    pairs = np.zeros((u.shape[0], u.shape[1] * 2), np.uint8)
    pairs[:, 0::2], pairs[:, 1::2] = (u, v) if format == "nv12" else (v, u)
    return [y, pairs]


def flat(rows_of_planes: Sequence[np.ndarray], padding: Sequence[int]) -> Tuple[bytes, tuple]:
    """All planes in one buffer that ends with the last sample, and their strides."""
    parts, strides = [], []
    for rows, extra in zip(rows_of_planes, padding):
        padded = np.full((rows.shape[0], rows.shape[1] + extra), 77, np.uint8)
        padded[:, : rows.shape[1]] = rows
        parts.append(padded.tobytes())
        strides.append(padded.shape[1])
    whole = b"".join(parts)
    return whole[: len(whole) - padding[len(parts) - 1]], tuple(strides)


# Kr, Kb: ITU-R BT.601-7, 2.5.1 and BT.709-6, 3.
LUMA = {
    "bt601": (Fraction(299, 1000), Fraction(114, 1000)),
    "bt709": (Fraction(2126, 10000), Fraction(722, 10000)),
}


def rgb_of_yuv(y, u, v, color_matrix: str, color_range: str) -> np.ndarray:
    """Unclipped R, G, B levels, from the definition of Y' = Kr R + Kg G + Kb B."""
    kr, kb = LUMA[color_matrix]
    if color_range == "limited":
        luma, pb, pr = (y - 16) / 219 * 255, (u - 128) / 224 * 255, (v - 128) / 224 * 255
    else:
        luma, pb, pr = y * 1.0, u - 128.0, v - 128.0
    red = luma + float(2 - 2 * kr) * pr
    blue = luma + float(2 - 2 * kb) * pb
    green = (luma - float(kr) * red - float(kb) * blue) / float(1 - kr - kb)
    return np.stack([red, green, blue], axis=-1)


def repeated(samples: Samples) -> Samples:
    """Chroma for every pixel: that of its own block."""
    height, width = samples.y.shape
    down = 1 if samples.u.shape[0] == height and height > 1 else 2
    u, v = (plane.repeat(down, axis=0).repeat(2, axis=1)[:height, :width] for plane in samples[1:])
    return Samples(samples.y, u, v)


def seen(plane: np.ndarray, region: Optional[Sequence[int]], degrees: int) -> np.ndarray:
    """The region of the plane, turned clockwise."""
    if region is not None:
        x, y, width, height = region
        plane = plane[y : y + height, x : x + width]
    return np.rot90(plane, -(degrees // 90))


def resampled(plane: np.ndarray, spec: InputSpec) -> np.ndarray:
    """One plane in float64, unclipped, in the resized picture's size."""
    size = oracle.resized_size(plane.shape[1], plane.shape[0], spec)
    if spec.interpolation == "nearest":
        return oracle.pillow_resize(plane.astype(np.int32), *size, "nearest").astype(float)
    return oracle.float_resample(plane, *size, spec)


def levels(
    samples: Samples,
    spec: InputSpec,
    color_matrix: str = "bt601",
    color_range: str = "limited",
    region: Optional[Sequence[int]] = None,
    degrees: int = 0,
) -> np.ndarray:
    """The (height, width, channels) levels that the tensor is made of."""
    y, u, v = (resampled(seen(p, region, degrees), spec) for p in repeated(samples))
    if spec.color_mode == "gray":
        grey = (y - 16) / 219 * 255 if color_range == "limited" else y
        picture = grey[:, :, None]
    else:
        picture = rgb_of_yuv(y, u, v, color_matrix, color_range)
        if spec.color_mode == "bgr":
            picture = picture[:, :, ::-1]
    return oracle.placed(np.clip(picture, 0, 255), spec)


def levels16(
    values: np.ndarray,
    spec: InputSpec,
    window: Tuple[float, float],
    region: Optional[Sequence[int]] = None,
    degrees: int = 0,
) -> np.ndarray:
    """The same for 16-bit grey."""
    low, high = window
    resized = resampled(seen(values, region, degrees), spec)
    grey = np.clip((resized - low) / (high - low) * 255, 0, 255)
    return oracle.placed(np.repeat(grey[:, :, None], spec.channels, axis=2), spec)

"""What is right: the spec, written once more with Pillow's operations and NumPy's float64.

Slow, whole-picture, and sharing no code with the core. ``levels`` gives the picture in the
tensor's size and channel order, as pixel levels; ``tensor`` what the model is to see.
"""

from __future__ import annotations

import math
from typing import Optional, Tuple

import numpy as np
from PIL import Image

from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

PILLOW_FILTERS = {
    "nearest": Image.NEAREST,
    "bilinear": Image.BILINEAR,
    "bicubic": Image.BICUBIC,
    "lanczos": Image.LANCZOS,
    "box": Image.BOX,
}


def pillow_resize(pixels: np.ndarray, width: int, height: int, interpolation: str) -> np.ndarray:
    """Pillow's resize, across first. Two calls: from version 13 on, one call may go down first."""
    resample = PILLOW_FILTERS[interpolation]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    across = picture.resize((width, picture.height), resample)
    return np.asarray(across.resize((width, height), resample))


def _cubic(a: float):
    def weight(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        near = (a + 2) * x**3 - (a + 3) * x**2 + 1
        far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
        return np.where(x < 1, near, np.where(x < 2, far, 0.0))

    return weight


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1 - np.abs(x))


def _box(x: np.ndarray) -> np.ndarray:
    return ((x > -0.5) & (x <= 0.5)).astype(float)


_ANTIALIASED = {
    "bilinear": (_triangle, 1.0),
    "bicubic": (_cubic(-0.5), 2.0),
    "lanczos": (_lanczos, 3.0),
    "box": (_box, 0.5),
}
_PLAIN = {"bilinear": (_triangle, 1), "bicubic": (_cubic(-0.75), 2), "lanczos": (_lanczos, 3)}


def antialiased_matrix(source: int, size: int, interpolation: str) -> np.ndarray:
    """(size, source) weights of Pillow's filters, in float64."""
    weight, support = _ANTIALIASED[interpolation]
    scale = source / size
    widening = max(scale, 1.0)
    center = (np.arange(size)[:, None] + 0.5) * scale
    at = np.arange(source)[None, :]
    # The window's ends are part of the definition: int() of the ends half a pixel further right.
    first = np.maximum((center - support * widening + 0.5).astype(int), 0)
    end = np.minimum((center + support * widening + 0.5).astype(int), source)
    matrix = np.where((at >= first) & (at < end), weight((at + 0.5 - center) / widening), 0.0)
    return matrix / matrix.sum(axis=1, keepdims=True)


def plain_matrix(source: int, size: int, interpolation: str) -> np.ndarray:
    """(size, source) weights without antialiasing: half-pixel centres, the edge repeated."""
    weight, reach = _PLAIN[interpolation]
    position = (np.arange(size) + 0.5) * (source / size) - 0.5
    matrix = np.zeros((size, source))
    for tap in range(1 - reach, reach + 1):
        at = np.floor(position).astype(int) + tap
        np.add.at(matrix, (np.arange(size), np.clip(at, 0, source - 1)), weight(at - position))
    return matrix / matrix.sum(axis=1, keepdims=True)


def area_matrix(source: int, size: int) -> np.ndarray:
    """(size, source) weights: the part of each output pixel that each source pixel covers."""
    scale = source / size
    begin = np.arange(size)[:, None] * scale
    at = np.arange(source)[None, :]
    covered = np.minimum(begin + scale, at + 1) - np.maximum(begin, at)
    return np.maximum(covered, 0.0) / scale


def _matrix(source: int, size: int, spec: InputSpec) -> np.ndarray:
    if source == size:
        return np.eye(source)
    if spec.interpolation == "area":
        return area_matrix(source, size)
    if spec.antialias or spec.interpolation == "box":
        return antialiased_matrix(source, size, spec.interpolation)
    return plain_matrix(source, size, spec.interpolation)


def float_resize(pixels: np.ndarray, width: int, height: int, spec: InputSpec) -> np.ndarray:
    """The resize in float64, clamped to 0..255 at the end."""
    return np.clip(float_resample(pixels, width, height, spec), 0, 255)


def float_resample(pixels: np.ndarray, width: int, height: int, spec: InputSpec) -> np.ndarray:
    """The resize in float64; filters with negative weights overshoot."""
    down = _matrix(pixels.shape[0], height, spec)
    across = _matrix(pixels.shape[1], width, spec)
    planes = np.atleast_3d(pixels).astype(float)
    result = np.einsum("yh,hwc,xw->yxc", down, planes, across, optimize=True)
    return result.reshape((height, width, *pixels.shape[2:]))


def resized(pixels: np.ndarray, width: int, height: int, spec: InputSpec) -> np.ndarray:
    if spec.takes_pillow_bytes or spec.interpolation == "nearest":
        return pillow_resize(pixels, width, height, spec.interpolation)
    return float_resize(pixels, width, height, spec)


def resized_size(width: int, height: int, spec: InputSpec) -> Tuple[int, int]:
    if spec.resize_mode == "stretch":
        return spec.width, spec.height
    if spec.resize_mode == "letterbox":
        ratio = min(spec.width / width, spec.height / height)
        return (
            min(max(round(width * ratio), 1), spec.width),
            min(max(round(height * ratio), 1), spec.height),
        )
    short, long = sorted((width, height))
    new_short, new_long = spec.resize_size, int(spec.resize_size * long / short)
    return (new_short, new_long) if width <= height else (new_long, new_short)


def _place(picture: np.ndarray, axis: int, size: int, spec: InputSpec) -> Tuple[int, int]:
    """Where the picture's first pixel lands in the tensor (negative: cropped away), and its pad."""
    surplus = picture.shape[axis] - size
    if spec.resize_mode == "letterbox" or surplus < 0:
        floors = spec.crop_rounding == "floor" and spec.resize_mode == "center-crop"
        return (math.ceil(-surplus / 2) if floors else -surplus // 2), -surplus
    start = surplus // 2 if spec.crop_rounding == "floor" else round(surplus / 2.0)
    return -start, 0


def levels(rgb: np.ndarray, spec: InputSpec) -> np.ndarray:
    """The (height, width, channels) levels 0..255 of an RGB or grey uint8 picture."""
    pixels = rgb
    if spec.color_mode == "gray" and rgb.ndim == 3:
        pixels = np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).convert("L"))
    height, width = pixels.shape[:2]
    picture = resized(pixels, *resized_size(width, height, spec), spec)
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], spec.channels, axis=2)
    elif spec.color_mode == "bgr":
        picture = picture[:, :, ::-1]
    return placed(picture, spec)


def placed(picture: np.ndarray, spec: InputSpec) -> np.ndarray:
    """The tensor's (height, width, channels) levels from the whole resized picture's."""
    pad = spec.pad_value or ((114,) if spec.resize_mode == "letterbox" else (0,))
    canvas = np.empty((spec.height, spec.width, spec.channels), picture.dtype)
    canvas[:] = pad
    top, left = (_place(picture, axis, (spec.height, spec.width)[axis], spec)[0] for axis in (0, 1))
    part = picture[max(0, -top) :, max(0, -left) :][: spec.height, : spec.width]
    y, x = max(0, top), max(0, left)
    canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
    return canvas


def real_tensor(pixel_levels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """(level * rescale_factor - mean) / std in float64, channels last."""
    mean = np.array(spec.mean or (0.0,))
    std = np.array(spec.std or (1.0,))
    return (pixel_levels.astype(np.float64) * spec.rescale_factor - mean) / std


def takes_pixels(spec: InputSpec, quantization: Optional[Quantization]) -> bool:
    if not spec.normalised:
        return True
    ramp = np.repeat(np.arange(256)[:, None], spec.channels, axis=1)
    codes = _codes(real_tensor(ramp, spec), spec, quantization)
    low = np.iinfo(spec.dtype).min
    return bool(np.all(np.abs(codes - (ramp + low)) <= 1))


def _codes(real: np.ndarray, spec: InputSpec, quantization: Optional[Quantization]) -> np.ndarray:
    assert quantization is not None
    limits = np.iinfo(spec.dtype)
    codes = np.rint(real / quantization.scale) + quantization.zero_point
    return np.clip(codes, limits.min, limits.max)


def tensor(
    rgb: np.ndarray, spec: InputSpec, quantization: Optional[Quantization] = None
) -> np.ndarray:
    """The whole way, with a batch of one, in the spec's layout and dtype."""
    return tensor_of(levels(rgb, spec), spec, quantization)


def tensor_of(
    picture: np.ndarray, spec: InputSpec, quantization: Optional[Quantization] = None
) -> np.ndarray:
    """The tensor of (height, width, channels) levels."""
    if spec.dtype in ("float32", "float16"):
        result = real_tensor(picture, spec)
    elif takes_pixels(spec, quantization):
        result = np.rint(picture.astype(float)) + np.iinfo(spec.dtype).min
    else:
        result = _codes(real_tensor(picture, spec), spec, quantization)
    result = result.astype(spec.dtype)
    if spec.layout == "nchw":
        result = np.moveaxis(result, -1, 0)
    return result[None]

"""YUV buffers and arrays as planes: strided views of the caller's memory, checked.
Over 200 lines because every fault of a buffer is told apart from the others.

The planes of a format, in the order of its memory; half of an odd length is rounded up:

===========  ==========================================
nv12         Y (H, W); UV (H/2, W/2, 2)
nv21         Y (H, W); VU (H/2, W/2, 2)
i420         Y (H, W); U (H/2, W/2); V (H/2, W/2)
yv12         Y (H, W); V (H/2, W/2); U (H/2, W/2)
yuyv, uyvy   one of (H, W, 2), W rounded up to even
===========  ==========================================
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from edgeclf.errors import FrameError
from edgeclf.pixel_formats import (
    check_no_layout,
    check_sides,
    flat_bytes,
    is_array,
    shape_text,
    size_checked,
    whole_strides,
)

__all__ = ["COLOR_MATRICES", "COLOR_RANGES", "YUV_FORMATS", "yuv_planes"]

YUV_FORMATS = ("nv12", "nv21", "i420", "yv12", "yuyv", "uyvy")
COLOR_MATRICES = ("bt601", "bt709")
COLOR_RANGES = ("limited", "full")

_SEMIPLANAR = ("nv12", "nv21")
_INTERLEAVED = ("yuyv", "uyvy")

Shape = Tuple[int, ...]
Planes = Tuple[np.ndarray, ...]


def yuv_planes(
    data: Any,
    format: str,
    width: Optional[int],
    height: Optional[int],
    strides: Optional[Sequence[int]],
) -> Tuple[Planes, int, int]:
    """The planes, and the picture's width and height.

    Args:
        data: one flat buffer with the planes one after the other; an array as OpenCV has them,
            (H * 3/2, W) for 4:2:0, (H, W, 2) for 4:2:2; or a sequence of planes, each an array or
            a flat buffer.
        width, height: pixels, for flat buffers.
        strides: bytes from row to row of each plane of flat buffers; of one of several, the others'
            follow from it as in V4L2. None: rows without padding.

    Raises:
        FrameError: the data cannot be a picture of that format.
    """
    if isinstance(data, (list, tuple)):
        return _from_parts(data, format, width, height, strides)
    if is_array(data):
        check_no_layout(width, height, strides)
        return _from_array(data, format)
    flat, width, height = flat_bytes(data, width, height)
    shapes = _shapes(format, width, height)
    return _cut(flat, format, shapes, _row_strides(format, shapes, strides)), width, height


def _shapes(format: str, width: int, height: int) -> List[Shape]:
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    if format in _INTERLEAVED:
        return [(height, 2 * half_width, 2)]
    if format in _SEMIPLANAR:
        return [(height, width), (half_height, half_width, 2)]
    return [(height, width), (half_height, half_width), (half_height, half_width)]


def _row_bytes(shape: Shape) -> int:
    return shape[1] * (shape[2] if len(shape) == 3 else 1)


def _row_strides(
    format: str, shapes: List[Shape], strides: Optional[Sequence[int]]
) -> Sequence[int]:
    rows = [_row_bytes(shape) for shape in shapes]
    if strides is None:
        return rows
    given = whole_strides(strides)
    if len(given) == 1 and len(shapes) > 1:
        even = given[0] + given[0] % 2
        given += (even,) if format in _SEMIPLANAR else (even // 2, even // 2)
    if len(given) != len(shapes) or any(has < row for has, row in zip(given, rows)):
        raise FrameError(
            f"strides: expected the bytes from row to row of each plane of {format}, at least "
            f"{tuple(rows)}, got {strides}"
        )
    return given


def _cut(flat: np.ndarray, format: str, shapes: List[Shape], row_strides: Sequence[int]) -> Planes:
    """The planes that lie one after the other; the last row of the last may end early."""
    whole = sum(shape[0] * row for shape, row in zip(shapes, row_strides))
    needed = whole - row_strides[-1] + _row_bytes(shapes[-1])
    if flat.size < needed:
        raise FrameError(
            f"data: {format} with rows {tuple(row_strides)} bytes apart needs {needed} bytes, "
            f"got {flat.size}"
        )
    planes, begin = [], 0
    for shape, row in zip(shapes, row_strides):
        steps = (row, 1) if len(shape) == 2 else (row, shape[2], 1)
        planes.append(np.ndarray(shape, np.uint8, flat, begin, steps))
        begin += row * shape[0]
    return tuple(planes)


def _from_array(array: np.ndarray, format: str) -> Tuple[Planes, int, int]:
    _check_dtype(array, format)
    if format in _INTERLEAVED:
        if array.ndim != 3 or array.shape[2] != 2 or array.shape[1] % 2:
            raise FrameError(
                f"{format}: expected bytes of HxWx2 with W even, got {shape_text(array)}. For an "
                "odd width pass the flat buffer with width= and height="
            )
        height, width = array.shape[:2]
        check_sides(width, height)
        return (array,), width, height
    if array.ndim != 2 or array.shape[0] % 3 or array.shape[1] % 2:
        raise FrameError(
            f"{format}: expected bytes of (H * 3/2) x W with H and W even, got "
            f"{shape_text(array)}. For odd sizes pass the flat buffer with width= and height=, or "
            "the planes apart"
        )
    height, width = array.shape[0] // 3 * 2, array.shape[1]
    check_sides(width, height)
    shapes = _shapes(format, width, height)
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        return _cut(flat, format, shapes, _row_strides(format, shapes, None)), width, height
    if format in _SEMIPLANAR:
        return (array[:height], _pairs(array[height:])), width, height
    raise FrameError(
        f"{format}: two rows of its chroma share one row of such an array, which must then be "
        "contiguous. Pass the planes apart, or the flat buffer with width=, height= and strides="
    )


def _pairs(rows: np.ndarray) -> np.ndarray:
    """Rows of bytes as rows of pairs of bytes."""
    down, across = rows.strides
    shape = (rows.shape[0], rows.shape[1] // 2, 2)
    return np.lib.stride_tricks.as_strided(rows, shape, (down, 2 * across, across))


def _from_parts(
    parts: Sequence[Any],
    format: str,
    width: Optional[int],
    height: Optional[int],
    strides: Optional[Sequence[int]],
) -> Tuple[Planes, int, int]:
    expected = len(_shapes(format, 2, 2))
    if len(parts) != expected:
        raise FrameError(f"{format}: expected {expected} planes, got {len(parts)}")
    if is_array(parts[0]) and width is None and height is None:
        height, width = parts[0].shape[:2]
    width, height = size_checked(width, height)
    shapes = _shapes(format, width, height)
    rows = _row_strides(format, shapes, strides)
    planes = []
    for index, (part, shape, row) in enumerate(zip(parts, shapes, rows)):
        if is_array(part):
            if strides is not None:
                raise FrameError("strides: for flat buffers; an array has its own")
            planes.append(_part_checked(part, format, index, shape))
        else:
            flat, _, _ = flat_bytes(part, width, height)
            planes.append(_cut(flat, f"{format}, plane {index},", [shape], [row])[0])
    return tuple(planes), width, height


def _part_checked(part: np.ndarray, format: str, index: int, shape: Shape) -> np.ndarray:
    _check_dtype(part, format)
    if len(shape) == 3 and part.shape == (shape[0], _row_bytes(shape)):
        return _pairs(part)
    if part.shape != shape:
        wanted = "x".join(str(length) for length in shape)
        raise FrameError(
            f"{format}, plane {index}: expected {wanted} bytes, got {shape_text(part)}. A half of "
            "an odd length is rounded up"
        )
    return part


def _check_dtype(array: np.ndarray, format: str) -> None:
    if array.dtype != np.uint8:
        raise FrameError(f"{format}: expected uint8 bytes, got {array.dtype}")

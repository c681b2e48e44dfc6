"""Buffers and arrays of 8-bit levels as pictures, checked; and the checks that all formats share.

Everything here gives strided views of the caller's memory. So do ``edgeclf.yuv_planes`` and
``edgeclf.gray16``.
"""

from __future__ import annotations

import operator
from typing import Any, Optional, Sequence, Tuple

import numpy as np

from edgeclf.errors import FrameError

__all__ = ["MAX_FRAME_SIDE", "PACKED_FORMATS", "packed"]

PACKED_FORMATS = {"bgr": 3, "rgb": 3, "bgra": 4, "rgba": 4, "gray": 1}
MAX_FRAME_SIDE = 65535


def packed(
    data: Any,
    format: str,
    width: Optional[int],
    height: Optional[int],
    strides: Optional[Sequence[int]],
) -> np.ndarray:
    """(height, width, channels) of uint8, or (height, width) for "gray".

    Raises:
        FrameError: the data cannot be a picture of that format.
    """
    channels = PACKED_FORMATS[format]
    if is_array(data):
        check_no_layout(width, height, strides)
        return _checked(data, format, channels)
    flat, width, height, row = flat_rows(data, width, height, strides, channels)
    shape = (height, width) if channels == 1 else (height, width, channels)
    steps = (row, 1) if channels == 1 else (row, channels, 1)
    return np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=False)


def is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray) and data.ndim != 1


def check_no_layout(
    width: Optional[int], height: Optional[int], strides: Optional[Sequence[int]]
) -> None:
    if width is not None or height is not None or strides is not None:
        raise FrameError("width, height, strides: for flat buffers; an array has its own")


def flat_bytes(
    data: Any, width: Optional[int], height: Optional[int]
) -> Tuple[np.ndarray, int, int]:
    """A flat buffer as uint8, and the size of the picture in it."""
    width, height = size_checked(width, height)
    dtype = getattr(data, "dtype", None)
    if dtype is not None and dtype != np.uint8:
        raise FrameError(f"data: expected bytes, got {dtype}. {_advice_for_dtype(dtype)}")
    try:
        return np.frombuffer(data, dtype=np.uint8), width, height
    except (TypeError, ValueError, BufferError) as exc:
        raise FrameError(f"data: expected pixels or a contiguous buffer of bytes: {exc}") from exc


def size_checked(width: Any, height: Any) -> Tuple[int, int]:
    if width is None or height is None:
        raise FrameError("a flat buffer needs width= and height= in pixels")
    width, height = _whole("width", width), _whole("height", height)
    check_sides(width, height)
    return width, height


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise FrameError(f"{name}: expected a whole number, got {value!r}") from None


def whole_strides(strides: Any) -> Tuple[int, ...]:
    try:
        return tuple(operator.index(stride) for stride in strides)
    except TypeError:
        raise FrameError(
            f"strides: expected a tuple of whole numbers (bytes from row to row), got {strides!r}"
        ) from None


def check_sides(width: int, height: int) -> None:
    if not (1 <= height <= MAX_FRAME_SIDE and 1 <= width <= MAX_FRAME_SIDE):
        raise FrameError(f"expected 1 to {MAX_FRAME_SIDE} pixels a side, got {width}x{height}")


def flat_rows(
    data: Any,
    width: Optional[int],
    height: Optional[int],
    strides: Optional[Sequence[int]],
    pixel: int,
) -> Tuple[np.ndarray, int, int, int]:
    """A flat buffer of `pixel` bytes a pixel, the picture's size, and the bytes from row to row."""
    flat, width, height = flat_bytes(data, width, height)
    tight = width * pixel
    given = (tight,) if strides is None else whole_strides(strides)
    if len(given) != 1 or given[0] < tight:
        raise FrameError(
            f"strides: expected (bytes from row to row,) of at least {tight} for {width} pixels of "
            f"{pixel} bytes, got {strides}"
        )
    needed = given[0] * (height - 1) + tight
    if flat.size < needed:
        raise FrameError(
            f"data: {width}x{height} with rows {given[0]} bytes apart needs {needed} bytes, "
            f"got {flat.size}"
        )
    return flat, width, height, given[0]


def _checked(data: np.ndarray, format: str, channels: int) -> np.ndarray:
    if data.dtype != np.uint8:
        raise FrameError(
            f"expected uint8 pixels 0..255, got {data.dtype}. {_advice_for_dtype(data.dtype)}"
        )
    if channels == 1 and data.ndim == 3 and data.shape[2] == 1:
        data = data[:, :, 0]
    wanted = 2 if channels == 1 else 3
    if data.ndim != wanted or (wanted == 3 and data.shape[2] != channels):
        shape = "HxW" if channels == 1 else f"HxWx{channels}"
        raise FrameError(f"expected {shape} for {format!r}, got {shape_text(data)}.{_advice(data)}")
    check_sides(data.shape[1], data.shape[0])
    return data


def shape_text(data: np.ndarray) -> str:
    return "x".join(str(n) for n in data.shape) or "a scalar"


def _advice(data: np.ndarray) -> str:
    if data.ndim == 3 and data.shape[0] in (1, 3, 4):
        return " It looks like CHW: pass np.moveaxis(frame, 0, -1)"
    if data.ndim == 4:
        return " It looks like a batch: use predict_batch(list_of_frames)"
    return ""


def _advice_for_dtype(dtype: np.dtype) -> str:
    if dtype.kind == "f":
        return "If 0..1, pass (frame * 255).round().astype('uint8'); edgeclf normalises itself"
    if dtype.itemsize == 2:
        return "For 16-bit pictures: Frame(pixels, 'gray16', window=(low, high))"
    return "Pass frame.astype('uint8') if its values are 0..255"

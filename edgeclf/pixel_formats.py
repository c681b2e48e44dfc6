"""Buffers and arrays of levels as pictures: the packed formats and 16-bit grey, checked.

Everything here gives strided views of the caller's memory. ``edgeclf.yuv_planes`` is the same for
YUV.
"""

from __future__ import annotations

import operator
from typing import Any, Optional, Sequence, Tuple

import numpy as np

from edgeclf.errors import FrameError

__all__ = ["MAX_FRAME_SIDE", "PACKED_FORMATS", "gray16", "packed", "window_checked"]

PACKED_FORMATS = {"bgr": 3, "rgb": 3, "bgra": 4, "rgba": 4, "gray": 1}
MAX_FRAME_SIDE = 65535
# Far beyond any 16-bit value, and near enough for double to tell neighbours apart.
_MAX_WINDOW = 2**31


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
    flat, width, height = flat_bytes(data, width, height)
    row = _row_stride(strides, width, channels)
    _check_size(flat, width, height, row, width * channels)
    shape = (height, width) if channels == 1 else (height, width, channels)
    steps = (row, 1) if channels == 1 else (row, channels, 1)
    return np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=False)


def gray16(
    data: Any,
    width: Optional[int],
    height: Optional[int],
    strides: Optional[Sequence[int]],
) -> np.ndarray:
    """(height, width) of uint16 in native byte order.

    Raises:
        FrameError: the data cannot be that.
    """
    if is_array(data):
        check_no_layout(width, height, strides)
        return _checked_gray16(data)
    if isinstance(data, np.ndarray) and data.dtype == np.uint16 and data.flags.c_contiguous:
        data = data.view(np.uint8)
    flat, width, height = flat_bytes(data, width, height)
    row = _row_stride(strides, width, 2)
    _check_size(flat, width, height, row, width * 2)
    return np.ndarray((height, width), np.uint16, flat, 0, (row, 2))


def window_checked(window: Any, format: str) -> Optional[Tuple[float, float]]:
    """The window of a "gray16" frame as two floats, None for any other format.

    Raises:
        FrameError: it is missing, or no window, or the format has none.
    """
    if format != "gray16":
        if window is not None:
            raise FrameError(f"window: for format 'gray16' only; got {window!r} with {format!r}")
        return None
    example = "for example Frame(pixels, 'gray16', window=(0, 65535))"
    if window is None:
        raise FrameError(
            f"gray16 needs window=(low, high), the values of black and white: {example}"
        )
    try:
        low, high = (float(value) for value in window)
        fits = max(abs(low), abs(high)) <= _MAX_WINDOW and abs(high - low) >= 1
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise FrameError(
            f"window: expected (low, high), two numbers at least 1 apart, got {window!r}; {example}"
        )
    return low, high


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
    if width is None or height is None:
        raise FrameError("a flat buffer needs width= and height= in pixels")
    width, height = whole("width", width), whole("height", height)
    check_sides(width, height)
    dtype = getattr(data, "dtype", None)
    if dtype is not None and dtype != np.uint8:
        raise FrameError(f"data: expected bytes, got {dtype}. {_advice_for_dtype(dtype)}")
    try:
        return np.frombuffer(data, dtype=np.uint8), width, height
    except (TypeError, ValueError) as exc:
        raise FrameError(f"data: expected pixels or a buffer of bytes: {exc}") from exc


def whole(name: str, value: Any) -> int:
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


def _row_stride(strides: Optional[Sequence[int]], width: int, channels: int) -> int:
    given = (width * channels,) if strides is None else whole_strides(strides)
    row = given[0] if len(given) == 1 else 0
    if row < width * channels:
        raise FrameError(
            f"strides: expected (bytes from row to row,) of at least {width * channels} for "
            f"{width} pixels of {channels} bytes, got {strides}"
        )
    return row


def _check_size(flat: np.ndarray, width: int, height: int, row: int, last: int) -> None:
    needed = row * (height - 1) + last
    if flat.size < needed:
        raise FrameError(
            f"data: {width}x{height} with rows {row} bytes apart needs {needed} bytes, "
            f"got {flat.size}"
        )


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


def _checked_gray16(data: np.ndarray) -> np.ndarray:
    if data.dtype != np.uint16 or not data.dtype.isnative:
        raise FrameError(
            f"gray16: expected uint16 pixels in native byte order, got {data.dtype.str}. "
            "Pass frame.astype(np.uint16) if its values are whole numbers 0..65535"
        )
    if data.ndim == 3 and data.shape[2] == 1:
        data = data[:, :, 0]
    if data.ndim != 2:
        raise FrameError(f"expected HxW for 'gray16', got {shape_text(data)}")
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

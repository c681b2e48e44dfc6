"""Pictures of 16 bits a pixel (thermal cameras, X-ray) and the window they are seen through."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

import numpy as np

from edgeclf.errors import FrameError
from edgeclf.pixel_formats import check_no_layout, check_sides, flat_rows, is_array, shape_text

__all__ = ["gray16", "window_checked"]

# Far beyond any 16-bit value, and near enough for double to tell neighbours apart.
_MAX_WINDOW = 2**31


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
        return _checked(data)
    if isinstance(data, np.ndarray) and data.dtype == np.uint16 and data.flags.c_contiguous:
        data = data.view(np.uint8)
    flat, width, height, row = flat_rows(data, width, height, strides, 2)
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


def _checked(data: np.ndarray) -> np.ndarray:
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

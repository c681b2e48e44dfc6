"""Pixels and what they mean: ``Frame``, and how anything frame-like becomes one.

Nothing is copied on the way: a Frame is a strided view of its producer's memory, and rotation by
EXIF is a matter of strides as well.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Optional, Tuple

import numpy as np

from edgeclf.errors import FrameError

__all__ = ["FORMATS", "Frame", "as_frame"]

FORMATS = ("bgr", "rgb", "bgra", "rgba", "gray")
_CHANNELS = {"bgr": 3, "rgb": 3, "bgra": 4, "rgba": 4, "gray": 1}
_WITH_ALPHA = {"bgr": "bgra", "rgb": "rgba"}
MAX_FRAME_SIDE = 65535
ENCODED = (str, os.PathLike, bytes, bytearray, memoryview)  # a picture's path, or its bytes


class Frame:
    """One picture in memory.

    Attributes:
        data: uint8, (height, width) for "gray", else (height, width, channels); any strides,
            negative ones included. Not copied: the caller keeps it unchanged while it is used.
        format: "bgr", "rgb", "bgra", "rgba" or "gray". Alpha is dropped, never blended.
        width, height: pixels.
        timestamp_ns: when it was captured, on the monotonic clock, or None.

    Raises:
        FrameError: the data cannot be a picture of that format.
    """

    __slots__ = ("data", "format", "height", "timestamp_ns", "width")

    def __init__(
        self,
        data: Any,
        format: str = "bgr",
        *,
        width: Optional[int] = None,
        height: Optional[int] = None,
        strides: Optional[Tuple[int, ...]] = None,
        timestamp_ns: Optional[int] = None,
    ):
        """`data` is an array of pixels, or any buffer of bytes together with `width`, `height`
        and, where rows are padded, `strides` (the bytes from row to row, as a tuple of one)."""
        if format not in FORMATS:
            raise FrameError(f"format: expected one of {', '.join(FORMATS)}; got {format!r}")
        if isinstance(data, np.ndarray) and data.ndim != 1:
            if width is not None or height is not None or strides is not None:
                raise FrameError("width, height, strides: for flat buffers; an array has its own")
            pixels = data
        else:
            pixels = _from_buffer(data, _CHANNELS[format], width, height, strides)
        self.data = _checked(pixels, format)
        self.format = format
        self.height, self.width = self.data.shape[:2]
        self.timestamp_ns = timestamp_ns

    def __repr__(self) -> str:
        return f"Frame({self.width}x{self.height} {self.format})"


def as_frame(source: Any, frame_format: str = "bgr") -> Frame:
    """A Frame from whatever a caller may hold.

    Args:
        source: a Frame; a uint8 array (or anything with DLPack or ``__array__``) in
            `frame_format`, HxWx3, HxWx4 or HxW; a PIL image; a path or encoded bytes (decoded,
            EXIF orientation applied).
        frame_format: "bgr" or "rgb", the order of an array's channels.

    Raises:
        FrameError: it is none of these, or cannot be a picture. DecodeError: bad encoded bytes.
    """
    if isinstance(source, np.ndarray):
        return _frame_of_array(source, frame_format)
    if isinstance(source, Frame):
        return source
    if isinstance(source, ENCODED):
        from edgeclf.decoding import decode

        return decode(source)
    if _is_pil_image(source):
        from edgeclf.decoding import frame_of_pil

        return frame_of_pil(source)
    return _frame_of_array(_array_of(source), frame_format)


def _is_pil_image(source: Any) -> bool:
    # A PIL image can only exist where PIL has been imported; edgeclf does not import it to ask.
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(source, module.Image)


def _array_of(source: Any) -> np.ndarray:
    if hasattr(source, "__cuda_array_interface__"):
        raise FrameError(
            f"{type(source).__name__} is in GPU memory, and this backend reads host memory. "
            "Copy it to the host first (for torch: frame.cpu())"
        )
    try:
        if hasattr(source, "__dlpack__") and hasattr(np, "from_dlpack"):
            return np.from_dlpack(source)
        if hasattr(source, "__array__"):
            return np.asarray(source)
    except Exception as exc:
        raise FrameError(f"{type(source).__name__}: its pixels cannot be read: {exc}") from exc
    raise FrameError(
        f"expected a uint8 array, a PIL image, a path, encoded bytes or a Frame; "
        f"got {type(source).__name__}"
    )


def _frame_of_array(array: np.ndarray, frame_format: str) -> Frame:
    if array.ndim == 2:
        return Frame(array, "gray")
    if array.ndim == 3 and array.shape[2] == 1:
        return Frame(array[:, :, 0], "gray")
    if array.ndim == 3 and array.shape[2] == 4:
        return Frame(array, _WITH_ALPHA.get(frame_format, frame_format))
    return Frame(array, frame_format)


def _from_buffer(
    data: Any,
    channels: int,
    width: Optional[int],
    height: Optional[int],
    strides: Optional[Tuple[int, ...]],
) -> np.ndarray:
    if width is None or height is None:
        raise FrameError("a flat buffer needs width= and height= in pixels")
    if width < 1 or height < 1:
        raise FrameError(f"expected a width and height of at least 1, got {width}x{height}")
    dtype = getattr(data, "dtype", None)
    if dtype is not None and dtype != np.uint8:
        raise FrameError(f"data: expected bytes, got {dtype}. {_advice_for_dtype(dtype)}")
    try:
        flat = np.frombuffer(data, dtype=np.uint8)
    except (TypeError, ValueError) as exc:
        raise FrameError(f"data: expected pixels or a buffer of bytes: {exc}") from exc
    row = strides[0] if strides else width * channels
    if (strides is not None and len(strides) != 1) or row < width * channels:
        raise FrameError(
            f"strides: expected (bytes from row to row,) of at least {width * channels} for "
            f"{width} pixels of {channels} bytes, got {strides}"
        )
    needed = row * (height - 1) + width * channels
    if flat.size < needed:
        raise FrameError(
            f"data: {width}x{height} with rows {row} bytes apart needs {needed} bytes, "
            f"got {flat.size}"
        )
    shape = (height, width) if channels == 1 else (height, width, channels)
    steps = (row, 1) if channels == 1 else (row, channels, 1)
    return np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=False)


def _checked(data: np.ndarray, format: str) -> np.ndarray:
    channels = _CHANNELS[format]
    if data.dtype != np.uint8:
        raise FrameError(
            f"expected uint8 pixels 0..255, got {data.dtype}. {_advice_for_dtype(data.dtype)}"
        )
    if channels == 1 and data.ndim == 3 and data.shape[2] == 1:
        data = data[:, :, 0]
    wanted = 2 if channels == 1 else 3
    if data.ndim != wanted or (wanted == 3 and data.shape[2] != channels):
        shape = "HxW" if channels == 1 else f"HxWx{channels}"
        raise FrameError(f"expected {shape} for {format!r}, got {_shape(data)}.{_advice(data)}")
    height, width = data.shape[:2]
    if not (1 <= height <= MAX_FRAME_SIDE and 1 <= width <= MAX_FRAME_SIDE):
        raise FrameError(f"expected 1 to {MAX_FRAME_SIDE} pixels a side, got {width}x{height}")
    return data


def _shape(data: np.ndarray) -> str:
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
        return "For 16-bit pictures choose a window: ((frame - low) / (high - low) * 255)"
    return "Pass frame.astype('uint8') if its values are 0..255"

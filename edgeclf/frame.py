"""Pixels and what they mean: ``Frame``, and how anything frame-like becomes one.

Nothing is copied on the way: a Frame is a strided view of its producer's memory, and rotation by
EXIF is a matter of strides as well. Longer than 200 lines for its docstrings.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Optional, Sequence, Tuple

import numpy as np

from edgeclf.errors import FrameError
from edgeclf.gray16 import gray16, window_checked
from edgeclf.pixel_formats import MAX_FRAME_SIDE, PACKED_FORMATS, packed
from edgeclf.yuv_planes import COLOR_MATRICES, COLOR_RANGES, YUV_FORMATS, yuv_planes

__all__ = ["FORMATS", "Frame", "as_frame"]

FORMATS = (*PACKED_FORMATS, *YUV_FORMATS, "gray16")
_WITH_ALPHA = {"bgr": "bgra", "rgb": "rgba"}
_UINT8 = np.dtype(np.uint8)
ENCODED = (str, os.PathLike, bytes, bytearray, memoryview)  # a picture's path, or its bytes


class Frame:
    """One picture in memory.

    Attributes:
        data: where the pixels are. Not copied: the caller keeps them unchanged while they are used.
            For "bgr", "rgb", "bgra", "rgba": uint8 (height, width, channels), for "gray" (height,
            width); any strides, negative ones included. Alpha is dropped, never blended.
            For "nv12", "nv21", "i420", "yv12", "yuyv", "uyvy": a tuple of uint8 planes, in the
            order and shapes of ``edgeclf.yuv_planes``; chroma has half of each side (rounded up),
            or of the width alone for "yuyv" and "uyvy".
            For "gray16": uint16 (height, width), native byte order.
        format: one of the above.
        width, height: pixels.
        color_matrix, color_range: how a YUV frame was made; None for other formats.
        window: (low, high), the values of a "gray16" frame that are black and white; else None.
            level = (value - low) / (high - low) * 255, clipped to 0..255.
        timestamp_ns: when it was captured, on the monotonic clock, or None.

    Raises:
        FrameError: the data cannot be a picture of that format.
    """

    __slots__ = (
        "color_matrix",
        "color_range",
        "data",
        "format",
        "height",
        "timestamp_ns",
        "width",
        "window",
    )

    def __init__(
        self,
        data: Any,
        format: str = "bgr",
        *,
        width: Optional[int] = None,
        height: Optional[int] = None,
        strides: Optional[Sequence[int]] = None,
        color_matrix: Optional[str] = None,
        color_range: Optional[str] = None,
        window: Optional[Tuple[float, float]] = None,
        timestamp_ns: Optional[int] = None,
    ):
        """`data` is an array, or any flat buffer of bytes together with `width` and `height`.

        Args:
            data: pixels of a format with one plane: an array of the shape above, or a flat buffer.
                YUV: a flat buffer with the planes one after the other (V4L2, libcamera, GStreamer);
                OpenCV's array, (height * 3/2, width) for 4:2:0 and (height, width, 2) for 4:2:2;
                or a list of planes, each an array or a flat buffer: [Y, UV], [Y, U, V] (yv12:
                [Y, V, U]).
            strides: for flat buffers whose rows are padded: bytes from row to row, one number for
                each plane. One number for all planes is that of luma, from which chroma's follows
                as in V4L2: the same where U and V share a plane, else half.
            color_matrix: "bt601" (the default, as in cv2.cvtColor) or "bt709" (HD cameras, video).
            color_range: "limited" (the default, as in cv2.cvtColor; Y is 16..235) or "full"
                (0..255: JPEG, MJPEG, many phone cameras).
            window: "gray16" needs it.
        """
        if format not in FORMATS:
            raise FrameError(f"format: expected one of {', '.join(FORMATS)}; got {format!r}")
        self.data: Any
        self.format = format
        self.timestamp_ns = timestamp_ns
        self.window = self.color_matrix = self.color_range = None
        if (
            format not in PACKED_FORMATS
            or window is not None
            or color_matrix is not None
            or color_range is not None
        ):  # most frames need none of this, and are made for every prediction
            self.window = window_checked(window, format)
            self.color_matrix = _encoding("color_matrix", color_matrix, COLOR_MATRICES, format)
            self.color_range = _encoding("color_range", color_range, COLOR_RANGES, format)
        if format in YUV_FORMATS:
            self.data, self.width, self.height = yuv_planes(data, format, width, height, strides)
            return
        if format == "gray16":
            self.data = gray16(data, width, height, strides)
        else:
            self.data = packed(data, format, width, height, strides)
        self.height, self.width = self.data.shape[:2]

    def __repr__(self) -> str:
        return f"Frame({self.width}x{self.height} {self.format})"


def _encoding(
    name: str, value: Optional[str], allowed: Tuple[str, ...], format: str
) -> Optional[str]:
    if format not in YUV_FORMATS:
        if value is not None:
            raise FrameError(f"{name}: for YUV formats only; got {value!r} with {format!r}")
        return None
    if value is None:
        return allowed[0]
    if value not in allowed:
        raise FrameError(f"{name}: expected {' or '.join(map(repr, allowed))}, got {value!r}")
    return value


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
    shape = array.shape
    if array.dtype is _UINT8 and (len(shape) == 2 or shape[2:] == (3,)):
        height, width = shape[:2]
        if 0 < height <= MAX_FRAME_SIDE and 0 < width <= MAX_FRAME_SIDE:
            # What most predictions begin with: as below, all checks being done.
            frame = Frame.__new__(Frame)
            frame.data = array
            frame.format = "gray" if len(shape) == 2 else frame_format
            frame.width = width
            frame.height = height
            frame.window = frame.color_matrix = frame.color_range = frame.timestamp_ns = None
            return frame
    if array.ndim == 2:
        return Frame(array, "gray")
    if array.ndim == 3 and array.shape[2] == 1:
        return Frame(array[:, :, 0], "gray")
    if array.ndim == 3 and array.shape[2] == 4:
        return Frame(array, _WITH_ALPHA.get(frame_format, frame_format))
    return Frame(array, frame_format)

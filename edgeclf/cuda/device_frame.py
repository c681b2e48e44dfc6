"""A picture that is on the device already: what ``Frame`` is for host memory."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from edgeclf.cuda.dlpack import DeviceArray, device_array
from edgeclf.errors import FrameError
from edgeclf.pixel_formats import PACKED_FORMATS, check_sides
from edgeclf.yuv_planes import COLOR_MATRICES, COLOR_RANGES, YUV_FORMATS

__all__ = ["DeviceFrame"]

_WITH_ALPHA = {"bgr": "bgra", "rgb": "rgba"}
_SEMIPLANAR, _INTERLEAVED = ("nv12", "nv21"), ("yuyv", "uyvy")

Place = Tuple[int, int, int, int]  # address; bytes down, across, from channel to channel


class DeviceFrame:
    """Pixels in a GPU's memory. They are read where they are, in any strides.

    The producer keeps them unchanged until the tensor was made; this object keeps their memory.

    Args:
        data: a uint8 array with ``__cuda_array_interface__`` or DLPack; for YUV formats one for
            each plane ([Y, UV], [Y, U, V]), or for nv12 and nv21 one of (H * 3/2, W), as video
            decoders give.
        format: as for `Frame`, "gray16" excepted. An array of HxW is "gray", and one of HxWx4 has
            alpha, whatever is said.
        index: the device that reads it, whose memory the pixels are in.

    Attributes:
        planes: address and strides (down, across, from channel to channel) of each, in bytes.
        streams: handles of the streams to wait for.
        unstated: addresses of planes whose producer did not name their device.
        timestamp_ns: when it was captured, on the monotonic clock, or None.

    Raises:
        FrameError: it cannot be a picture of that format.
    """

    __slots__ = (
        "color_matrix",
        "color_range",
        "format",
        "height",
        "index",
        "keep",
        "planes",
        "streams",
        "timestamp_ns",
        "unstated",
        "width",
    )

    def __init__(
        self,
        data: Any,
        format: str = "bgr",
        *,
        index: int = 0,
        color_matrix: Optional[str] = None,
        color_range: Optional[str] = None,
        timestamp_ns: Optional[int] = None,
    ):
        self.timestamp_ns = timestamp_ns
        self.index = index
        parts = data if isinstance(data, (list, tuple)) else [data]
        arrays = [device_array(part, index) for part in parts]
        self.unstated = tuple(array.pointer for array in arrays if not array.stated)
        if format in YUV_FORMATS:
            arrays = _yuv_planes(arrays, format)
            self.height, self.width = arrays[0].shape[:2]
        else:
            if len(arrays) != 1 or format not in PACKED_FORMATS:
                raise FrameError(
                    f"{format}, {len(arrays)} arrays: expected one array of "
                    f"{', '.join(PACKED_FORMATS)}, or the planes of {', '.join(YUV_FORMATS)}"
                )
            format = _packed_format(arrays[0], format)
            self.height, self.width = arrays[0].shape[:2]
        check_sides(self.width, self.height)
        self.format = format
        is_yuv = format in YUV_FORMATS
        self.color_matrix = _encoding("color_matrix", color_matrix, COLOR_MATRICES, is_yuv)
        self.color_range = _encoding("color_range", color_range, COLOR_RANGES, is_yuv)
        self.planes: List[Place] = [_place(array) for array in arrays]
        self.streams = tuple({a.stream for a in arrays if a.stream is not None})
        self.keep = [array.keep for array in arrays]

    def __repr__(self) -> str:
        return f"DeviceFrame({self.width}x{self.height} {self.format})"


def _packed_format(array: DeviceArray, format: str) -> str:
    shape = array.shape
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        return "gray"
    if len(shape) == 3 and shape[2] == 4:
        format = _WITH_ALPHA.get(format, format)
    if len(shape) != 3 or shape[2] != PACKED_FORMATS[format]:
        advice = " It looks like CHW: pass its view as HWC" if shape[:1] in ((3,), (4,)) else ""
        raise FrameError(f"expected HxW, HxWx3 or HxWx4 on the GPU, got {_text(shape)}.{advice}")
    return format


def _place(array: DeviceArray) -> Place:
    strides = (*array.strides, 1)
    return array.pointer, strides[0], strides[1], strides[2]


def _yuv_planes(arrays: List[DeviceArray], format: str) -> List[DeviceArray]:
    if format in _SEMIPLANAR and len(arrays) == 1:
        arrays = _cut(arrays[0], format)
    first = arrays[0].shape
    if len(first) < 2:
        raise FrameError(f"{format}: expected planes of rows, got {_text(first)}")
    height, width = first[:2]
    half = ((height + 1) // 2, (width + 1) // 2)
    expected: List[Tuple[int, ...]]
    if format in _INTERLEAVED:
        expected = [(height, width + width % 2, 2)]
    elif format in _SEMIPLANAR:
        expected = [(height, width), (*half, 2)]
        if len(arrays) == 2:
            arrays = [arrays[0], _paired(arrays[1])]
    else:
        expected = [(height, width), half, half]
    shapes = [array.shape for array in arrays]
    if shapes != expected:
        wanted = ", ".join(_text(shape) for shape in expected)
        raise FrameError(
            f"{format}: expected planes of {wanted} on the GPU, got "
            f"{', '.join(_text(shape) for shape in shapes)}"
        )
    return arrays


def _cut(array: DeviceArray, format: str) -> List[DeviceArray]:
    """(H * 3/2, W) as Y and UV."""
    shape = array.shape
    if len(shape) != 2 or shape[0] % 3 or shape[1] % 2:
        raise FrameError(f"{format}: expected (H * 3/2) x W with H and W even, got {_text(shape)}")
    height = shape[0] // 3 * 2
    luma = array._replace(shape=(height, shape[1]))
    below = array.pointer + height * array.strides[0]
    return [luma, array._replace(pointer=below, shape=(height // 2, shape[1]))]


def _paired(array: DeviceArray) -> DeviceArray:
    """Rows of bytes as rows of pairs of bytes."""
    if len(array.shape) != 2 or array.shape[1] % 2:
        return array
    down, across = array.strides
    shape = (array.shape[0], array.shape[1] // 2, 2)
    return array._replace(shape=shape, strides=(down, 2 * across, across))


def _encoding(name: str, value: Optional[str], allowed: Sequence[str], is_yuv: bool) -> str:
    if not is_yuv:
        if value is not None:
            raise FrameError(f"{name}: for YUV formats only; got {value!r}")
        return ""
    if value is None:
        return allowed[0]
    if value not in allowed:
        raise FrameError(f"{name}: expected {' or '.join(map(repr, allowed))}, got {value!r}")
    return value


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(length) for length in shape) or "a scalar"

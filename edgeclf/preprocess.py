"""Frame to tensor, over the C++ core: each pixel is touched once, from the camera's memory to the
runtime's. Over 200 lines because the checks of a call's arguments stand beside it."""

from __future__ import annotations

import operator
from functools import partial
from typing import Any, Iterable, Optional, Sequence, Tuple

import numpy as np

from edgeclf import _core
from edgeclf.errors import ArgumentError, FrameError, SpecMismatch
from edgeclf.frame import ENCODED, Frame, as_frame
from edgeclf.jpeg import ReducedFrame, allows_reduction, require_reducible, sufficient_reduction
from edgeclf.pixel_formats import PACKED_FORMATS
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

__all__ = ["Preprocessor"]

MAX_THREADS = 64


class Preprocessor:
    """Makes the model's input tensor from frames, as ``InputSpec`` says.

    What depends on the frame's size alone (filter weights, where rows go) is computed when that
    size is first seen and kept for the sixteen sizes used last. Afterwards a call allocates
    nothing but the tensor, and not even that with `out`. The GIL is released while pixels are
    worked on.

    Thread-safe: any number of threads may use one Preprocessor, each with its own `out`.
    Picklable; a copy begins with no sizes kept.

    Args:
        input_spec: what the model was trained with.
        quantization: the input tensor's scale and zero point, a fact of the model. Needed for an
            8-bit dtype where the spec asks for a normalisation; of no effect on float tensors.
        frame_format: "bgr" or "rgb", the order of the channels of arrays.
        num_threads: how many threads work on one frame, each on some rows of the tensor, 1..64.
            For 4K frames; a small one is done before a second thread has woken. While one call
            uses them, another works alone.

    Raises:
        SpecMismatch: an 8-bit, normalised tensor without quantisation, a quantisation that
            cannot be, or a normalisation that float32 cannot hold.
        ArgumentError: `frame_format` or `num_threads` is none of these, or the environment variable
            EDGECLF_CPU names an instruction set that this processor has not.
    """

    def __init__(
        self,
        input_spec: InputSpec,
        quantization: Optional[Quantization] = None,
        *,
        frame_format: str = "bgr",
        num_threads: int = 1,
    ):
        if frame_format not in ("bgr", "rgb"):
            raise ArgumentError(f"frame_format: expected 'bgr' or 'rgb', got {frame_format!r}")
        _check_quantization(input_spec, quantization)
        _check_magnitude(input_spec, quantization)
        self._spec = input_spec
        self._quantization = quantization
        self._frame_format = frame_format
        self._shape = input_spec.shape
        self._dtype = np.dtype(input_spec.dtype)
        self._num_threads = _checked_threads(num_threads)
        self._core = _core.Preprocessor(input_spec, quantization, self._num_threads)
        self._reduces = allows_reduction(input_spec)

    @property
    def input_spec(self) -> InputSpec:
        return self._spec

    @property
    def shape(self) -> Tuple[int, int, int, int]:
        """The tensor's shape: (1, channels, height, width), or (1, height, width, channels)."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def takes_pixels(self) -> bool:
        """Whether an 8-bit tensor holds the pixels as they are (int8: minus 128)."""
        return self._core.takes_pixels

    def __call__(
        self,
        frame: Any,
        out: Optional[np.ndarray] = None,
        *,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> np.ndarray:
        """The tensor of one frame.

        Args:
            frame: anything that `edgeclf.frame.as_frame` takes. It is only read, and must not
                change during the call.
            out: the memory to write to: of this Preprocessor's shape and dtype, C-contiguous,
                aligned, writable, in native byte order, and apart from the frame. It stays the
                caller's. None: a new array.
            region_of_interest: (x, y, width, height), whole pixels of the frame as it comes,
                before `rotation_degrees`.
            rotation_degrees: clockwise, a multiple of 90, applied after the region.

        Returns:
            `out`, or a new array of `shape` and `dtype`.

        Raises:
            FrameError: the frame, its region or `out` cannot be used.
            SpecMismatch: the spec says ``exact=True``, and the frame is YUV or 16-bit grey; or the
                frame is a JPEG that was decoded smaller than this spec allows.
            ArgumentError: `rotation_degrees` is no multiple of 90.
        """
        if out is None:
            out = np.empty(self._shape, self._dtype)
        elif not isinstance(out, np.ndarray) or out.shape != self._shape:
            came = out.shape if isinstance(out, np.ndarray) else type(out).__name__
            raise FrameError(
                f"out: expected a {self._dtype} array of shape {self._shape}, got {came}"
            )
        self.write_from(frame, out, region_of_interest, rotation_degrees)
        return out

    def frame_of(
        self,
        source: Any,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> Frame:
        """`as_frame`, except that a JPEG is decoded no larger than `write` needs it for the same
        region and rotation, where the spec allows that (jpeg.py)."""
        if not (self._reduces and isinstance(source, ENCODED)):
            return as_frame(source, self._frame_format)
        from edgeclf.decoding import decode_reduced

        region = None if region_of_interest is None else _region(region_of_interest)
        turned = _quarter_turns(rotation_degrees) % 2 == 1
        resized_size = partial(_core.resized_size, self._core)
        return decode_reduced(
            source,
            lambda size: sufficient_reduction(size, region, turned, resized_size),
        )

    def batch(
        self,
        frames: Iterable[Any],
        out: Optional[np.ndarray] = None,
        *,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> np.ndarray:
        """Several frames in one tensor, (N, ...); each may have its own size and format.

        `out`, where given, has that shape; all else is as for a call.

        Raises:
            FrameError: no frames, or one of them or `out` cannot be used. ArgumentError.
        """
        waiting = list(frames)
        count = len(waiting)
        shape = (count, *self._shape[1:])
        if count == 0:
            raise FrameError("frames: expected at least one frame, got none")
        if out is None:
            out = np.empty(shape, self._dtype)
        elif not isinstance(out, np.ndarray) or out.shape != shape:
            came = out.shape if isinstance(out, np.ndarray) else type(out).__name__
            raise FrameError(f"out: expected a {self._dtype} array of shape {shape}, got {came}")
        for frame, item in zip(waiting, out):
            self.write_from(frame, item, region_of_interest, rotation_degrees)
        return out

    def write_from(
        self,
        source: Any,
        out_row: np.ndarray,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> Optional[int]:
        """`write` of what `frame_of` makes of `source`; the ``timestamp_ns`` of that Frame.

        For whole arrays no Frame is made: they are what most predictions begin with.
        """
        whole = region_of_interest is None and rotation_degrees == 0
        if (
            whole
            and isinstance(source, np.ndarray)
            and self._core.run_array(source, self._frame_format, out_row)
        ):
            return None
        frame = self.frame_of(source, region_of_interest, rotation_degrees)
        self.write(frame, out_row, region_of_interest, rotation_degrees)
        return frame.timestamp_ns

    def write(
        self,
        frame: Frame,
        out_row: np.ndarray,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> None:
        """Write one frame into one item of a batch, with as little around it as can be.

        `out_row` has `shape` or, an item of a batch, `shape[1:]`; all else is as for a call.
        """
        packed = frame.format in PACKED_FORMATS
        whole = region_of_interest is None and rotation_degrees == 0
        if packed and whole and type(frame) is not ReducedFrame:
            self._core.run_whole(frame.data, frame.format, out_row, frame.width, frame.height)
            return
        turns = _quarter_turns(rotation_degrees)
        if region_of_interest is None:
            x, y, width, height = 0, 0, frame.width, frame.height
        else:
            x, y, width, height = _region(region_of_interest)
        if isinstance(frame, ReducedFrame):
            require_reducible(self._spec)
            of = frame.width, frame.height, frame.reduction, *frame.phase
            self._core.run_averages(
                frame.data, frame.format, of, out_row, turns, x, y, width, height
            )
        elif packed:
            self._core.run(frame.data, frame.format, out_row, turns, x, y, width, height)
        else:
            self._write_converted(frame, out_row, turns, (x, y, width, height))

    def _write_converted(
        self, frame: Frame, out_row: np.ndarray, turns: int, region: Tuple[int, int, int, int]
    ) -> None:
        if self._spec.exact:
            raise SpecMismatch(
                f"exact=True asks for Pillow's bytes, and Pillow has no {frame.format} frames. "
                "Leave exact out, or convert the frame to RGB first"
            )
        if frame.format == "gray16":
            low, high = frame.window or (0.0, 65535.0)
            self._core.run_gray16(frame.data, low, high, out_row, turns, *region)
        else:
            matrix, range_ = frame.color_matrix or "bt601", frame.color_range or "limited"
            size = frame.width, frame.height
            self._core.run_yuv(
                frame.data, frame.format, *size, matrix, range_, out_row, turns, *region
            )

    def __reduce__(self) -> Tuple[Any, ...]:
        arguments = self._spec, self._quantization, self._frame_format, self._num_threads
        return _restored, arguments

    def __repr__(self) -> str:
        return f"Preprocessor({self._spec!r})"


def _restored(
    input_spec: InputSpec,
    quantization: Optional[Quantization],
    frame_format: str,
    num_threads: int,
) -> Preprocessor:
    return Preprocessor(
        input_spec, quantization, frame_format=frame_format, num_threads=num_threads
    )


def _checked_threads(num_threads: Any) -> int:
    try:
        threads = operator.index(num_threads)
    except TypeError:
        threads = 0
    if isinstance(num_threads, bool) or not 1 <= threads <= MAX_THREADS:
        raise ArgumentError(f"num_threads: expected 1 to {MAX_THREADS}, got {num_threads!r}")
    return threads


def _check_quantization(spec: InputSpec, quantization: Optional[Quantization]) -> None:
    if spec.dtype not in ("uint8", "int8"):
        return
    if quantization is None:
        if spec.normalised:
            raise SpecMismatch(
                f"a normalised {spec.dtype} tensor needs the model's quantisation (scale and zero "
                "point), and none is known. Leave out mean, std and rescale_factor to pass the "
                "pixels as they are, or use a model that carries its quantisation"
            )
        return
    limits = np.iinfo(spec.dtype)
    scale, zero_point = quantization
    if not (np.isfinite(scale) and scale > 0 and limits.min <= zero_point <= limits.max):
        raise SpecMismatch(
            f"quantization: expected a scale above 0 and a zero point {limits.min}..{limits.max} "
            f"for {spec.dtype}, got scale {scale!r} and zero point {zero_point!r}"
        )


def _check_magnitude(spec: InputSpec, quantization: Optional[Quantization]) -> None:
    """The tensor's element is level * factor + offset: float32 must hold both with ease."""
    scale = quantization.scale if quantization and spec.dtype in ("uint8", "int8") else 1.0
    pairs = zip(spec.mean or (0.0,) * 3, spec.std or (1.0,) * 3)
    for mean, std in pairs:
        with np.errstate(all="ignore"):
            factor = np.float64(spec.rescale_factor) / std / scale
            offset = np.float64(mean) / std / scale
        if not ((factor == 0 or _TINY <= abs(factor) <= _HUGE) and abs(offset) <= _HUGE):
            raise SpecMismatch(
                f"rescale_factor {spec.rescale_factor!r}, mean {mean!r}, std {std!r} and scale "
                f"{scale!r} make a factor of {factor:g} and an offset of {offset:g}; expected 0 or "
                f"{_TINY:g} to {_HUGE:g}. One of them is probably not in the units meant"
            )


_TINY, _HUGE = 1e-36, 1e36  # times 255 still within float32, and no denormals


def _quarter_turns(rotation_degrees: Any) -> int:
    try:
        degrees = operator.index(rotation_degrees)
    except TypeError:
        degrees = 1
    if degrees % 90 != 0 or isinstance(rotation_degrees, bool):
        raise ArgumentError(
            f"rotation_degrees: expected a multiple of 90 (clockwise), got {rotation_degrees!r}"
        )
    return degrees // 90 % 4


# Far outside any frame, yet within the core's int.
_FAR = 2**30


def _region(region_of_interest: Any) -> Tuple[int, int, int, int]:
    try:
        x, y, width, height = (operator.index(value) for value in region_of_interest)
    except (TypeError, ValueError):
        raise FrameError(
            "region_of_interest: expected (x, y, width, height) in whole pixels, got "
            f"{region_of_interest!r}"
        ) from None
    if not all(-_FAR < value < _FAR for value in (x, y, width, height)):
        raise FrameError(
            f"region_of_interest: expected a part of the frame, got {(x, y, width, height)}"
        )
    return x, y, width, height

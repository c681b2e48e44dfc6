"""Frame to tensor on the device: what ``edgeclf.preprocess`` does, for device memory.

The host decides (geometry, weights, what of the frame is needed), copies that part into pinned
memory, and the device does the rest: one upload, one kernel. Over 200 lines because what is kept
for frames, streams and sizes is kept here.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import OrderedDict
from typing import Any, Iterator, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from edgeclf import _core
from edgeclf.cuda.base import Cuda, DeviceTensor
from edgeclf.cuda.device_frame import DeviceFrame
from edgeclf.cuda.dlpack import is_on_device
from edgeclf.cuda.kernel import BLOCK, load_kernel
from edgeclf.cuda.lane import Lane
from edgeclf.cuda.resources import DeviceMemory, Stream
from edgeclf.errors import BackendError, FrameError, SpecMismatch
from edgeclf.frame import Frame
from edgeclf.jpeg import ReducedFrame, require_reducible
from edgeclf.pixel_formats import PACKED_FORMATS
from edgeclf.preprocess import Preprocessor, _quarter_turns, _region
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

__all__ = ["CudaPreprocessor", "Prepared", "waiting_on_failure"]

_TABLES_KEPT = 16

Source = Union[Frame, DeviceFrame]
Part = Tuple[int, int, int, int, int]  # quarter turns; x, y, width, height


class Prepared(NamedTuple):
    """A frame about to be enqueued. Two with equal keys enqueue the same work on the same
    addresses: what was recorded for one does the other."""

    lane: Lane
    stream: Stream
    arguments: np.void
    upload_bytes: int
    keep: Any

    @property
    def key(self) -> Tuple[bytes, int, int]:
        host = self.lane.host.pointer if self.lane.host else 0
        return self.arguments.tobytes(), host, self.upload_bytes


class CudaPreprocessor:
    """Makes the model's input tensor in device memory, as ``InputSpec`` says.

    Pillow's bytes wherever the host gives them; else within 0.01 of a level of float64
    (docs/cuda.md). Tables for a frame's size are computed by the host and uploaded when that size
    is first seen, and kept for the sixteen used last.

    Thread-safe: any number of threads may use one, each with targets on a stream of its own.

    Args:
        cuda: the device.
        input_spec, quantization, frame_format: as for `edgeclf.preprocess.Preprocessor`.
        image: the kernel's cubin or PTX; None compiles it with NVRTC, once per user and GPU.

    Raises:
        As `Preprocessor`. BackendUnavailable: the kernel cannot be compiled here.
        BackendError: CUDA fails.
    """

    def __init__(
        self,
        cuda: Cuda,
        input_spec: InputSpec,
        quantization: Optional[Quantization] = None,
        *,
        frame_format: str = "bgr",
        image: Optional[bytes] = None,
    ):
        self._host = Preprocessor(input_spec, quantization, frame_format=frame_format)
        self._cuda = cuda
        self._frame_format = frame_format
        self._core = _core.CudaPreprocessor(input_spec, quantization)
        self._kernel = load_kernel(cuda, image)
        self._grid = (-(-input_spec.width // BLOCK[0]), -(-input_spec.height // BLOCK[1]), 1)
        self._lock = threading.Lock()
        self._tables: "OrderedDict[int, DeviceMemory]" = OrderedDict()
        self._lanes: "weakref.WeakKeyDictionary[Stream, Lane]" = weakref.WeakKeyDictionary()

    @property
    def input_spec(self) -> InputSpec:
        return self._host.input_spec

    @property
    def shape(self) -> Tuple[int, int, int, int]:
        return self._host.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._host.dtype

    @property
    def takes_pixels(self) -> bool:
        return self._host.takes_pixels

    def frame_of(
        self,
        source: Any,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> Source:
        """`source` as a frame: a DeviceFrame when it is on the GPU (``__cuda_array_interface__``,
        DLPack), else as `Preprocessor.frame_of`.

        Raises:
            FrameError: it is no frame.
        """
        if isinstance(source, DeviceFrame):
            return source
        if not isinstance(source, Frame) and is_on_device(source):
            return DeviceFrame(source, self._frame_format, index=self._cuda.facts.index)
        return self._host.frame_of(source, region_of_interest, rotation_degrees)

    def write(
        self,
        frame: Source,
        target: DeviceTensor,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> None:
        """Enqueue, on ``target.stream``, what writes one frame into one item of a batch.

        Does not wait for it. A host frame may be changed afterwards; a DeviceFrame may not before
        the stream was waited for, and is kept until the next call for this stream.

        Raises:
            FrameError: frame, region or `target` cannot be used. SpecMismatch: ``exact=True`` and
            a frame that Pillow has not. ArgumentError: the rotation. BackendError: CUDA fails.
        """
        prepared = self.prepare(frame, target, region_of_interest, rotation_degrees)
        with waiting_on_failure(prepared.stream):
            self.enqueue(prepared)

    def prepare(
        self,
        frame: Source,
        target: DeviceTensor,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> Prepared:
        """The part of `write` that the host does; waits first for the stream's earlier frame."""
        self._check_target(target)
        bound = self._bound(frame, _part(frame, region_of_interest, rotation_degrees))
        stream = target.stream
        lane = self._lane_of(stream)
        lane.wait(stream)
        tables = self._tables_of(bound, stream)
        nbytes = bound.staged_bytes
        if nbytes:
            host = lane.reserve(nbytes)
            bound.stage(host.pointer, host.nbytes)
        elif isinstance(frame, DeviceFrame):
            for handle in frame.streams:
                if handle != stream.handle:
                    self._cuda.wait_for(stream, handle)
        raw = bound.arguments(tables.pointer, lane.pixels, target.pointer)
        arguments: np.void = np.frombuffer(raw, np.dtype((np.void, len(raw))))[0]
        # Not the target: it has the stream, which is a lane's key, and would never end.
        keep = (tables, frame if nbytes == 0 else None, _memory_of(target))
        return Prepared(lane, stream, arguments, nbytes if lane.uploads else 0, keep)

    def enqueue(self, prepared: Prepared) -> None:
        """The part of `write` that the device does. May be captured into a graph."""
        lane, stream = prepared.lane, prepared.stream
        lane.busy, lane.keep = True, prepared.keep
        if prepared.upload_bytes and lane.host:
            self._cuda.upload(lane.pixels, lane.host.pointer, prepared.upload_bytes, stream)
        self._cuda.launch(self._kernel, self._grid, BLOCK, [prepared.arguments], stream)

    def finished(self, stream: Stream) -> None:
        """Somebody has waited for `stream`: let go of what its work needed."""
        with self._lock:
            lane = self._lanes.get(stream)
        if lane is not None:
            lane.done()

    def close(self) -> None:
        """Release the device's memory. Work that uses it must be over. Safe to call twice."""
        with self._lock:
            self._tables.clear()
            self._lanes.clear()
        self._kernel.module.close()

    def _check_target(self, target: DeviceTensor) -> None:
        if target.shape not in (self.shape, self.shape[1:]) or target.dtype != self.dtype.name:
            raise FrameError(
                f"target: expected a {self.dtype} tensor of shape {self.shape} on the device, got "
                f"{target.dtype} of {target.shape}"
            )

    def _bound(self, frame: Source, part: Part) -> _core.CudaFrame:
        if self.input_spec.exact and frame.format not in PACKED_FORMATS:
            raise SpecMismatch(
                f"exact=True asks for Pillow's bytes, and Pillow has no {frame.format} frames. "
                "Leave exact out, or convert the frame to RGB first"
            )
        size = frame.width, frame.height
        if isinstance(frame, DeviceFrame):
            self._check_device(frame)
            encoding = frame.color_matrix, frame.color_range
            return self._core.on_device(frame.planes, frame.format, *size, *encoding, *part)
        if isinstance(frame, ReducedFrame):
            require_reducible(self.input_spec)
            of = frame.width, frame.height, frame.reduction, *frame.phase
            return self._core.averages(frame.data, frame.format, of, *part)
        if frame.format in PACKED_FORMATS:
            return self._core.packed(frame.data, frame.format, *part)
        if frame.format == "gray16":
            low, high = frame.window or (0.0, 65535.0)
            return self._core.gray16(frame.data, low, high, *part)
        matrix, range_ = frame.color_matrix or "bt601", frame.color_range or "limited"
        return self._core.yuv(frame.data, frame.format, *size, matrix, range_, *part)

    def _check_device(self, frame: DeviceFrame) -> None:
        here = self._cuda.facts.index
        for place in (frame.index, *map(self._cuda.device_of, frame.unstated)):
            if place not in (here, None):
                raise FrameError(
                    f"expected pixels on cuda:{here}, got them on cuda:{place}. Copy them to "
                    f"cuda:{here}, or make the Classifier on their device"
                )

    def _lane_of(self, stream: Stream) -> Lane:
        with self._lock:
            lane = self._lanes.get(stream)
            if lane is None:
                lane = self._lanes[stream] = Lane(self._cuda)
            return lane

    def _tables_of(self, bound: _core.CudaFrame, stream: Stream) -> DeviceMemory:
        number = bound.plan_number
        with self._lock:
            tables = self._tables.get(number)
            if tables is None:
                tables = self._tables[number] = self._uploaded(bound.tables(), stream)
                if len(self._tables) > _TABLES_KEPT:
                    self._tables.popitem(last=False)  # who still uses them keeps them
            self._tables.move_to_end(number)
            return tables

    def _uploaded(self, content: bytes, stream: Stream) -> DeviceMemory:
        """Waited for, because other streams will read it too."""
        host = self._cuda.allocate_host(len(content))
        host.array[:] = np.frombuffer(content, np.uint8)
        device = self._cuda.allocate(len(content))
        with waiting_on_failure(stream):
            self._cuda.upload(device.pointer, host.pointer, len(content), stream)
            stream.synchronize()
        host.free()
        return device

    def __repr__(self) -> str:
        return f"CudaPreprocessor({self.input_spec!r})"


@contextlib.contextmanager
def waiting_on_failure(stream: Stream) -> Iterator[None]:
    """When enqueuing fails half-way: no work is left that reads memory which is freed next."""
    try:
        yield
    except BackendError:
        with contextlib.suppress(BackendError):
            stream.synchronize()
        raise


def _memory_of(target: DeviceTensor) -> Any:
    """Whoever keeps a tensor's memory, where it is an item of a batch, too."""
    owner = target.owner
    while isinstance(owner, DeviceTensor):
        owner = owner.owner
    return owner


def _part(frame: Source, region: Optional[Sequence[int]], rotation_degrees: int) -> Part:
    turns = 0 if rotation_degrees == 0 else _quarter_turns(rotation_degrees)
    if region is None:
        return turns, 0, 0, frame.width, frame.height
    return (turns, *_region(region))

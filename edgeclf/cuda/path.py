"""From a frame to raw outputs on the device, as one CUDA graph once that is worth it."""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from collections import OrderedDict
from typing import Any, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

from edgeclf.cuda.base import Cuda, DeviceTensor
from edgeclf.cuda.preprocess import CudaPreprocessor, Prepared, Source, waiting_on_failure
from edgeclf.cuda.resources import Graph, Stream
from edgeclf.errors import BackendError

__all__ = ["CudaPath", "DeviceRequest", "GraphCounts"]

_log = logging.getLogger(__name__)
_GRAPHS_KEPT = 4  # for each stream: the layouts and addresses that take turns
_REFUSALS = 3  # in a row on one stream: then no more is tried there


class DeviceRequest(Protocol):
    """What CudaPath needs of an inference request whose input is on the device.

    ``can_capture``: whether its runs may be recorded and replayed.
    """

    device_input: DeviceTensor
    can_capture: bool

    def enqueue(self) -> None:
        """Enqueue the run and the download of its outputs on ``device_input.stream``."""

    def finish(self) -> Tuple[np.ndarray, ...]:
        """Wait for the stream, and return the raw outputs."""


class GraphCounts(NamedTuple):
    """How often: work was enqueued piece by piece, recorded, and replayed. ``refused`` says why
    recording failed last, or cannot be had; None where it never failed or has worked since."""

    plain: int
    captured: int
    replayed: int
    refused: Optional[str]


class _Graphs:
    """The graphs of one stream. One thread at a time, as the stream."""

    def __init__(self) -> None:
        self.seen: "OrderedDict[Any, None]" = OrderedDict()  # keys of the last few frames
        self.kept: "OrderedDict[Any, Graph]" = OrderedDict()
        self.refusals = 0  # since the last one that was recorded

    def find(self, key: Any) -> Optional[Graph]:
        found = self.kept.get(key)
        if found is not None:
            self.kept.move_to_end(key)
        return found

    def is_warm(self, key: Any) -> bool:
        """Whether such a frame came a moment ago. More kinds in turn than graphs are kept are
        never warm: each would be recorded every time."""
        known = key in self.seen
        self.seen[key] = None
        self.seen.move_to_end(key)
        if len(self.seen) > _GRAPHS_KEPT:
            self.seen.popitem(last=False)
        return known

    def keep(self, key: Any, graph: Graph) -> None:
        # A key has all addresses in it, and whoever asks with it holds the memory: a graph whose
        # memory is gone is never found again.
        self.kept[key] = graph
        if len(self.kept) > _GRAPHS_KEPT:
            self.kept.popitem(last=False)


class CudaPath:
    """Runs {upload, preprocess, inference, download} for one frame after the other.

    A frame whose layout and addresses are those of one of the last frames is warm: its work is
    recorded as a graph and from then on replayed with one call. Frames of another size, format,
    region or encoding, and frames on the device at another address, are other work.

    Thread-safe: any number of threads, each with a request of its own.
    """

    def __init__(self, cuda: Cuda, preprocessor: CudaPreprocessor):
        self._cuda = cuda
        self._preprocessor = preprocessor
        self._lock = threading.Lock()
        self._graphs: "weakref.WeakKeyDictionary[Stream, _Graphs]" = weakref.WeakKeyDictionary()
        self._counts = {"plain": 0, "captured": 0, "replayed": 0}
        self._refused = None if cuda.can_capture else f"{cuda.provider} has no CUDA graphs"

    @property
    def counts(self) -> GraphCounts:
        with self._lock:
            return GraphCounts(**self._counts, refused=self._refused)

    def run(
        self,
        frame: Source,
        request: DeviceRequest,
        region_of_interest: Optional[Sequence[int]] = None,
        rotation_degrees: int = 0,
    ) -> Tuple[np.ndarray, ...]:
        """The raw outputs for one frame; the arrays are the request's.

        Raises:
            As `CudaPreprocessor.write`, and what the request raises.
        """
        prepared = self._preprocessor.prepare(
            frame, request.device_input, region_of_interest, rotation_degrees
        )
        self._enqueue(prepared, request)
        outputs = request.finish()
        prepared.lane.done()
        return outputs

    def close(self) -> None:
        """Release the graphs; before the preprocessor and the requests. Safe to call twice."""
        with self._lock:
            self._graphs.clear()

    def _enqueue(self, prepared: Prepared, request: DeviceRequest) -> None:
        graphs = self._graphs_of(prepared.stream)
        # The request's own work is recorded with the frame's.
        key = (id(request), prepared.key)
        graph = graphs.find(key)
        warm = graphs.is_warm(key)
        wanted = self._cuda.can_capture and request.can_capture and graphs.refusals < _REFUSALS
        if graph is None and warm and wanted:
            graph = self._captured(prepared, request, graphs)
            if graph is not None:
                graphs.keep(key, graph)
        if graph is None:
            with waiting_on_failure(prepared.stream):
                self._preprocessor.enqueue(prepared)
                request.enqueue()
            self._count("plain")
            return
        prepared.lane.busy, prepared.lane.keep = True, prepared.keep
        graph.launch(prepared.stream)
        self._count("replayed")

    def _captured(
        self, prepared: Prepared, request: DeviceRequest, graphs: _Graphs
    ) -> Optional[Graph]:
        """None where the work was not recorded: some runtimes cannot, and some fail for once, as
        when memory is short."""
        stream = prepared.stream
        try:
            self._cuda.begin_capture(stream)
            try:
                self._preprocessor.enqueue(prepared)
                request.enqueue()
            except BaseException:
                with contextlib.suppress(BackendError):
                    self._cuda.end_capture(stream)
                raise
            graph = self._cuda.end_capture(stream)
        except BackendError as exc:
            reason = str(exc)  # a kept exception would keep the frame and its memory
            with self._lock:
                self._refused = reason
            graphs.refusals += 1
            if graphs.refusals == _REFUSALS:
                _log.warning("without CUDA graphs on this stream from here on: %s", reason)
            return None
        graphs.refusals = 0
        with self._lock:
            self._refused = None
        self._count("captured")
        return graph

    def _graphs_of(self, stream: Stream) -> _Graphs:
        with self._lock:
            graphs = self._graphs.get(stream)
            if graphs is None:
                graphs = self._graphs[stream] = _Graphs()
            return graphs

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

"""``Classifier``: the façade. Composes manifest, backend, preprocessor and postprocessor.

Longer than 200 lines for its docstrings: what users meet is explained here.
"""

from __future__ import annotations

import logging
import math
import os
from time import perf_counter
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from edgeclf import manifest, models
from edgeclf.backends import is_built, load_backend
from edgeclf.backends.base import Backend
from edgeclf.errors import ArgumentError, BackendError, BackendUnavailable
from edgeclf.frame import Frame
from edgeclf.manifest.argument import source_of_arguments
from edgeclf.manifest.base import GraphFacts, Resolved
from edgeclf.model_file import ModelFile, ModelSource
from edgeclf.postprocess import Postprocessor
from edgeclf.prediction import Prediction
from edgeclf.preprocess import Preprocessor
from edgeclf.request_pool import RequestPool
from edgeclf.spec import InputSpec, OutputSpec
from edgeclf.types import Placement, Speed

if TYPE_CHECKING:
    from edgeclf.cuda.path import CudaPath

__all__ = ["Classifier"]

_LOG = logging.getLogger("edgeclf")

PRECISIONS = ("fp32", "fp16", "int8")
# A list of frames for a model with a dynamic batch runs in pieces of at most this many.
MAX_BATCH = 16

Region = Tuple[int, int, int, int]
Spec = Union[
    str, "os.PathLike[str]", InputSpec, OutputSpec, Tuple[InputSpec, OutputSpec], Mapping[str, Any]
]


class Classifier:
    """A trained model, ready to classify frames.

    Thread-safe: one Classifier serves many threads; where the runtime allows only one run at a
    time (LiteRT), the others wait. Not usable in a forked child: make it there. Picklable by its
    model's path and its arguments.

    Args:
        model: path or bytes of an .onnx or .tflite model; None for the built-in one.
        spec: what is not written in or beside the model: a path to a sidecar, an InputSpec, an
            OutputSpec, a pair of both, or a mapping of their fields.
        labels: the labels, or the path of a text file with one per line.
        backend: a backend's name ("onnxruntime", "tflite", ...), a Backend object, or None to
            choose by the model's format.
        device: "cpu" or "cuda:N". What cannot be had is an error, not a slower answer.
        precision: "fp32", "fp16" or "int8": refuse a model of another precision; an engine that
            is built from an ONNX model is built in it.
        num_threads: the runtime's threads for one inference; None leaves it to the runtime.
        top_k: how many categories at most; None for all.
        score_threshold: report a category when ``score >= score_threshold``; overrides the spec.
        category_allowlist, category_denylist: labels to report, or not to; one of the two.
        frame_format: the channel order of arrays, "bgr" (OpenCV) or "rgb".
        preprocess: where frames become tensors: "host"; "cuda", on the GPU that runs the model, in
            one CUDA graph with it; "auto": "cuda" where that can be had, else "host". Pillow's
            bytes are the same on both; docs/cuda.md has the bound elsewhere.
        preprocess_threads: the host's threads that make one tensor together, 1..64; for 4K frames.
        strict: False allows the runtime to fall back to another device than asked for.
        backend_options: the backend's own knobs; see its module.

    Raises:
        ArgumentError, ModelError (ManifestError, SpecMismatch), BackendUnavailable.
    """

    def __init__(
        self,
        model: Optional[ModelSource] = None,
        *,
        spec: Optional[Spec] = None,
        labels: Union[str, "os.PathLike[str]", Sequence[str], None] = None,
        backend: Union[str, Backend, None] = None,
        device: Optional[str] = None,
        precision: Optional[str] = None,
        num_threads: Optional[int] = None,
        top_k: Optional[int] = 5,
        score_threshold: Optional[float] = None,
        category_allowlist: Optional[Sequence[str]] = None,
        category_denylist: Optional[Sequence[str]] = None,
        frame_format: str = "bgr",
        preprocess: str = "auto",
        preprocess_threads: int = 1,
        strict: bool = True,
        backend_options: Optional[Mapping[str, Any]] = None,
    ):
        # A generator would be empty when it is read a second time.
        category_allowlist = _kept(category_allowlist)
        category_denylist = _kept(category_denylist)
        if frame_format not in ("bgr", "rgb"):
            raise ArgumentError(f"frame_format: expected 'bgr' or 'rgb', got {frame_format!r}")
        if preprocess not in ("host", "cuda", "auto"):
            raise ArgumentError(
                f"preprocess: expected 'host', 'cuda' or 'auto', got {preprocess!r}"
            )
        self._arguments: Dict[str, Any] = {
            name: value for name, value in locals().items() if name not in ("self", "__class__")
        }
        self._backend, self._resolved = _load(
            model, spec, labels, backend, device, precision, num_threads, strict, backend_options
        )
        self._cuda_path: Optional[CudaPath] = None
        try:
            self._preprocessor: Any = Preprocessor(
                self._resolved.input_spec,
                self._resolved.quantization,
                frame_format=frame_format,
                num_threads=preprocess_threads,
            )
            if preprocess != "host":
                self._move_to_device(frame_format, demanded=preprocess == "cuda")
            outputs = self._backend.outputs
            self._postprocessor = Postprocessor(
                self._resolved.output_spec,
                int(outputs[0].shape[1] or 0),
                outputs[0],
                feature_vector=outputs[1] if len(outputs) > 1 else None,
                top_k=top_k,
                score_threshold=score_threshold,
                category_allowlist=category_allowlist,
                category_denylist=category_denylist,
            )
        except BaseException:
            self._release_device()
            if self._backend is not backend:  # the caller's own stays open
                self._backend.close()
            raise
        self._fixed_batch = self._backend.input.shape[0]
        self._pool = RequestPool(self._backend, self._resolved.input_spec.shape[1:])

    # -- answers ----------------------------------------------------------------------------

    def predict(
        self,
        frame: Any,
        *,
        region_of_interest: Optional[Region] = None,
        rotation_degrees: int = 0,
        timestamp_ms: Optional[float] = None,
    ) -> Prediction:
        """Classify one frame.

        Args:
            frame: a uint8 array HxWx3, HxWx4 or HxW in `frame_format`, a PIL image, a path,
                encoded bytes, a Frame, or anything with DLPack or ``__array__``.
            region_of_interest: (x, y, width, height) in whole pixels of the frame as seen after
                EXIF; only these pixels are looked at.
            rotation_degrees: clockwise, a multiple of 90, applied after the region.
            timestamp_ms: kept in the Prediction.

        Raises:
            FrameError, DecodeError, ArgumentError, InferenceError, BackendError (closed, forked).
        """
        if self._fixed_batch not in (None, 1) or self._min_batch != 1:
            return self.predict_batch(
                [frame],
                region_of_interest=region_of_interest,
                rotation_degrees=rotation_degrees,
                timestamps_ms=[timestamp_ms],
            )[0]
        # `_run` for one frame, written out: lists of one would cost more than the rest of it.
        preprocessor, postprocessor = self._preprocessor, self._postprocessor
        began = perf_counter()
        whole = region_of_interest is None and rotation_degrees == 0 and self._cuda_path is None
        # Decoded and checked before it holds a request; a whole array is checked when it is read.
        if not (whole and isinstance(frame, np.ndarray)):
            frame = preprocessor.frame_of(frame, region_of_interest, rotation_degrees)
        request: Any = None
        try:  # takes the request, too: Ctrl-C between them would lose it
            request = self._pool.take(1)  # on a GPU it has a `device_input` as well
            if self._cuda_path is None:
                timestamp_ns = preprocessor.write_from(
                    frame, request.input, region_of_interest, rotation_degrees
                )
                written = perf_counter()
                raw = request.infer()
            else:  # one graph does both: its time counts as the inference's
                timestamp_ns = frame.timestamp_ns
                written = perf_counter()
                raw = self._cuda_path.run(frame, request, region_of_interest, rotation_degrees)
            inferred = perf_counter()
            scores, found, vector = postprocessor.of_item(raw, 0)
        finally:
            if request is not None:
                self._pool.give(request, 1)
        times = began, written, inferred, perf_counter()
        categories = postprocessor.categories, found
        timestamp_ms = _timestamp(timestamp_ms, timestamp_ns)
        return Prediction.unread(scores, vector, timestamp_ms, categories, times)

    def predict_batch(
        self,
        frames: Iterable[Any],
        *,
        region_of_interest: Optional[Region] = None,
        rotation_degrees: int = 0,
        timestamps_ms: Optional[Sequence[Optional[float]]] = None,
    ) -> List[Prediction]:
        """Classify several frames, together where the model's batch allows it.

        The answers stand in the order of `frames`; the arguments are those of `predict`, for all
        of them. Each frame may have its own size. A bad frame raises, and no answer is given.
        """
        waiting = list(frames)
        times = [None] * len(waiting) if timestamps_ms is None else list(timestamps_ms)
        if len(times) != len(waiting):
            raise ArgumentError(
                f"timestamps_ms: expected one for each of {len(waiting)} frames, got {len(times)}"
            )
        largest = min(MAX_BATCH, getattr(self._backend, "max_batch", MAX_BATCH))
        size = self._fixed_batch or min(largest, max(1, len(waiting)))
        predictions: List[Prediction] = []
        for start in range(0, len(waiting), size):
            piece = slice(start, start + size)
            started = perf_counter()
            # Decoded piece by piece: a thousand photographs do not fit into a board's memory.
            pixels = [
                self._preprocessor.frame_of(frame, region_of_interest, rotation_degrees)
                for frame in waiting[piece]
            ]
            predictions += self._run(
                pixels, times[piece], started, region_of_interest, rotation_degrees
            )
        return predictions

    def frame_of(
        self,
        picture: Any,
        *,
        region_of_interest: Optional[Region] = None,
        rotation_degrees: int = 0,
    ) -> Frame:
        """What `predict` decodes `picture` to, for those who want to time decoding by itself.

        The arguments are those of `predict`; the frame is for a prediction with the same region
        and rotation, since a spec with ``exact=False`` lets a JPEG be decoded no larger than those
        need. Thread-safe.

        Raises:
            FrameError, DecodeError, ArgumentError.
        """
        frame: Frame = self._preprocessor.frame_of(picture, region_of_interest, rotation_degrees)
        return frame

    def stream(self, source: Iterable[Any], **options: Any) -> Iterator[Prediction]:
        """Classify frames as they come from any iterable; `options` are those of `predict`."""
        for frame in source:
            yield self.predict(frame, **options)

    def warmup(self, runs: int = 1) -> None:
        """Run the model on a grey frame, so that the first real one meets warm memory."""
        spec = self.input_spec
        grey = Frame(np.full((spec.height, spec.width), 128, dtype=np.uint8), "gray")
        for _ in range(runs):
            self.predict(grey)

    # -- facts ------------------------------------------------------------------------------

    @property
    def input_spec(self) -> InputSpec:
        """How frames become the model's tensor."""
        return self._resolved.input_spec

    @property
    def output_spec(self) -> OutputSpec:
        """How the model's raw output becomes scores and labels."""
        return self._resolved.output_spec

    @property
    def provenance(self) -> Dict[str, str]:
        """For each field of both specs, the home it came from."""
        return dict(self._resolved.provenance)

    @property
    def labels(self) -> Optional[Tuple[str, ...]]:
        """The labels as given; None where there are none."""
        return self.output_spec.labels

    @property
    def backend(self) -> Backend:
        """The loaded model in its runtime."""
        return self._backend

    @property
    def placement(self) -> Tuple[Placement, ...]:
        """What really runs where; found out at first use, which may cost a second."""
        return self._backend.placement

    @property
    def preprocess(self) -> str:
        """Where frames become tensors: "host" or "cuda"."""
        return "host" if self._cuda_path is None else "cuda"

    def __repr__(self) -> str:
        spec = self.input_spec
        return (
            f"Classifier({self._arguments['model']!r:.80}, {self._backend.runtime}, "
            f"{spec.width}x{spec.height} {spec.color_mode})"
        )

    # -- life -------------------------------------------------------------------------------

    def close(self) -> None:
        """Wait for running predictions, then release the runtime. Idempotent."""
        self._pool.close(self._release_device)

    def __enter__(self) -> "Classifier":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        model, backend = self._arguments["model"], self._arguments["backend"]
        if isinstance(model, (bytes, bytearray, memoryview)) or not (
            backend is None or isinstance(backend, str)
        ):
            raise ArgumentError(
                "a Classifier is pickled by its model's path; this one was made from "
                f"{'bytes' if backend is None else 'a Backend object'}. Write the model to a file"
            )
        return _rebuild, (self._arguments,)

    # -- parts ------------------------------------------------------------------------------

    @property
    def _min_batch(self) -> int:
        """Fewer frames are filled up to it. Asked anew: an engine may take over from a fallback."""
        return int(getattr(self._backend, "min_batch", 1))

    def _move_to_device(self, frame_format: str, demanded: bool) -> None:
        """Let the GPU that runs the model make its tensors, too."""
        cuda = getattr(self._backend, "cuda", None)
        if cuda is None:
            if demanded:
                reason = getattr(self._backend, "host_only", "")
                raise BackendUnavailable(
                    "preprocess='cuda': expected a backend with its input on a GPU (tensorrt), "
                    f"got {self._backend.runtime} on {self._backend.device}"
                    f"{f' ({reason})' if reason else ''}. Leave preprocess out"
                    f"{', or the fallback' if reason else ''}"
                )
            return
        from edgeclf.cuda.path import CudaPath
        from edgeclf.cuda.preprocess import CudaPreprocessor

        resolved = self._resolved
        try:
            on_device = CudaPreprocessor(
                cuda, resolved.input_spec, resolved.quantization, frame_format=frame_format
            )
        except BackendError as exc:
            if demanded:
                raise
            _LOG.warning("frames become tensors on the host (preprocess='auto'): %s", exc)
            return
        self._preprocessor, self._cuda_path = on_device, CudaPath(cuda, on_device)

    def _release_device(self) -> None:
        if self._cuda_path is not None:
            self._cuda_path.close()
            self._preprocessor.close()

    def _run(
        self,
        frames: Sequence[Frame],
        times: Sequence[Optional[float]],
        started: float,
        region_of_interest: Optional[Region],
        rotation_degrees: int,
    ) -> List[Prediction]:
        """One inference over as many frames as the batch holds, or fewer."""
        batch = self._fixed_batch or max(self._min_batch, len(frames))
        request: Any = None
        try:
            request = self._pool.take(batch)
            on_device = self._cuda_path is not None
            tensor = request.device_input if on_device else request.input
            for item, frame in enumerate(frames):
                target = tensor.item(item) if on_device else tensor[item]
                self._preprocessor.write(frame, target, region_of_interest, rotation_degrees)
            written = perf_counter()
            if on_device:
                request.enqueue()
            raw = request.finish() if on_device else request.infer()
            if on_device:
                self._preprocessor.finished(tensor.stream)
            inferred = perf_counter()
            answers = [self._postprocessor.of_item(raw, item) for item in range(len(frames))]
        finally:
            if request is not None:
                self._pool.give(request, batch)
        done = perf_counter()
        count = len(frames) / 1e3
        speed = Speed(
            (written - started) / count, (inferred - written) / count, (done - inferred) / count
        )
        categories_of = self._postprocessor.categories
        return [
            Prediction(
                categories_of(found), scores, vector, _timestamp(time_ms, frame.timestamp_ns), speed
            )
            for frame, time_ms, (scores, found, vector) in zip(frames, times, answers)
        ]


def _kept(names: Optional[Sequence[str]]) -> Optional[Sequence[str]]:
    return names if names is None or isinstance(names, str) else tuple(names)


def _timestamp(timestamp_ms: Optional[float], timestamp_ns: Optional[int]) -> Optional[float]:
    if timestamp_ms is None:
        return None if timestamp_ns is None else timestamp_ns / 1e6
    try:
        value = float(timestamp_ms)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ArgumentError(f"timestamp_ms: expected a finite number, got {timestamp_ms!r}")
    return value


def _rebuild(arguments: Dict[str, Any]) -> Classifier:
    return Classifier(**arguments)


def _load(
    model: Optional[ModelSource],
    spec: Optional[Spec],
    labels: Any,
    backend: Union[str, Backend, None],
    device: Optional[str],
    precision: Optional[str],
    num_threads: Optional[int],
    strict: bool,
    backend_options: Optional[Mapping[str, Any]],
) -> Tuple[Backend, Resolved]:
    """Read what is known of the model, load it, and resolve both into one spec."""
    if precision is not None and precision not in PRECISIONS:
        raise ArgumentError(f"precision: expected one of {PRECISIONS}, got {precision!r}")
    if backend is not None and not isinstance(backend, str):
        if any(value is not None for value in (device, precision, num_threads, backend_options)):
            raise ArgumentError(
                "device, precision, num_threads, backend_options: a Backend object is loaded "
                "already; give them to it, or name the backend and give the model"
            )
        return backend, _resolve_loaded(backend, model, spec, labels)
    file = ModelFile(models.default_model(backend) if model is None else model)
    sources = manifest.read(file, spec=spec, labels=labels)
    manifest.check_external_data(file)
    graph = manifest.graph_facts(file)
    if precision is not None and is_built(file, backend):
        from edgeclf.build.on_load import with_precision

        backend_options = with_precision(backend_options, precision, file.name)
    elif precision is not None:
        _demand_precision(precision, graph, file.name)
    loaded = load_backend(
        file,
        backend,
        device=device,
        num_threads=num_threads,
        backend_options=backend_options,
        strict=strict,
        spec=spec,
        labels=labels,
    )
    file.forget_content()
    # An engine that was built may have another input and another precision than its ONNX model.
    of_engine = getattr(loaded, "manifest", None)
    try:
        if of_engine is not None:
            sources, graph = of_engine
            if precision is not None:
                _demand_precision(precision, graph, file.name)
        return loaded, manifest.resolve(sources, loaded.input, loaded.outputs[0], graph, file.name)
    except BaseException:
        loaded.close()
        raise


def _resolve_loaded(
    backend: Backend, model: Optional[ModelSource], spec: Optional[Spec], labels: Any
) -> Resolved:
    """The spec of a backend that came loaded: no file tells of it, so the arguments must."""
    if model is not None:
        raise ArgumentError("model: give a path, or a Backend that has its model, not both")
    given = source_of_arguments(spec, labels)
    return manifest.resolve(
        [given] if given else [],
        backend.input,
        backend.outputs[0],
        GraphFacts("", None, ""),
        backend.name,
    )


def _demand_precision(precision: str, graph: GraphFacts, name: str) -> None:
    if graph.precision != precision:
        known = graph.precision
        stored = f"most of its weights are {known}" if known else "it states none"
        raise BackendUnavailable(
            f"{name}: precision {precision!r} was asked for, and {stored}. edgeclf never converts "
            f"a model on its own: export it in {precision}, or leave precision out"
        )

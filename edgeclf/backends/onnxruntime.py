"""ONNX Runtime: .onnx models on x86 and ARM CPUs, and on CUDA where its GPU build is installed.

A request binds one input and its outputs to memory of its own once, so that a run on the CPU
copies nothing. Sessions are thread-safe: requests of one backend may run side by side.

``backend_options``, every one optional:

- ``providers``: names in order of preference, instead of what `device` says.
- ``provider_options``: a mapping from a provider's name to a mapping of its options.
- ``allow_spinning``: False lets waiting threads sleep instead of keeping a core busy.
- ``graph_optimization_level``: "disable", "basic", "extended" or "all" (the runtime's default).
- ``custom_op_libraries``: paths of shared libraries with operators. They are code, and run as
  such: nothing is loaded that is not named here.
- ``session_config``: a mapping of the runtime's own session configuration entries (texts).

Longer than 200 lines, because what imports a vendor's module stays in one file.
"""

from __future__ import annotations

import functools
import logging
import os
import weakref
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import onnxruntime as ort

from edgeclf.backends.arguments import check_options, check_threads, cuda_index
from edgeclf.backends.base import Lifetime, single_input
from edgeclf.backends.onnxruntime_placement import assigned_placement, profiled_placement
from edgeclf.backends.onnxruntime_request import CPU, OnnxRuntimeRequest
from edgeclf.backends.tensors import request_shape, require_dtype
from edgeclf.errors import ArgumentError, BackendUnavailable, ModelError
from edgeclf.model_file import ModelFile
from edgeclf.types import Placement, TensorInfo

__all__ = ["OnnxRuntimeBackend"]

Provider = Tuple[str, Dict[str, Any]]  # its name and its options

_LOG = logging.getLogger("edgeclf")

_OPTIONS = (
    "providers",
    "provider_options",
    "allow_spinning",
    "graph_optimization_level",
    "custom_op_libraries",
    "session_config",
)
_CUDA = "CUDAExecutionProvider"
_OPTIMIZATION_LEVELS = {
    "disable": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
# ONNX Runtime logs what it also raises; below "error" are remarks on how a model was exported.
_LOG_ERRORS_ONLY = 3
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
}


class OnnxRuntimeBackend:
    """One .onnx model in one ONNX Runtime session. See `edgeclf.backends.base.Backend`.

    Loading takes the model's path where it has one, so that its external data is found beside it.

    Raises:
        ModelError: ONNX Runtime cannot read the model. SpecMismatch: its tensors are not those of
            a classifier. BackendUnavailable: `device` or a provider is not there, unless
            `strict` is False: then the CPU runs it, and a warning is logged.
        ArgumentError: `device`, `num_threads` or `backend_options` is out of its range.
    """

    name = "onnxruntime"
    formats = ("onnx",)
    max_requests: Optional[int] = None

    def __init__(
        self,
        model: ModelFile,
        *,
        device: Optional[str] = None,
        num_threads: Optional[int] = None,
        backend_options: Optional[Mapping[str, Any]] = None,
        strict: bool = True,
    ):
        check_threads(num_threads)
        options = check_options(backend_options, _OPTIONS, self.name)
        wanted = _available(_wanted_providers(device, options), strict)
        self._model = model
        self._load = functools.partial(_session, model, wanted, options, num_threads)
        session = self._load()
        _check_providers([name for name, _ in wanted], session.get_providers(), strict)
        self.runtime = f"onnxruntime {ort.__version__}"
        self.device = _device_of(session, wanted)
        inputs = _tensor_infos(session.get_inputs, model.name)
        outputs = _tensor_infos(session.get_outputs, model.name)
        self.input = require_dtype(single_input(inputs, model.name), "the input", model.name)
        self.min_batch = self.input.shape[0] or 1  # found at once: asked for every frame
        self.outputs = tuple(require_dtype(o, "the output", model.name) for o in outputs)
        self._session: Optional[ort.InferenceSession] = session
        self._lifetime = Lifetime(model.name)
        self._requests: weakref.WeakSet[OnnxRuntimeRequest] = weakref.WeakSet()
        self._placement: Optional[Tuple[Placement, ...]] = None
        self._item_shape: Optional[Sequence[int]] = None

    @property
    def placement(self) -> Tuple[Placement, ...]:
        """Operators per execution provider, as the session assigned them.

        Older runtimes do not say: there one run is profiled, in a session and a temporary folder
        of its own, and the counts are those of the graph after its operators were fused.
        """
        self._lifetime.check()
        assert self._session is not None
        if self._placement is None:
            found = assigned_placement(self._session)
            if found is None:
                shape = request_shape(
                    self.input, self.input.shape[0] or 1, self._item_shape, self._model.name
                )
                found = profiled_placement(self._load, np.zeros(shape, self.input.dtype))
            self._placement = found
        return self._placement

    def new_request(
        self, batch: int = 1, item_shape: Optional[Sequence[int]] = None
    ) -> OnnxRuntimeRequest:
        """Memory and binding for `batch` frames. Cheap: microseconds.

        `item_shape` is the tensor's shape without the batch, for a model that leaves width and
        height open; others only check it.

        Raises:
            SpecMismatch: the model is fixed to another shape. BackendError: closed.
        """
        self._lifetime.check()
        shape = request_shape(self.input, batch, item_shape, self._model.name)
        assert self._session is not None
        request = OnnxRuntimeRequest(self._session, self.input, shape, self._lifetime)
        self._requests.add(request)
        self._item_shape = shape[1:]
        return request

    def close(self) -> None:
        """Release the session. Safe to call twice; requests raise BackendError after it."""
        self._lifetime.closed = True
        self._session = None
        for request in list(self._requests):
            request.release()


def _wanted_providers(device: Optional[str], options: Dict[str, Any]) -> List[Provider]:
    index = cuda_index(device)
    settings = options.get("provider_options") or {}
    if options.get("providers") is None:
        names = [CPU] if index is None else [_CUDA, CPU]
    elif device is not None:
        raise ArgumentError("device and backend_options['providers'] exclude each other: give one")
    else:
        names = list(options["providers"])
        if not names or not all(isinstance(name, str) for name in names):
            raise ArgumentError(f"providers: expected names such as [{CPU!r}], got {names!r}")
    unused = [name for name in settings if name not in names]
    if unused:
        raise ArgumentError(f"provider_options: {unused[0]!r} is not among the providers {names}")
    wanted = [(name, dict(settings.get(name, {}))) for name in names]
    for name, chosen in wanted:
        if name == _CUDA and index is not None:
            chosen["device_id"] = index
    return wanted


def _available(wanted: List[Provider], strict: bool) -> List[Provider]:
    there = ort.get_available_providers()
    _check_providers([name for name, _ in wanted], there, strict)
    return [(name, chosen) for name, chosen in wanted if name in there] or [(CPU, {})]


def _check_providers(wanted: Sequence[str], there: Sequence[str], strict: bool) -> None:
    missing = [name for name in wanted if name not in there]
    if not missing:
        return
    text = (
        f"onnxruntime {ort.__version__}: expected {', '.join(missing)}, which this build or "
        f"machine does not have; there are {', '.join(there)}"
    )
    if strict:
        raise BackendUnavailable(
            f"{text}. Install the build that has it (onnxruntime-gpu for CUDA, with its driver), "
            "or pass device='cpu', or strict=False to run on what there is"
        )
    _LOG.warning("%s. Going on without (strict=False)", text)


def _session(
    model: ModelFile,
    providers: List[Provider],
    options: Dict[str, Any],
    num_threads: Optional[int],
    profile_prefix: Optional[str] = None,
) -> ort.InferenceSession:
    settings = _session_options(options, num_threads)
    if profile_prefix is not None:
        settings.enable_profiling = True
        settings.profile_file_prefix = profile_prefix
    source = model.content if model.path is None else os.fspath(model.path)
    try:
        # Without this, a provider that fails to start is replaced with the CPU.
        session = ort.InferenceSession(source, settings, providers=providers, enable_fallback=0)
    except Exception as exc:
        raise ModelError(
            f"{model.name}: expected a model that onnxruntime {ort.__version__} can run on "
            f"{', '.join(name for name, _ in providers)}; it says: {exc}. Check that the file is "
            "whole, and export it with an opset and operators that this version knows"
        ) from exc
    session.disable_fallback()
    return session


def _session_options(options: Dict[str, Any], num_threads: Optional[int]) -> ort.SessionOptions:
    settings = ort.SessionOptions()
    settings.log_severity_level = _LOG_ERRORS_ONLY
    if num_threads is not None:
        settings.intra_op_num_threads = num_threads
    entries: Dict[str, str] = {}
    if hasattr(ort.InferenceSession, "get_provider_graph_assignment_info"):
        entries["session.record_ep_graph_assignment_info"] = "1"
    if options.get("allow_spinning") is not None:
        spinning = options["allow_spinning"]
        if not isinstance(spinning, bool):
            raise ArgumentError(f"allow_spinning: expected True or False, got {spinning!r}")
        for pool in ("intra_op", "inter_op"):
            entries[f"session.{pool}.allow_spinning"] = "1" if spinning else "0"
    entries.update(options.get("session_config") or {})
    for key, value in entries.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ArgumentError(f"session_config: expected texts, got {key!r}: {value!r}")
        settings.add_session_config_entry(key, value)
    level = options.get("graph_optimization_level")
    if level is not None:
        if level not in _OPTIMIZATION_LEVELS:
            known = ", ".join(_OPTIMIZATION_LEVELS)
            raise ArgumentError(f"graph_optimization_level: expected one of {known}; got {level!r}")
        settings.graph_optimization_level = _OPTIMIZATION_LEVELS[level]
    _register_custom_ops(settings, options.get("custom_op_libraries") or ())
    return settings


def _register_custom_ops(settings: ort.SessionOptions, libraries: Sequence[Any]) -> None:
    if isinstance(libraries, (str, bytes)):
        raise ArgumentError(f"custom_op_libraries: expected a list of paths, got {libraries!r}")
    for library in libraries:
        try:
            settings.register_custom_ops_library(os.fspath(library))
        except Exception as exc:
            raise BackendUnavailable(
                f"custom_op_libraries: {library} cannot be loaded: {exc}. Expected a shared "
                "library of ONNX Runtime operators, built for this machine"
            ) from exc


def _device_of(session: ort.InferenceSession, wanted: Sequence[Provider]) -> str:
    for name, chosen in wanted:
        if name in (_CUDA, "TensorrtExecutionProvider") and name in session.get_providers():
            return f"cuda:{int(chosen.get('device_id', 0))}"
    return "cpu"


def _tensor_infos(arguments: Callable[[], List[Any]], model: str) -> List[TensorInfo]:
    try:
        return [_tensor_info(argument) for argument in arguments()]
    except UnicodeDecodeError as exc:
        raise ModelError(
            f"{model}: expected names in UTF-8, got {exc.object!r}. The file may be damaged: copy "
            "it again"
        ) from exc


def _tensor_info(argument: Any) -> TensorInfo:
    shape = tuple(n if isinstance(n, int) and n >= 0 else None for n in argument.shape)
    return TensorInfo(argument.name, shape, _DTYPES.get(argument.type, argument.type))

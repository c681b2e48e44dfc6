"""TFLite (LiteRT): .tflite models on ARM and x86 CPUs, through XNNPACK or a delegate.

Each request is an interpreter of its own, because an interpreter has one input and one thread at
a time, and because resizing one frees the memory behind arrays that somebody may still hold. The
first request of the model's own batch takes over the interpreter that loading made. The model's
file is mapped once for all of them; working memory and XNNPACK's packed weights are not shared,
which is why `max_requests` is 1. Because the file is mapped, an update must replace it by a
rename; writing into it in place changes or crashes what runs.

`num_threads` None is one thread, TFLite's own default.

``backend_options``, both optional:

- ``delegates``: paths of delegates' shared libraries, or pairs of (path, mapping of options).
  They are code, and run as such.
- ``xnnpack``: True demands that XNNPACK takes some of the graph, False leaves it out, None (the
  default) takes it where the runtime has it.

Longer than 200 lines, because what imports a vendor's module stays in one file.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import weakref
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from edgeclf.backends.arguments import check_options, check_threads, cuda_index
from edgeclf.backends.base import Lifetime, single_input
from edgeclf.backends.install import distribution_version
from edgeclf.backends.tensors import request_shape, require_dtype
from edgeclf.backends.tflite_integrity import require_whole
from edgeclf.backends.tflite_placement import count_delegated, has_dynamic_tensors, placements
from edgeclf.backends.tflite_request import TfliteRequest
from edgeclf.errors import (
    ArgumentError,
    BackendError,
    BackendUnavailable,
    EdgeclfError,
    ModelError,
    SpecMismatch,
)
from edgeclf.model_file import ModelFile
from edgeclf.types import Placement, Quantization, TensorInfo

__all__ = ["TfliteBackend"]

_LOG = logging.getLogger("edgeclf")

_OPTIONS = ("delegates", "xnnpack")
# (module, distribution): the maintained name first.
_RUNTIMES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite-runtime"),
    ("tensorflow.lite.python.interpreter", "tensorflow"),
)


def _import_runtime() -> Tuple[Any, str]:
    reasons = []
    for module, distribution in _RUNTIMES:
        try:
            return importlib.import_module(module), distribution
        except ImportError as exc:
            reasons.append(f"{distribution}: {exc}")
    raise ImportError("; ".join(reasons))


_tflite, _DISTRIBUTION = _import_runtime()


class _Plan(NamedTuple):
    """How to make an interpreter, checked."""

    model: ModelFile
    num_threads: Optional[int]
    delegates: Tuple[Tuple[str, Dict[str, Any]], ...]
    xnnpack: Optional[bool]
    strict: bool


class TfliteBackend:
    """One .tflite model. See `edgeclf.backends.base.Backend`.

    Raises:
        ModelError: TFLite cannot read the model, or has no kernel for one of its operators.
        SpecMismatch: its tensors are not those of a classifier. BackendUnavailable: `device` is
            not "cpu", or a delegate cannot be loaded or takes none of the graph (unless `strict`
            is False: then the CPU runs it, and a warning is logged; a delegate that cannot be
            loaded stays an error). ArgumentError: an argument is out of its range.
    """

    name = "tflite"
    formats = ("tflite",)
    device = "cpu"
    max_requests: Optional[int] = 1

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
        if cuda_index(device) is not None:
            _complain(f"{device}: TFLite runs on the CPU or through a delegate", strict)
        self._plan = _Plan(model, num_threads, _delegates(options), _xnnpack(options), strict)
        self.runtime = distribution_version([_DISTRIBUTION]) or _DISTRIBUTION
        require_whole(model.content, model.name)
        interpreter = _interpreter(self._plan)
        with _as_model_error(model.name):
            inputs = [_tensor_info(d, model.name) for d in interpreter.get_input_details()]
            outputs = [_tensor_info(d, model.name) for d in interpreter.get_output_details()]
        self.input = require_dtype(single_input(inputs, model.name), "the input", model.name)
        self.min_batch = self.input.shape[0] or 1  # found at once: asked for every frame
        self.outputs = tuple(require_dtype(o, "the output", model.name) for o in outputs)
        self._lifetime = Lifetime(model.name)
        self._requests: weakref.WeakSet[TfliteRequest] = weakref.WeakSet()
        self._placement: Optional[Tuple[Placement, ...]] = None
        # A list, because two threads cannot pop one request twice.
        self._spares: List[TfliteRequest] = []
        # Width or height left open have no size to allocate yet.
        if None not in self.input.shape[1:]:
            shape = request_shape(self.input, self.input.shape[0] or 1, None, model.name)
            self._spares.append(self._request(interpreter, shape))

    @property
    def placement(self) -> Tuple[Placement, ...]:
        """Operators on XNNPACK, on the delegates that were asked for, and on TFLite's own kernels.

        Raises:
            BackendError: closed, or width and height are open and no request was made yet.
        """
        self._lifetime.check()
        if self._placement is None:
            raise BackendError(
                f"{self._plan.model.name}: its placement is known once a request gave its input "
                "a width and a height"
            )
        return self._placement

    def new_request(
        self, batch: int = 1, item_shape: Optional[Sequence[int]] = None
    ) -> TfliteRequest:
        """An interpreter for `batch` frames, with its own memory. Milliseconds, but for the first.

        `item_shape` is the tensor's shape without the batch, for a model that leaves width and
        height open; others only check it. Only a batch that the model leaves open is resized: one
        that it fixes to 1 may be resizable, but some such models then fail or answer wrongly, and
        on CPUs a batch is not faster than its frames one by one.

        Raises:
            SpecMismatch: the model is fixed to another shape, or does not resize to this one.
            BackendError: closed.
        """
        self._lifetime.check()
        shape = request_shape(self.input, batch, item_shape, self._plan.model.name)
        if self._spares:
            with contextlib.suppress(IndexError):  # another thread was faster
                spare = self._spares.pop()
                if spare.input.shape == shape:
                    return spare
                self._spares.append(spare)
        return self._request(_interpreter(self._plan), shape)

    def close(self) -> None:
        """Release the interpreters. Safe to call twice; requests raise BackendError after it."""
        self._lifetime.closed = True
        self._spares.clear()
        for request in list(self._requests):
            request.release()

    def _request(self, interpreter: Any, shape: Tuple[int, ...]) -> TfliteRequest:
        model = self._plan.model.name
        with _as_model_error(model):
            own_parts = count_delegated(interpreter._get_ops_details())
            _allocate(interpreter, shape, model)
            nodes = interpreter._get_ops_details()
            copies = has_dynamic_tensors(interpreter, nodes)
            request = TfliteRequest(interpreter, self._lifetime, copies)
        if self._placement is None:
            names = [Path(path).name for path, _ in self._plan.delegates]
            if self._plan.xnnpack and count_delegated(nodes) == own_parts:
                _complain(f"XNNPACK took none of {model}", self._plan.strict)
            self._placement = placements(nodes, names, own_parts)
        self._requests.add(request)
        return request


def _interpreter(plan: _Plan) -> Any:
    delegates = [_load_delegate(path, options) for path, options in plan.delegates]
    names = ", ".join(path for path, _ in plan.delegates)
    with _as_model_error(plan.model.name):
        try:
            interpreter = _new_interpreter(plan, delegates)
        except Exception as exc:
            if not delegates or not _loads_without(plan):
                raise
            raise BackendUnavailable(
                f"{plan.model.name}: the delegate {names} does not take this model: {exc}. "
                "Compile the model for it, or leave the delegate out"
            ) from exc
        taken = count_delegated(interpreter._get_ops_details()) if delegates else 0
    if delegates and not taken:
        _complain(f"the delegate {names} took none of {plan.model.name}", plan.strict)
    return interpreter


def _new_interpreter(plan: _Plan, delegates: List[Any]) -> Any:
    arguments: Dict[str, Any] = {"num_threads": plan.num_threads}
    if plan.model.path is None:
        arguments["model_content"] = plan.model.content
    else:
        arguments["model_path"] = os.fspath(plan.model.path)
    if delegates:
        arguments["experimental_delegates"] = delegates
    if plan.xnnpack is False:
        kinds = _tflite.OpResolverType
        arguments["experimental_op_resolver_type"] = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return _tflite.Interpreter(**arguments)


def _loads_without(plan: _Plan) -> bool:
    try:
        _new_interpreter(plan, [])
    except Exception:
        return False
    return True


def _allocate(interpreter: Any, shape: Tuple[int, ...], model: str) -> None:
    details = interpreter.get_input_details()[0]
    resized = tuple(details["shape"]) != shape
    try:
        if resized:
            interpreter.resize_tensor_input(details["index"], list(shape))
        interpreter.allocate_tensors()
    except Exception as exc:
        if not resized:
            raise
        raise SpecMismatch(
            f"{model}: TFLite cannot resize it to {shape}: {exc}. Export it with this size"
        ) from exc


@contextlib.contextmanager
def _as_model_error(model: str) -> Iterator[None]:
    try:
        yield
    except EdgeclfError:
        raise
    except Exception as exc:
        raise ModelError(
            f"{model}: expected a model that {_DISTRIBUTION} can run; it says: {exc}. Check that "
            "the file is whole, and that it uses TFLite's built-in operators alone"
        ) from exc


def _load_delegate(path: str, options: Dict[str, Any]) -> Any:
    try:
        return _tflite.load_delegate(path, options)
    except Exception as exc:
        raise BackendUnavailable(
            f"the delegate {path} cannot be loaded: {exc}. Check that it is installed for this "
            "machine and that its device is there, or leave it out of backend_options"
        ) from exc


def _complain(text: str, strict: bool) -> None:
    if strict:
        raise BackendUnavailable(
            f"{text}. Ask for what there is, or pass strict=False to run without it"
        )
    _LOG.warning("%s. Going on without (strict=False)", text)


def _delegates(options: Dict[str, Any]) -> Tuple[Tuple[str, Dict[str, Any]], ...]:
    given = options.get("delegates") or ()
    if isinstance(given, (str, bytes)):
        raise ArgumentError(f"delegates: expected a list of paths, got {given!r}")
    found = []
    for entry in given:
        pair = entry if isinstance(entry, (tuple, list)) else (entry, {})
        if (
            len(pair) != 2
            or not isinstance(pair[0], (str, os.PathLike))
            or not isinstance(pair[1], Mapping)
        ):
            raise ArgumentError(f"delegates: expected a path or (path, options), got {entry!r}")
        found.append((os.fspath(pair[0]), dict(pair[1])))
    return tuple(found)


def _xnnpack(options: Dict[str, Any]) -> Optional[bool]:
    value = options.get("xnnpack")
    if value is None or isinstance(value, bool):
        return value
    raise ArgumentError(f"xnnpack: expected True, False or None, got {value!r}")


def _tensor_info(details: Dict[str, Any], model: str) -> TensorInfo:
    stated = details.get("shape_signature")
    if stated is None or len(stated) != len(details["shape"]):
        stated = details["shape"]
    shape = tuple(int(n) if n >= 0 else None for n in stated)
    dtype = np.dtype(details["dtype"]).name
    quantization = _quantization(details, model) if dtype in ("uint8", "int8") else None
    return TensorInfo(details["name"], shape, dtype, quantization)


def _quantization(details: Dict[str, Any], model: str) -> Optional[Quantization]:
    parameters = details["quantization_parameters"]
    if len(parameters["scales"]) > 1:
        raise SpecMismatch(
            f"{model}: expected one scale for {details['name']!r}, got "
            f"{len(parameters['scales'])}. Quantise the input and the output per tensor"
        )
    scale, zero_point = details["quantization"]
    # TFLite's way to say "none".
    return Quantization(float(scale), int(zero_point)) if scale else None

"""The runtimes that edgeclf knows, as a table, and the one call that loads a model in one.

A new backend is a module beside this one, a row below, and an extra in ``pyproject.toml``. A third
party registers an adapter class, with the constructor and the attributes of those here, under the
entry-point group ``edgeclf.backends``; its ``formats`` says what it reads. Built-in names cannot
be taken. Importing this module imports no runtime.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from edgeclf.backends import tensorrt_modules
from edgeclf.backends.arguments import check_threads, cuda_index
from edgeclf.backends.base import Backend, InferRequest
from edgeclf.backends.install import distribution_version, install_hint
from edgeclf.backends.third_parties import loaded, third_parties
from edgeclf.errors import ArgumentError, BackendUnavailable
from edgeclf.model_file import ModelFile

__all__ = [
    "Availability",
    "Backend",
    "InferRequest",
    "available",
    "formats_readable",
    "is_built",
    "load_backend",
]


class _Row(NamedTuple):
    name: str
    formats: Tuple[str, ...]
    adapter: str  # "module:class"
    modules: Tuple[str, ...]  # any one of them will do
    distributions: Tuple[str, ...]  # that bring these modules
    extra: str
    # Formats that are converted first, and what does it: "module:function", called as the adapter
    # is, with the adapter before it and `spec` and `labels` behind.
    converts: Tuple[str, ...] = ()
    converter: str = ""


_TABLE = (
    _Row(
        "onnxruntime",
        ("onnx",),
        "edgeclf.backends.onnxruntime:OnnxRuntimeBackend",
        ("onnxruntime",),
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
        "onnx",
    ),
    _Row(
        "tflite",
        ("tflite",),
        "edgeclf.backends.tflite:TfliteBackend",
        ("ai_edge_litert", "tflite_runtime", "tensorflow"),
        ("ai-edge-litert", "tflite-runtime", "tensorflow"),
        "tflite",
    ),
    _Row(
        "tensorrt",
        ("engine",),
        "edgeclf.backends.tensorrt:TensorRTBackend",
        tensorrt_modules.MODULES,
        tensorrt_modules.DISTRIBUTIONS,
        "tensorrt",
        ("onnx",),
        "edgeclf.build.on_load:load_built",
    ),
)
_NAMES = tuple(row.name for row in _TABLE)


class Availability(NamedTuple):
    """One backend on this machine.

    ``detail`` is the runtime's version where it is usable, else the reason why not; ``hint`` says
    what to do about that, and is empty where there is nothing to do.
    """

    name: str
    usable: bool
    detail: str
    hint: str


def available() -> List[Availability]:
    """Every backend known here, built in or third party. Imports none of them."""
    others = sorted(third_parties(_NAMES).items())
    return [_availability(row) for row in _TABLE] + [
        Availability(name, True, f"third party: {point.value}", "") for name, point in others
    ]


def formats_readable(name: Optional[str] = None) -> Tuple[str, ...]:
    """The formats that the backend `name`, or any usable built-in one, reads. Imports none."""
    rows = [row for row in _TABLE if name in (None, row.name)]
    return tuple(f for row in rows if name or not _missing(row) for f in row.formats)


def is_built(model: ModelFile, name: Optional[str]) -> bool:
    """Whether the backend `name` builds an engine from `model` instead of reading it."""
    return any(row.name == name and model.format in row.converts for row in _TABLE)


def load_backend(
    model: ModelFile,
    name: Optional[str] = None,
    *,
    device: Optional[str] = None,
    num_threads: Optional[int] = None,
    backend_options: Optional[Mapping[str, Any]] = None,
    strict: bool = True,
    spec: Any = None,
    labels: Any = None,
) -> Backend:
    """Load `model` in the backend `name`, or in the one that reads its format.

    An ONNX model is built into an engine where `name` is "tensorrt": minutes at first, then it
    comes from this user's cache.

    Args:
        device: "cpu", "cuda:N", or None for the backend's own choice: the CPU, or for TensorRT
            "cuda:0".
        num_threads, backend_options: see the backend's module.
        strict: whether what was asked for and is not there is an error (else a logged warning).
        spec, labels: as for Classifier, for an engine that is built: it carries them.

    Raises:
        ArgumentError: an argument is out of its range, or no backend has this name.
        BackendUnavailable: the runtime is not installed, does not read this format, or has not
            what was asked for. ModelError: it cannot read the model. SpecMismatch: the model's
            tensors are not those of a classifier.
    """
    check_threads(num_threads)
    cuda_index(device)
    arguments: Dict[str, Any] = {
        "device": device,
        "num_threads": num_threads,
        "backend_options": backend_options,
        "strict": strict,
    }
    backend: Backend
    for row in _TABLE:
        if row.name == name and model.format in row.converts:
            module, function = row.converter.split(":")
            convert = getattr(importlib.import_module(module), function)
            backend = convert(model, _adapter(row), **arguments, spec=spec, labels=labels)
            return backend
    adapter = _for_format(model) if name is None else _named(name, model)
    backend = adapter(model, **arguments)
    return backend


def _named(name: str, model: ModelFile) -> Any:
    for row in _TABLE:
        if row.name == name:
            _require_format(name, row.formats, model)
            return _adapter(row)
    others = third_parties(_NAMES)
    if name not in others:
        known = ", ".join([*_NAMES, *sorted(others)])
        raise ArgumentError(f"backend: expected one of {known}; got {name!r}")
    adapter = loaded(others[name])
    _require_format(name, tuple(adapter.formats), model)
    return adapter


def _for_format(model: ModelFile) -> Any:
    for row in _TABLE:
        if model.format in row.formats:
            return _adapter(row)
    for _, point in sorted(third_parties(_NAMES).items()):
        adapter = loaded(point)
        if model.format in adapter.formats:
            return adapter
    raise BackendUnavailable(f"{model.name}: no backend reads {model.format}")


def _require_format(name: str, formats: Tuple[str, ...], model: ModelFile) -> None:
    if model.format in formats:
        return
    readers = [row.name for row in _TABLE if model.format in row.formats]
    advice = f"Use backend={readers[0]!r}" if readers else f"No backend reads {model.format}"
    raise BackendUnavailable(
        f"{model.name}: backend {name!r} reads {', '.join(formats) or 'no files'}, and this is "
        f"{model.format}. {advice}"
    )


def _adapter(row: _Row) -> Any:
    missing = _missing(row)
    if missing:
        raise BackendUnavailable(f"{row.name}: {missing}. To install it: {install_hint(row.extra)}")
    module, attribute = row.adapter.split(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as exc:
        # A runtime built for another NumPy or C library fails in ways of its own.
        raise BackendUnavailable(
            f"{row.name}: installed, but its import failed: {exc}. To install it anew: "
            f"{install_hint(row.extra)}"
        ) from exc


def _missing(row: _Row) -> str:
    # find_spec looks without importing; a module set to None in sys.modules makes it raise.
    for module in row.modules:
        try:
            if importlib.util.find_spec(module) is not None:
                return ""
        except ValueError:
            continue
    # TensorRT has twenty distributions, one for each CUDA: there the modules say it shorter.
    few = row.distributions if len(row.distributions) <= 4 else row.modules
    return f"expected {' or '.join(few)}, and none is installed"


def _availability(row: _Row) -> Availability:
    missing = _missing(row)
    if missing:
        return Availability(row.name, False, missing, install_hint(row.extra))
    version = distribution_version(row.distributions) or f"{row.modules[0]}, version unknown"
    return Availability(row.name, True, version, "")

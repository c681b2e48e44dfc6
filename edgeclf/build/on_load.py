"""``Classifier("x.onnx", backend="tensorrt")``: what stands between the ONNX file and the adapter.

``backend_options`` may hold ``build``, a mapping of `engine_for`'s arguments (precision, calibrate,
batch, workspace_bytes, dla, version_compatible, compute_capability, runtime, check, wait_s), and in
it ``fallback``: the name of a backend that answers while the engine is built. It needs an engine
with the ONNX model's own input, and frames become tensors on the host, then and later.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple

from edgeclf import manifest
from edgeclf.backends import load_backend
from edgeclf.backends.base import Backend
from edgeclf.build.first_use import engine_for
from edgeclf.build.prepare import keeps_dtype
from edgeclf.build.serving import serve_while_building
from edgeclf.build.toolchain import builder_api
from edgeclf.errors import ArgumentError, BackendUnavailable
from edgeclf.manifest.base import GraphFacts, Source
from edgeclf.model_file import ModelFile

__all__ = ["EngineManifest", "load_built", "with_precision"]

_BUILD = (
    "precision",
    "calibrate",
    "batch",
    "workspace_bytes",
    "dla",
    "version_compatible",
    "compute_capability",
    "runtime",
    "check",
    "wait_s",
    "fallback",
)
_ALIKE = {"cuda": "cuda", "api_module": "module"}  # the adapter's names and the builder's


class EngineManifest(NamedTuple):
    """What an engine that was built says of itself: it may differ from its ONNX model.

    ``sources`` are complete: what the caller's spec and labels said is in them.
    """

    sources: Tuple[Source, ...]
    graph: GraphFacts


def with_precision(
    backend_options: Optional[Mapping[str, Any]], precision: str, name: str
) -> Dict[str, Any]:
    """The options of a build in `precision`.

    Raises:
        BackendUnavailable: they say another one. ArgumentError: ``build`` is not in order.
    """
    options = dict(backend_options or {})
    build = _checked(options.get("build"))
    stated = build.setdefault("precision", precision)
    if stated != precision:
        raise BackendUnavailable(
            f"{name}: precision {precision!r} was asked for, and backend_options['build'] says "
            f"{stated!r}. Give one of them, or the same to both"
        )
    return {**options, "build": build}


def load_built(
    model: ModelFile,
    adapter: Callable[..., Backend],
    *,
    device: Optional[str] = None,
    num_threads: Optional[int] = None,
    backend_options: Optional[Mapping[str, Any]] = None,
    strict: bool = True,
    spec: Any = None,
    labels: Any = None,
) -> Backend:
    """A backend for the engine of `model`, which is built when the cache has none.

    Args:
        model: the ONNX model.
        adapter: the class that loads an engine (`TensorRTBackend`).
        device, num_threads, backend_options, strict: as for `load_backend`.
        spec, labels: as for Classifier.

    Returns:
        The engine's backend, with an `EngineManifest` as its ``manifest``; or, with a fallback, a
        `BuildingBackend`, which has the ONNX model's tensors, and its spec.

    Raises:
        As `engine_for` and `load_backend`; with a fallback, what that raises, and ArgumentError
        where the engine cannot have the same input. The rest stands in the backend's `placement`.
    """
    options = dict(backend_options or {})
    build = _checked(options.pop("build", None))
    fallback = build.pop("fallback", None)
    if build.get("version_compatible"):
        # Its host code is what this user's own TensorRT put in; the cache's seal vouches for it.
        options.setdefault("engine_host_code_allowed", True)
    arguments = {
        **build,
        **{ours: options[theirs] for theirs, ours in _ALIKE.items() if options.get(theirs)},
        "device": device,
        "spec": spec,
        "labels": labels,
    }

    def load(engine: ModelFile) -> Backend:
        backend: Any = adapter(
            engine,
            device=device,
            num_threads=num_threads,
            backend_options=options,
            strict=strict,
        )
        # Of the content that was verified, while it is in memory.
        sources = tuple(manifest.read(engine, spec=None, labels=None))
        backend.manifest = EngineManifest(sources, manifest.graph_facts(engine))
        loaded: Backend = backend
        return loaded

    if fallback is None:
        return load(engine_for(model, **arguments))
    answering = load_backend(model, fallback, num_threads=num_threads)
    try:
        _require_same_input(answering, model.name, arguments)
    except BaseException:
        answering.close()
        raise
    return serve_while_building(model, answering, load, **arguments)


def _require_same_input(answering: Backend, name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse now what could only be refused after minutes of building."""
    try:
        api = builder_api(arguments.get("runtime"), arguments.get("module"))
    except BackendUnavailable:
        return  # nothing will be built; the fallback's placement says why
    dtype = answering.input.dtype
    if not keeps_dtype(dtype, api.takes_uint8):
        raise ArgumentError(
            f"{name}: fallback={answering.name!r} takes its {dtype} input, and an engine of "
            f"{api.text} takes float32 instead, so the one cannot give way to the other. Leave "
            "fallback out, or export the model with a float32 input"
        )


def _checked(build: Any) -> Dict[str, Any]:
    if build is None:
        return {}
    if not isinstance(build, Mapping):
        raise ArgumentError(
            f"backend_options['build']: expected a mapping, got {type(build).__name__}"
        )
    for name in build:
        if name not in _BUILD:
            raise ArgumentError(
                f"backend_options['build']: expected {', '.join(_BUILD)}; got {name!r}"
            )
    return dict(build)

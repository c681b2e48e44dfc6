"""``Classifier("x.onnx", backend="tensorrt")``: what stands between the ONNX file and the adapter.

``backend_options`` may hold ``build``, a mapping of `engine_for`'s arguments (precision, calibrate,
batch, workspace_bytes, dla, version_compatible, compute_capability, runtime, check, wait_s), and in
it ``fallback``: the name of a backend that answers while the engine is built.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional

from edgeclf.backends import load_backend
from edgeclf.backends.base import Backend
from edgeclf.build.first_use import engine_for
from edgeclf.build.serving import serve_while_building
from edgeclf.errors import ArgumentError
from edgeclf.model_file import ModelFile

__all__ = ["load_built"]

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

    Raises:
        As `engine_for` and `load_backend`; with a fallback, only what that raises: the rest stands
        in the backend's `placement`.
    """
    options = dict(backend_options or {})
    build = _checked(options.pop("build", None))
    fallback = build.pop("fallback", None)
    arguments = {
        **build,
        **{ours: options[theirs] for theirs, ours in _ALIKE.items() if options.get(theirs)},
        "device": device,
        "spec": spec,
        "labels": labels,
    }

    def load(engine: ModelFile) -> Backend:
        return adapter(
            engine,
            device=device,
            num_threads=num_threads,
            backend_options=options,
            strict=strict,
        )

    if fallback is None:
        return load(engine_for(model, **arguments))
    answering = load_backend(model, fallback, num_threads=num_threads)
    return serve_while_building(model, answering, load, **arguments)


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

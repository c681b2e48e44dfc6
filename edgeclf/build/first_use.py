"""Engines built when they are first needed, and kept: ``Classifier("x.onnx", backend="tensorrt")``.

An engine is found again by everything that it depends on: the model with its weights, the spec, the
builder and its version, the GPU and its driver, precision and options, the pictures it was
calibrated on, the tools that converted it. When one of them changes, another engine is built, and
the old one ages in the cache.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any, Callable, Dict, Optional

from edgeclf.backends.install import distribution_version
from edgeclf.build.builder import run
from edgeclf.build.cache import Store
from edgeclf.build.callbacks import Steps
from edgeclf.build.job import Job, job_of
from edgeclf.build.options import checked_options
from edgeclf.build.origin import read_origin
from edgeclf.build.pictures import PictureSource
from edgeclf.engine import read_header, split
from edgeclf.errors import EdgeclfError
from edgeclf.manifest.sidecar import document_of
from edgeclf.model_file import ModelFile
from edgeclf.version import __version__

__all__ = ["MAX_CACHE_BYTES", "cache_name", "engine_for", "key_facts"]

_LOG = logging.getLogger("edgeclf")

# Raised when another edgeclf would make another engine of the same facts.
_KEY_VERSION = 2
# They convert and quantise the model before it is built.
_TOOLS = (("onnx",), ("onnxruntime", "onnxruntime-gpu"))
MAX_CACHE_BYTES = 4 * 2**30


def engine_for(
    model: ModelFile,
    *,
    precision: str = "fp32",
    calibrate: PictureSource = None,
    batch: Any = None,
    workspace_bytes: Optional[int] = None,
    dla: Optional[int] = None,
    version_compatible: bool = False,
    compute_capability: Any = None,
    runtime: Optional[str] = None,
    device: Optional[str] = None,
    spec: Any = None,
    labels: Any = None,
    check: bool = True,
    progress: Optional[Steps] = None,
    store: Optional[Store] = None,
    max_cache_bytes: int = MAX_CACHE_BYTES,
    wait_s: Optional[float] = None,
    module: Any = None,
    cuda: Any = None,
) -> ModelFile:
    """The engine of `model`, from the cache or built now.

    Of several processes that need the same one, the first builds it, and the others wait for it.

    Args:
        model: the ONNX model. All others are those of `build_engine`.
        store: where engines are kept; None is this user's cache.
        max_cache_bytes: beyond this, the engines not used for the longest time are removed.
        wait_s: how long to wait for another process that builds it; None waits until it is done.

    Returns:
        The engine with its content in memory: just what was verified, even if the file changes.

    Raises:
        As `build_engine`; BackendError when the wait was too long.
    """
    options = checked_options(
        precision, batch, workspace_bytes, dla, version_compatible, compute_capability
    )
    origin = read_origin(model, spec, labels)
    job = job_of(origin, options, calibrate, runtime, module, device, cuda)
    keep = Store() if store is None else store
    return _kept_or_built(
        keep,
        cache_name(key_facts(job, check)),
        lambda path: run(job, path, check=check, progress=progress, timing_cache=keep),
        max_cache_bytes,
        wait_s,
    )


def key_facts(job: Job, check: bool = True) -> Dict[str, Any]:
    """All that an engine depends on, as plain JSON values: also what converted the model, and
    whether its answers were compared."""
    resolved, cuda = job.origin.resolved, job.device.cuda
    facts = None if cuda is None else cuda.facts
    return {
        "key_version": _KEY_VERSION,
        "model": job.origin.sha256,
        "spec": document_of(resolved.input_spec, resolved.output_spec),
        "builder": job.api.text,
        "gpu": None if facts is None else [facts.name, facts.uuid, list(facts.compute_capability)],
        "driver": None if facts is None else facts.driver_version,
        "options": job.options.to_dict(),
        "check": check,
        "tools": [f"edgeclf {__version__}", *(distribution_version(names) for names in _TOOLS)],
        "pictures": job.pictures.sha256 if job.pictures else None,
    }


def cache_name(facts: Dict[str, Any]) -> str:
    """The file's name in the cache."""
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:40]}.engine"


def _kept_or_built(
    store: Store,
    name: str,
    build: Callable[[Any], Any],
    max_bytes: int,
    wait_s: Optional[float],
) -> ModelFile:
    found = _verified(store, name)
    if found is None:
        with store.locked(name, wait_s):
            # Whoever held the lock before may have built it.
            found = _verified(store, name)
            if found is None:
                found = _built(store, name, build)
        store.prune(max_bytes, keep=lambda other: other == name)
    return found


def _built(store: Store, name: str, build: Callable[[Any], Any]) -> ModelFile:
    # Built beside its place: until it has its seal it is nobody's engine.
    fresh = store.path(name).with_name(f".{name}.new")
    try:
        _LOG.info("building %s; this may take minutes, and happens once", name)
        build(fresh)
        content = fresh.read_bytes()
        return _model(store.write(name, content), content)
    finally:
        if fresh.exists():
            fresh.unlink()


def _verified(store: Store, name: str) -> Optional[ModelFile]:
    content = store.read(name)
    if content is None:
        return None
    try:
        _, plan = split(content, name=name)
        read_header(plan, name=name)
    except EdgeclfError as exc:
        _LOG.warning("cache: %s; it is built anew", exc)
        return None
    return _model(store.path(name), content)


def _model(path: Any, content: bytes) -> ModelFile:
    # Without its path: nothing reads it again, or looks for a sidecar in the cache.
    model = ModelFile(content)
    model.name = path.name
    return model

"""Whether a release of TensorRT runs an engine of its own here: one line of JSON for each step.

    python own_engine.py SITE ENGINE

SITE is a folder with the unpacked wheels of a release of TensorRT for RTX, or "" for what is
installed, TensorRT or TensorRT for RTX. ENGINE is
built where there is no such file; one that is there travelled with its release. A program of its
own, because the vendor's libraries of two releases do not share a process, and may crash it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).resolve().parents[1]
BATCHES = (1, 2, 4)
# Where the builder does not know the device here: the engine shows what the runtime says.
OTHERS = ["8.0", "8.6", "8.9", "12.0"]


def step(name: str, **facts: Any) -> None:
    print(json.dumps({"step": name, **facts}), flush=True)


def expected(tensor: np.ndarray) -> np.ndarray:
    """`build_models.tiny_graph` in float64."""
    from build_models import constants_of, tiny_graph

    constants = {name: value.astype(float) for name, value in constants_of(tiny_graph()).items()}
    padded = np.pad(tensor.astype(float), [(0, 0), (0, 0), (1, 1), (1, 1)])
    height, width = tensor.shape[2:]
    sums = sum(
        np.einsum(
            "nchw,kc->nkhw", padded[:, :, y : y + height, x : x + width], constants["w"][:, :, y, x]
        )
        for y in range(3)
        for x in range(3)
    )
    means = np.maximum(sums + constants["b"][:, None, None], 0).mean(axis=(2, 3))
    logits = means @ constants["d"].T
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def build(module: Any, path: Path) -> None:
    from build_models import TINY_SPEC, tiny_classifier

    from edgeclf.build import build_engine
    from edgeclf.errors import EdgeclfError

    model = tiny_classifier(path.with_suffix(".onnx"))
    options = {"module": module, "batch": BATCHES, "spec": TINY_SPEC, "check": False}
    try:
        build_engine(model, path, timing_cache=False, **options)
        step("built", engine=str(path))
    except EdgeclfError as exc:
        if "rtx" not in module.__name__:
            raise
        build_engine(model, path, timing_cache=False, compute_capability=OTHERS, **options)
        step("built", engine=str(path), not_for_this_device=str(exc))


def difference(backend: Any) -> float:
    largest = 0.0
    for batch in BATCHES:
        request = backend.new_request(batch)
        tensor = np.random.RandomState(batch).normal(size=request.input.shape)
        request.input[...] = tensor
        (scores,) = request.infer()
        largest = max(largest, np.abs(scores - expected(request.input)).max())
    return float(largest)


def main(site: str, engine: str) -> None:
    sys.path[:0] = [str(TESTS.parent), str(TESTS), str(TESTS / "build")]
    if site:
        sys.path.insert(0, site)
    from edgeclf.backends import load_backend
    from edgeclf.backends.tensorrt_modules import find_modules, import_module
    from edgeclf.errors import EdgeclfError
    from edgeclf.model_file import ModelFile

    # The lean runtime has no builder.
    found = [facts for facts in find_modules() if facts.kind != "tensorrt-lean"]
    found = [facts for facts in found if not site or facts.kind == "tensorrt-rtx"]
    if not found:
        step("missing", error="neither TensorRT nor TensorRT for RTX is installed")
        return
    module, path = import_module(found[0]), Path(engine)
    named = hasattr(module.ICudaEngine, "num_io_tensors")
    step("imported", kind=found[0].kind, version=str(module.__version__), named_tensors=named)
    if not path.exists():
        build(module, path)
    try:
        backend = load_backend(ModelFile(path), backend_options={"api_module": module})
    except EdgeclfError as exc:
        step("refused", kind=type(exc).__name__, error=str(exc))
        return
    step("loaded", runtime=backend.runtime)
    step("answered", difference=difference(backend))
    backend.close()
    step("closed")


if __name__ == "__main__":
    main(*sys.argv[1:])

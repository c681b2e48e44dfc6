"""Which provider runs how many operators, from the runtime's record or from a profile."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import numpy as np
import pytest

from edgeclf.backends import load_backend
from edgeclf.backends.onnxruntime_placement import assigned_placement, profiled_placement
from edgeclf.errors import BackendError
from edgeclf.model_file import ModelFile
from edgeclf.types import Placement

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
onnx_models = pytest.importorskip("onnx_models")

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def load(model: bytes, **keywords: Any) -> Any:
    return load_backend(ModelFile(model), **keywords)


def test_placement_counts_the_graphs_nodes() -> None:
    """Without optimisation nothing is fused: the counts are the file's own."""
    model = onnx_models.quantized_classifier("uint8")
    backend = load(model, backend_options={"graph_optimization_level": "disable"})
    assert [(p.unit, p.operators) for p in backend.placement] == [
        (CPU, len(onnx.load_from_string(model).graph.node))
    ]


def test_placement_of_runtimes_that_do_not_record_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "get_provider_graph_assignment_info"
    for owner in ort.InferenceSession.__mro__:
        if name in vars(owner):
            monkeypatch.delattr(owner, name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    backend = load(
        onnx_models.float_classifier(), backend_options={"graph_optimization_level": "disable"}
    )
    assert backend.placement == (Placement(CPU, 3, "seen in the profile of one run"),)
    assert not list(tmp_path.iterdir())


def test_a_record_of_two_providers() -> None:
    """A graph in four parts on two providers: played, since this needs an accelerator."""
    parts = [(CUDA, 5), (CPU, 1), (CUDA, 4), (CPU, 2)]
    session = SimpleNamespace(
        get_provider_graph_assignment_info=lambda: [
            SimpleNamespace(ep_name=name, get_nodes=lambda n=count: [None] * n)
            for name, count in parts
        ]
    )
    found = assigned_placement(session)
    assert found is not None
    assert [(p.unit, p.operators) for p in found] == [(CUDA, 9), (CPU, 3)]


def event(index: int, name: str, provider: str, kind: str = "kernel_time") -> Dict[str, Any]:
    """A node's event as ONNX Runtime's profiler writes it."""
    arguments = {"node_index": str(index), "provider": provider, "op_name": "Conv"}
    return {"cat": "Node", "name": f"{name}_{kind}", "args": arguments}


def played_session(events: Any, run: Any = lambda names, feeds: []) -> Any:
    def load_session(profile_prefix: str) -> Any:
        def end() -> str:
            Path(profile_prefix + ".json").write_text(json.dumps(events))
            return profile_prefix + ".json"

        inputs = [SimpleNamespace(name="pixels")]
        return SimpleNamespace(get_inputs=lambda: inputs, run=run, end_profiling=end)

    return load_session


def test_a_profile_of_two_providers() -> None:
    """Fences, a node that ran twice and the session's own events are not operators."""
    events = [
        {"cat": "Session", "name": "model_run", "args": {}},
        event(0, "conv", CUDA, "fence_before"),
        event(0, "conv", CUDA),
        event(0, "conv", CUDA, "fence_after"),
        event(1, "relu", CUDA),
        event(1, "relu", CUDA),
        event(2, "softmax", CPU),
    ]
    found = profiled_placement(played_session(events), np.zeros(1, "f4"))
    assert [(p.unit, p.operators) for p in found] == [(CUDA, 2), (CPU, 1)]


def test_a_profile_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(names: Any, feeds: Any) -> None:
        raise RuntimeError("out of lemons")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(BackendError, match="out of lemons"):
        profiled_placement(played_session([], run), np.zeros(1, "f4"))
    assert not list(tmp_path.iterdir())

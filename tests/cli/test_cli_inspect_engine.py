"""edgeclf inspect on an engine, where there is no TensorRT and no GPU."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from edgeclf import InputSpec, OutputSpec
from edgeclf.backends.fake import FakeBackend
from edgeclf.cli import engine_facts
from edgeclf.engine import join
from edgeclf.manifest import embed
from edgeclf.types import TensorInfo

Invoke = Callable[..., Any]
PLAN = struct.pack("<4sIIIQ4B4sI", b"vtrt", 0, 2, 0, 400, 1, 7, 1, 116, b"vtrt", 0b1100) + bytes(
    364
)
BUILT: Dict[str, Any] = {
    "built_with": "tensorrt-rtx 1.7.1", "gpu": "RTX A2000", "compute_capability": "8.6",
    "precision": "fp16", "source": "mobilenet.onnx", "source_sha256": "ab" * 32,
    "version_compatible": False, "batch": [1, 4, 8],
    "plan_sha256": hashlib.sha256(PLAN).hexdigest(),
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Described in full; no runtime for it is to be found."""
    for module in ("tensorrt", "tensorrt_lean", "tensorrt_rtx", "tensorrt_rtx_bindings"):
        monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / "m.engine"
    path.write_bytes(join({"engine": BUILT}, PLAN))
    output = OutputSpec(("cat", "dog", "eel", "fox"), "softmax")
    embed(path, InputSpec(8, 8, mean=(127.5,), std=(127.5,)), output)
    return path


def test_json_has_the_header_the_builder_the_spec_and_the_labels(
    invoke: Invoke, engine: Path
) -> None:
    result = invoke("inspect", engine, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["problem"] is None
    assert facts["runtime"] is None
    assert facts["runtime_missing"]
    assert facts["model"]["sha256"] == hashlib.sha256(engine.read_bytes()).hexdigest()
    assert facts["precision"] == "fp16"
    assert facts["engine"] == {
        "kind": "tensorrt-rtx",
        "builder": "TensorRT for RTX 1.7.1.116",
        "serialization_version": 0,
        "plan_bytes": 400,
        "compute_capabilities": ["8.6", "8.9"],
        **BUILT,
    }
    assert facts["input_spec"]["mean"] == {
        "value": [127.5],
        "source": "JSON in front of the engine",
    }
    assert facts["labels"]["count"] == 4


def test_text_shows_the_same(invoke: Invoke, engine: Path) -> None:
    result = invoke("inspect", engine)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    text = " ".join(result.stdout.split())
    for expected in (
        "format engine, fp16",
        "runtime none here:",
        "built with TensorRT for RTX 1.7.1.116",
        "built on RTX A2000",
        "built for compute capability 8.6, 8.9",
        "batch 1 to 8, best at 4",
        "compatible with this version alone",
        "from mobilenet.onnx",
        "plan 400 bytes, as its checksum says",
        "Input spec, as far as known width 8 JSON in front of the engine",
        "activation softmax JSON in front of the engine",
        "4 from JSON in front of the engine cat dog",
    ):
        assert expected in text, expected


def test_a_plan_alone(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "m.engine"
    path.write_bytes(PLAN)
    result = invoke("inspect", path, "--json", "--labels", _labels(tmp_path))
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["engine"]["compute_capabilities"] == ["8.6", "8.9"]
    assert facts["engine"]["built_with"] is None
    assert facts["labels"] == {"count": 2, "first": ["a"], "last": ["b"], "source": "argument"}
    assert "no checksum" in invoke("inspect", path).stdout


def _labels(folder: Path) -> Path:
    path = folder / "names.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("position", [-1, -401 + 30])
def test_a_damaged_engine(invoke: Invoke, engine: Path, position: int) -> None:
    content = bytearray(engine.read_bytes())
    content[position] ^= 1
    engine.write_bytes(content)
    result = invoke("inspect", engine)
    assert result.exit_code == 1
    assert result.stderr.startswith("edgeclf: m.engine: ")
    assert "Copy it again" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_truncated_engine(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "m.engine"
    path.write_bytes(PLAN[:-1])
    result = invoke("inspect", path)
    assert result.exit_code == 1
    assert "cut short: 399 bytes, and its header states 400" in result.stderr


def test_contradictions_show_without_a_runtime(invoke: Invoke, engine: Path) -> None:
    sidecar = {"schema_version": 1, "input": {"color_mode": "bgr"}}
    engine.with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
    result = invoke("inspect", engine, "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert facts["problem"]["type"] == "ManifestError"
    assert "m.json says 'bgr'" in facts["problem"]["message"]
    assert facts["engine"]["builder"] == "TensorRT for RTX 1.7.1.116"


def test_a_runtime_that_was_asked_for_and_is_not_there_is_a_problem(
    invoke: Invoke, engine: Path
) -> None:
    result = invoke("inspect", engine, "--backend", "onnxruntime")
    assert result.exit_code == 1
    assert "onnxruntime" in result.stderr


def test_a_backend_without_an_inspector() -> None:
    nothing: Any = object()
    assert engine_facts.inspector_text(nothing) == {}


def test_texts_in_a_file_are_made_harmless(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "m.engine"
    text = json.dumps({"engine": {"gpu": "\x1b[2J"}}).encode()
    path.write_bytes(struct.pack("<i", len(text)) + text + PLAN)
    result = invoke("inspect", path)
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout + result.stderr
    assert "gpu: expected a text on one line" in result.stderr


class _Loaded(FakeBackend):
    """What a runtime that has loaded the engine shows of itself."""

    def engine_inspector(self) -> str:
        return '{"Layers": [\n "conv"]}'


def test_where_a_runtime_reads_it(
    invoke: Invoke, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = (
        TensorInfo("image", (1, 3, 8, 8), "float32"),
        TensorInfo("scores", (1, 4), "float32"),
    )
    monkeypatch.setattr(
        "edgeclf.classifier.load_backend", lambda *_, **__: _Loaded(tensors[0], [tensors[1]])
    )
    facts = json.loads(invoke("inspect", engine, "--json").stdout)
    assert facts["problem"] is None
    assert facts["runtime_missing"] is None
    assert facts["runtime"]["backend"] == "fake"
    assert facts["engine"]["precision"] == "fp16"
    assert facts["inspector"] == '{"Layers": [\n "conv"]}'
    text = " ".join(invoke("inspect", engine).stdout.split())
    assert 'Layers {"Layers": [ "conv"]}' in text
    assert "built with TensorRT for RTX" in text
    assert "as far as known" not in text

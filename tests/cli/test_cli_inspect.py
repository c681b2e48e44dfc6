"""edgeclf inspect: what it says against the model's own facts and the sidecar."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Callable

import pytest
from cli_support import LABELS

import edgeclf

Invoke = Callable[..., Any]


def test_json_has_every_field_and_its_source(invoke: Invoke, model: Path) -> None:
    result = invoke("inspect", model, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    content = model.read_bytes()
    assert facts["model"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert facts["model"]["size_bytes"] == len(content)
    assert facts["model"]["format"] == "onnx"
    assert facts["final_operator"] == "Softmax"
    assert facts["problem"] is None
    (tensor,) = facts["inputs"]
    assert tensor == {
        "name": "image",
        "shape": [1, 3, 8, 8],
        "dtype": "float32",
        "quantization": None,
    }
    assert [output["name"] for output in facts["outputs"]] == ["scores"]
    assert facts["runtime"]["backend"] == "onnxruntime"
    assert facts["labels"]["count"] == len(LABELS)
    assert [*facts["labels"]["first"], *facts["labels"]["last"]] == [LABELS[0], LABELS[-1]]
    fields = edgeclf.InputSpec.__dataclass_fields__
    assert list(facts["input_spec"]) == list(fields)
    stated = json.loads(model.with_suffix(".json").read_text())["input"]
    for name, value in stated.items():
        assert facts["input_spec"][name] == {"value": value, "source": "channels.json"}
    assert facts["input_spec"]["antialias"] == {"value": True, "source": "default"}
    # The graph ends in a Softmax: nothing is left to apply.
    assert facts["output_spec"]["activation"]["value"] == "none"
    assert sum(part["operators"] for part in facts["placement"]) >= 1


def test_text_shows_the_same(invoke: Invoke, model: Path) -> None:
    result = invoke("inspect", model)
    assert result.exit_code == 0, result.stderr
    assert "\033" not in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    for expected in (
        ["input", "image", "1x3x8x8", "float32"],
        ["output", "scores", "1x3", "float32"],
        ["ends", "in", "Softmax"],
        ["resize_mode", "stretch", "channels.json"],
        ["mean", "0", "channels.json"],
        ["antialias", "yes", "default"],
        ["3", "from", "channels.json"],
    ):
        assert expected in lines, expected


def test_arguments_are_named_as_the_source(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\n")
    facts = json.loads(invoke("inspect", model, "--labels", names, "--json").stdout)
    assert facts["labels"]["first"] == ["a"]
    assert "argument" in facts["labels"]["source"]


def test_what_is_missing_is_said_beside_what_is_known(
    invoke: Invoke, model: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(model.read_bytes())
    sidecar = {"schema_version": 1, "input": {"resize_mode": "letterbox"}}
    bare.with_suffix(".json").write_text(json.dumps(sidecar))
    result = invoke("inspect", bare, "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert facts["problem"]["type"] == "ManifestError"
    for name in ("interpolation", "mean", "std"):
        assert name in facts["problem"]["message"]
    assert facts["input_spec"] == {"resize_mode": {"value": "letterbox", "source": "bare.json"}}
    assert facts["inputs"][0]["shape"] == [1, 3, 8, 8]
    text = invoke("inspect", bare)
    assert text.exit_code == 1
    assert "1x3x8x8" in text.stdout
    assert "letterbox" in text.stdout
    assert text.stderr.startswith("edgeclf: bare.onnx")
    assert "interpolation" in text.stderr


def test_contradictions_are_said(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    names = tmp_path / "two.txt"
    names.write_text("a\nb\n")
    result = invoke("inspect", model, "--labels", names)
    assert result.exit_code == 1
    assert "1x3x8x8" in result.stdout
    assert "labels" in result.stderr


@pytest.mark.parametrize("content", [b"", b"no model at all, only text"])
def test_what_is_no_model_is_said(invoke: Invoke, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    result = invoke("inspect", path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "model.onnx" in result.stderr


def test_a_damaged_model_is_said(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(model.read_bytes()[:-60])
    path.with_suffix(".json").write_text(model.with_suffix(".json").read_text())
    result = invoke("inspect", path)
    assert result.exit_code == 1
    assert result.stderr.startswith("edgeclf: ")
    assert "Traceback" not in result.stderr


def test_real_models_with_metadata(invoke: Invoke, shared_data: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    path = shared_data / "models" / "mobilenet_v2_1.0_224_quant.tflite"
    result = invoke("inspect", path, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["labels"]["count"] == 1001
    assert facts["labels"]["first"][0] == "background"
    assert facts["input_spec"]["mean"] == {"value": [127.5], "source": "TFLite Metadata"}
    assert facts["inputs"][0]["quantization"] == {"scale": 0.0078125, "zero_point": 128}

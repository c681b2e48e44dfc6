"""The spec and the labels of a TensorRT engine: in front of its plan, or in a sidecar."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from small_models import IMAGE, SCORES

from edgeclf.engine import facts_of, join, read_header, split
from edgeclf.errors import ManifestError, ModelError
from edgeclf.manifest import GraphFacts, embed, graph_facts, read, resolve, write_sidecar
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engine"))
from engine_plans import in_front, packed, rtx_plan, ultralytics_reads

INPUT = InputSpec(8, 8, "bgr", "center-crop", 10, mean=(1, 2, 3), std=(4, 5, 6))
OUTPUT = OutputSpec(("ä", "犬", "c", "d"), "softmax")
NAME = "JSON in front of the engine"
# As 8.3 writes it before an engine: numbers and lists as JSON has them, names with text keys.
ULTRALYTICS: Dict[str, Any] = {
    "description": "Ultralytics YOLO11n-cls model", "author": "Ultralytics",
    "date": "2025-01-01T00:00:00", "version": "8.3.100", "license": "AGPL-3.0",
    "docs": "...", "stride": 1, "task": "classify", "batch": 1, "imgsz": [8, 8],
    "names": {"0": "cat", "1": "dog", "2": "eel", "3": "fox"},
    "args": {"batch": 1, "half": True}, "channels": 3,
}  # fmt: skip


@pytest.fixture(params=["packed", "real"])
def plan(request: Any) -> bytes:
    return packed() if request.param == "packed" else rtx_plan()


def test_what_is_embedded_reads_back(tmp_path: Path, plan: bytes) -> None:
    path = tmp_path / "m.engine"
    path.write_bytes(plan)
    for spec in (InputSpec(4, 4), INPUT):  # the second replaces the first
        embed(path, spec, OUTPUT)
    (source,) = read(ModelFile(path))
    assert source.name == NAME
    found = resolve([source], IMAGE, SCORES, graph_facts(ModelFile(path)), "m.engine")
    assert (found.input_spec, found.output_spec) == (INPUT, OUTPUT)
    assert found.provenance["labels"] == found.provenance["mean"] == NAME
    assert ultralytics_reads(path.read_bytes())[1] == plan


def test_embedding_keeps_what_others_wrote(tmp_path: Path) -> None:
    plan = packed()
    engine = {"precision": "fp16", "plan_sha256": hashlib.sha256(plan).hexdigest()}
    path, out = tmp_path / "m.engine", tmp_path / "out.engine"
    path.write_bytes(join({"engine": engine, "theirs": [1]}, plan))
    before = path.read_bytes()
    embed(path, INPUT, OUTPUT, out=out)
    assert path.read_bytes() == before
    document, kept = split(out.read_bytes())
    assert document is not None
    assert kept == plan
    assert {**document, "edgeclf": None} == {"engine": engine, "theirs": [1], "edgeclf": None}
    assert facts_of(document).precision == "fp16"


def test_a_sidecar_beside_an_engine(tmp_path: Path, plan: bytes) -> None:
    path = tmp_path / "m.engine"
    path.write_bytes(plan)
    write_sidecar(tmp_path / "m.json", INPUT, OUTPUT, ModelFile(path).sha256)
    (source,) = read(ModelFile(path))
    assert (source.name, source.fields["labels"]) == ("m.json", OUTPUT.labels)
    path.write_bytes(plan[:-1] + b"?")
    with pytest.raises(ManifestError, match="damaged or was replaced"):
        read(ModelFile(path))


def test_both_may_say_the_same_and_not_two_things(tmp_path: Path) -> None:
    path = tmp_path / "m.engine"
    path.write_bytes(packed())
    embed(path, INPUT, OUTPUT)
    write_sidecar(tmp_path / "m.json", INPUT, OUTPUT)
    sources = read(ModelFile(path))
    assert [source.name for source in sources] == ["m.json", NAME]
    write_sidecar(tmp_path / "m.json", InputSpec(8, 8), OUTPUT)
    with pytest.raises(ManifestError, match=rf"m\.json says 'rgb', but {NAME} says 'bgr'"):
        resolve(read(ModelFile(path)), IMAGE, SCORES, GraphFacts("", None, ""), "m")


def test_ultralytics_metadata_in_front_of_an_engine(plan: bytes) -> None:
    content = in_front(json.dumps(ULTRALYTICS).encode(), plan)
    (source,) = read(ModelFile(content))
    assert source.name == "Ultralytics metadata"
    assert source.fields["labels"] == ("cat", "dog", "eel", "fox")
    assert (source.fields["width"], source.fields["height"]) == (8, 8)
    graph = graph_facts(ModelFile(content))
    found = resolve([source], IMAGE, SCORES, graph, "yolo.engine")
    assert found.input_spec.resize_mode == "center-crop"
    assert found.input_spec.rescale_factor == 1 / 255
    # Its head ends in a Softmax, which no graph shows here.
    assert found.output_spec.activation == "none"
    assert found.provenance["activation"] == "convention (Ultralytics metadata)"


def test_ultralytics_engines_for_another_task_are_refused() -> None:
    content = in_front(json.dumps({**ULTRALYTICS, "task": "detect"}).encode(), packed())
    with pytest.raises(ManifestError, match="expected 'classify', got 'detect'"):
        read(ModelFile(content))


def test_embedding_into_an_ultralytics_engine(tmp_path: Path) -> None:
    path = tmp_path / "yolo.engine"
    path.write_bytes(in_front(json.dumps(ULTRALYTICS).encode(), packed()))
    embed(path, InputSpec(8, 8, resize_mode="stretch"), OutputSpec(activation="none"))
    theirs, plan = ultralytics_reads(path.read_bytes())
    assert {key: theirs[key] for key in ULTRALYTICS} == ULTRALYTICS
    assert plan == packed()
    sources = read(ModelFile(path))
    found = resolve(sources, IMAGE, SCORES, GraphFacts("", None, ""), "yolo.engine")
    assert found.output_spec.labels == ("cat", "dog", "eel", "fox")
    assert found.input_spec.resize_mode == "stretch"


def test_somebody_elses_json_says_nothing() -> None:
    content = in_front(b'{"task": "segment", "names": 5, "edge": 1}', packed())
    assert read(ModelFile(content)) == []


def test_the_precision_is_the_builders_word() -> None:
    for precision in ("fp32", "fp16", "int8"):
        content = join({"engine": {"precision": precision}}, packed())
        assert graph_facts(ModelFile(content)) == GraphFacts("", None, precision)
    assert graph_facts(ModelFile(packed())) == GraphFacts("", None, "")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"schema_version": 1, "input": {"widht": 8}}, "did you mean width"),
        ({"schema_version": 1, "output": {"labels": "names.txt"}}, "the list itself"),
        ([], "expected an object"),
        ("text", "expected an object"),
    ],
)
def test_a_document_that_is_refused(document: Any, message: str) -> None:
    content = join({"edgeclf": document}, packed())
    with pytest.raises(ManifestError, match=message):
        read(ModelFile(content))


def test_a_damaged_engine_is_refused_before_a_runtime_sees_it() -> None:
    plan = packed()
    engine = {"plan_sha256": hashlib.sha256(plan).hexdigest()}
    content = bytearray(join({"engine": engine}, plan))
    content[-1] ^= 1
    with pytest.raises(ModelError, match="not the one that was built"):
        read(ModelFile(bytes(content)))
    with pytest.raises(ModelError, match="cut short"):
        graph_facts(ModelFile(packed(b"vtrt", (1, 7, 1, 116), mask=2)[:-1]))


def test_embedding_into_a_damaged_engine_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.engine"
    path.write_bytes(join({"engine": {"plan_sha256": "0" * 64}}, packed()))
    before = path.read_bytes()
    with pytest.raises(ModelError, match="not the one that was built"):
        embed(path, INPUT, OUTPUT)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.engine"]


def test_formats_are_told_by_the_content(tmp_path: Path) -> None:
    labels = {"names": {str(index): f"class {index:06}" for index in range(100_000)}}
    for content in (packed(), packed(b"vtrt"), join({}, packed()), join(labels, packed())):
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        assert ModelFile(path).format == "engine"
    assert read_header(split(join(labels, packed()))[1]).size == 400

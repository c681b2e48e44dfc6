"""Real engines, by TensorRT for RTX without a GPU: the default model and MobileNetV3-Small."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from build_models import (
    TINY_LABELS,
    TINY_SPEC,
    model_of,
    node,
    tiny_classifier,
    tiny_graph,
)
from mobilenet_v3 import BOTTLENECKS, SPEC, divisible, mobilenet_v3_small

from edgeclf import manifest
from edgeclf.build import build_engine
from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda
from edgeclf.engine import facts_of, read_header, split
from edgeclf.errors import (
    ArgumentError,
    BackendError,
    BackendUnavailable,
    ManifestError,
    ModelError,
)
from edgeclf.model_file import ModelFile

pytestmark = pytest.mark.usefixtures("rtx")
PRECISIONS = ("fp32", "fp16", "int8")
LIMIT = {"fp32": 1.0, "fp16": 0.75, "int8": 0.9}


def _read(path) -> "tuple[Dict[str, Any], bytes]":
    document, plan = split(path.read_bytes(), name=path.name)
    assert document is not None
    return document, bytes(plan)


@pytest.fixture(scope="module")
def default_engines(tmp_path_factory, default_model, photos):
    """precision -> (path, report)"""
    folder = tmp_path_factory.mktemp("default")
    built = {}
    for precision in PRECISIONS:
        out = folder / f"{precision}.engine"
        report = build_engine(
            default_model,
            out,
            precision=precision,
            calibrate=photos,
            compute_capability="8.9",
            runtime="tensorrt-rtx",
        )
        built[precision] = (out, report)
    return built


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_default_model_becomes_an_engine(precision, default_engines, default_model):
    path, report = default_engines[precision]
    document, plan = _read(path)
    header = read_header(plan)
    assert header.kind == "tensorrt-rtx"
    assert header.compute_capabilities == ((8, 9),)
    assert header.size == len(plan)
    facts = facts_of(document)
    assert facts.plan_sha256 == hashlib.sha256(plan).hexdigest() == report.plan_sha256
    assert facts.source_sha256 == hashlib.sha256(default_model.read_bytes()).hexdigest()
    assert facts.source == default_model.name
    assert facts.precision == report.precision == precision
    assert facts.batch == report.batch == (1, 1, 1)
    assert facts.built_with == report.built_with
    assert ".".join(str(n) for n in header.version) == report.built_with.split(" ")[1]
    assert report.size_bytes == path.stat().st_size


@pytest.mark.parametrize("precision", PRECISIONS)
def test_spec_and_labels_are_those_of_the_model(precision, default_engines, default_model):
    ours, theirs = (
        {s.name: s.fields for s in manifest.read(ModelFile(path))}
        for path in (default_engines[precision][0], default_model)
    )
    (engine,), (original,) = ours.values(), theirs.values()
    assert engine.pop("activation") == "softmax"
    assert {k: original[k] for k in engine if k in original} == {
        k: engine[k] for k in engine if k in original
    }
    assert set(original) - {"activation"} <= set(engine)
    assert len(engine["labels"]) == 1000


def test_precision_shows_in_the_size(default_engines):
    sizes = {p: path.stat().st_size for p, (path, _) in default_engines.items()}
    assert sizes["fp16"] < LIMIT["fp16"] * sizes["fp32"]
    assert sizes["int8"] < LIMIT["int8"] * sizes["fp32"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_report_says_what_was_compared(precision, default_engines):
    _, report = default_engines[precision]
    check = report.check
    assert check.compared in ("engine", "prepared onnx")
    assert check.pictures == 8
    assert check.passed is True
    assert check.agreeing >= check.same_class
    if check.compared == "prepared onnx":
        assert "the engine was not run" in check.reason
    document = json.loads(report.to_json())
    assert document["check"]["largest_difference"] <= document["check"]["tolerance"]
    assert document["seconds"]["build"] > 0
    assert any("Clip" in c or "symmetric" in c for c in document["changes"])


def test_mobilenet_is_written_down_as_published():
    model = mobilenet_v3_small()
    onnx.checker.check_model(model, full_check=True)
    numbers = sum(int(np.prod(t.dims)) for t in model.graph.initializer)
    # torchvision counts 2,542,856 parameters, two for each BatchNorm channel; folded, one is left.
    channels, norms = 16, 16 + 576
    for row in BOTTLENECKS:
        norms += row.expanded * (1 if row.expanded == channels else 2) + row.out
        channels = row.out
    assert numbers == 2_542_856 - norms
    operators = [n.op_type for n in model.graph.node]
    assert operators.count("HardSwish") == 19
    assert operators.count("HardSigmoid") == sum(row.squeeze for row in BOTTLENECKS) == 9
    assert [divisible(n / 4) for n in (16, 96, 240, 576)] == [8, 24, 64, 144]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_mobilenet_becomes_an_engine(precision, mobilenet, photos, tmp_path):
    out = tmp_path / "mobilenet.engine"
    report = build_engine(
        mobilenet,
        out,
        precision=precision,
        calibrate=photos,
        spec=SPEC,
        batch=(1, 4, 8),
        runtime="tensorrt-rtx",
    )
    document, plan = _read(out)
    header = read_header(plan)
    assert header.kind == "tensorrt-rtx"
    # Without a GPU and without a wish: every GPU from 8.0 on.
    assert {(8, 0), (8, 9), (12, 0)} <= set(header.compute_capabilities) or report.gpu
    assert facts_of(document).batch == (1, 4, 8)
    assert document["edgeclf"]["input"]["mean"] == SPEC["mean"]
    assert document["edgeclf"]["output"]["activation"] == "none"  # the graph ends in one
    assert report.check.passed
    if precision == "int8":
        assert "8 pictures" in report.changes[0]
        assert "what is not quantised runs in fp32" in report.notes


def _tiny(tmp_path, **arguments: Any) -> Any:
    path = tiny_classifier(tmp_path / "tiny.onnx")
    arguments = {"spec": TINY_SPEC, "runtime": "tensorrt-rtx", "check": False, **arguments}
    return build_engine(path, tmp_path / "tiny.engine", **arguments)


def test_several_compute_capabilities(tmp_path):
    report = _tiny(tmp_path, compute_capability=["8.9", "8.6", "8.9"])
    assert report.compute_capability == "8.6, 8.9"
    _, plan = _read(tmp_path / "tiny.engine")
    assert read_header(plan).compute_capabilities == ((8, 6), (8, 9))


def test_an_engine_for_another_gpu_is_not_run_on_this_one(tmp_path):
    cuda = FakeCuda(FAKE_FACTS._replace(memory_bytes=8 * 2**30, compute_capability=(8, 9)))
    report = _tiny(tmp_path, compute_capability="8.6", cuda=cuda, check=True)
    assert report.check.compared == "prepared onnx"
    assert "it is for 8.6, and this is 8.9" in report.check.reason
    # Where nothing is asked for, the GPU at hand is meant.
    assert _tiny(tmp_path, cuda=cuda).compute_capability == "8.9"
    assert report.gpu == FAKE_FACTS.name


def test_labels_of_the_call_are_embedded(tmp_path):
    _tiny(tmp_path, labels=TINY_LABELS)
    document, _ = _read(tmp_path / "tiny.engine")
    assert document["edgeclf"]["output"]["labels"] == TINY_LABELS


def test_progress_is_told_in_steps(tmp_path):
    seen = []
    _tiny(tmp_path, progress=lambda step, done, total: seen.append((step, done, total)) or True)
    names = [step for step, _, _ in seen]
    assert [n for n in names if n in ("prepare", "build", "write")] == ["prepare", "build", "write"]
    phases = set(names) - {"prepare", "build", "write", "check"}
    assert phases  # the vendor's own words
    assert all(done >= 0 and total >= 0 for _, done, total in seen)


def test_progress_can_stop_the_build(tmp_path):
    def stop(step, done, total):
        return step in ("prepare", "build")

    with pytest.raises(BackendError, match="stopped"):
        _tiny(tmp_path, progress=stop)
    assert not (tmp_path / "tiny.engine").exists()


def test_an_exception_of_the_progress_comes_out(tmp_path):
    def interrupt(step, done, total):
        if step not in ("prepare", "build"):
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        _tiny(tmp_path, progress=interrupt)
    assert not (tmp_path / "tiny.engine").exists()


def test_a_fixed_batch_is_kept(tmp_path):
    path = tiny_classifier(tmp_path / "three.onnx", batch=3)
    out = tmp_path / "three.engine"
    keywords = {"spec": TINY_SPEC, "runtime": "tensorrt-rtx", "check": False}
    assert build_engine(path, out, **keywords).batch == (3, 3, 3)
    with pytest.raises(ModelError, match="fixed to 3"):
        build_engine(path, out, batch=(1, 2, 4), **keywords)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Foo", ["x"], ["y"], "odd_one")], "Foo odd_one"),
        ([node("Reshape", ["x", "missing"], ["y"], "lost")], "lost|missing"),
    ],
)
def test_the_parser_names_the_node(nodes, message, tmp_path):
    model = model_of(nodes, {}, ["batch", 3, 8, 8], classes=4)
    onnx.save(model, str(tmp_path / "odd.onnx"))
    spec = {**TINY_SPEC, "activation": "softmax"}
    with pytest.raises(ModelError, match=message):
        build_engine(
            tmp_path / "odd.onnx", tmp_path / "odd.engine", spec=spec, check=False,
            runtime="tensorrt-rtx",
        )  # fmt: skip
    assert not (tmp_path / "odd.engine").exists()


def test_a_builder_that_fails_says_why(tmp_path):
    # A shape for one frame alone: parsed, and refused when it is built for eight.
    nodes = [node("Reshape", ["x", "shape"], ["y"], "flat")]
    model = model_of(nodes, {"shape": np.array([1, 192])}, ["batch", 3, 8, 8], classes=192)
    onnx.save(model, str(tmp_path / "flat.onnx"))
    with pytest.raises(BackendError, match=r"(?s)flat.onnx: tensorrt-rtx .*768 to 192"):
        build_engine(
            tmp_path / "flat.onnx", tmp_path / "flat.engine", check=False, runtime="tensorrt-rtx",
            batch=(1, 4, 8), spec={**TINY_SPEC, "activation": "softmax"},
        )  # fmt: skip
    assert not (tmp_path / "flat.engine").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"version_compatible": True}, BackendUnavailable, "version-compatible"),
        ({"dla": 0, "precision": "fp16"}, BackendUnavailable, "there are 0"),
        ({"compute_capability": "5.3"}, BackendUnavailable, "knows 7.5, 8.0"),
        ({"device": "cpu"}, ArgumentError, "cuda:N"),
        ({"runtime": "other"}, ArgumentError, "tensorrt-rtx"),
        ({"spec": None}, ManifestError, "resize_mode"),
    ],
)
def test_what_cannot_be_had_is_refused(arguments, error, message, tmp_path):
    with pytest.raises(error, match=message):
        _tiny(tmp_path, **arguments)
    assert not (tmp_path / "tiny.engine").exists()


def test_what_answers_otherwise_is_not_written(tmp_path, monkeypatch, noise):
    # The converter goes wrong: the check must see it.
    from edgeclf.build import prepare as module

    def half(model):
        flipped = tiny_graph()
        for tensor in flipped.graph.initializer:
            if tensor.name == "d":
                values = -onnx.numpy_helper.to_array(tensor)
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, "d"))
        return flipped, ["nothing of note"]

    monkeypatch.setattr(module, "as_half", half)
    with pytest.raises(ModelError, match=r"agrees with the original on \d of 6 pictures"):
        _tiny(tmp_path, precision="fp16", check=True, calibrate=noise)
    assert not (tmp_path / "tiny.engine").exists()
    assert _tiny(tmp_path, precision="fp16", check=False).check.passed is None

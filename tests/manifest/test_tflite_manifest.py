"""TFLite: the graph's facts, TFLite Metadata, and embedding. The real runtime is the judge."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from small_models import run_tflite, tensors_of

from edgeclf.errors import ManifestError, SpecMismatch
from edgeclf.manifest import Resolved, embed, graph_facts, read, resolve
from edgeclf.manifest.tflite_graph import metadata_buffer
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec, ScoreCalibration

pytest.importorskip("ai_edge_litert")
import tflite_models

LABELS = tuple(f"class {i}" for i in range(tflite_models.CLASSES))
CALIBRATION = ScoreCalibration(
    "log", 0.1, (None, (1.0, 2.0, 3.0, None), (1.0, 2.0, 3.0, 0.5), None, None)
)
SPEC = InputSpec(
    4, 4, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), rescale_factor=1 / 255,
    layout="nhwc", resize_mode="center-crop", resize_size=5, interpolation="bicubic",
)  # fmt: skip
OUTPUT = OutputSpec(LABELS, "none", thresholds=(0.25,), score_calibration=CALIBRATION)

REAL = {
    "mobilenet_v1_0.25_224_float_with_metadata.tflite": ("float32", "tench", "fp32"),
    "mobilenet_v2_1.0_224_quant.tflite": ("uint8", "tench, Tinca tinca", "int8"),
    "tf2_mobilenet_v2_1.0_224_ptq.tflite": ("uint8", "tench, Tinca tinca", "int8"),
}


def resolved(content: bytes) -> Resolved:
    model = ModelFile(content)
    return resolve(read(model), *tensors_of(content), graph_facts(model), "m.tflite")


def parts(content: bytes) -> Tuple[bytes, Dict[str, bytes]]:
    """The FlatBuffer and the members of the archive behind it, by zipfile alone."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        start = min(info.header_offset for info in archive.infolist())
    return content[:start], members


def with_members(flatbuffer: bytes, members: List[Tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def embedded(tmp_path: Path, content: bytes, spec: InputSpec, output: OutputSpec) -> bytes:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    embed(path, spec, output)
    return path.read_bytes()


RESHAPE, SOFTMAX, CAST, RELU = (
    tflite_models.RESHAPE,
    tflite_models.SOFTMAX,
    tflite_models.CAST,
    tflite_models.RELU,
)
LOGISTIC, DEQUANTIZE, LOG_SOFTMAX, QUANTIZE = 14, 6, 50, 114


@pytest.mark.parametrize(
    ("codes", "operator", "activation"),
    [
        ([SOFTMAX], "SOFTMAX", "none"),
        ([RELU, LOGISTIC, QUANTIZE, DEQUANTIZE, CAST, RESHAPE], "LOGISTIC", "none"),
        ([SOFTMAX, RELU], "RELU", None),
        ([LOG_SOFTMAX], "LOG_SOFTMAX", None),
        ([98], "builtin operator 98", None),
        ([RESHAPE], "", None),
    ],
)
def test_where_the_scores_come_from(codes: Any, operator: str, activation: Any) -> None:
    tensors = [tflite_models.Tensor(f"t{i}", "float32", (1, 4)) for i in range(len(codes) + 1)]
    chain = [tflite_models.Operator(code, [i], [i + 1]) for i, code in enumerate(codes)]
    content = tflite_models.write(tensors, chain, [0], [len(codes)])
    assert graph_facts(ModelFile(content)) == (operator, activation, "fp32")


def test_a_custom_operator_is_named_and_a_circle_ends() -> None:
    assert graph_facts(ModelFile(tflite_models.custom_operator()))[0] == "edgeclf-unknown"
    tensors = [tflite_models.Tensor("t", "float32", (1, 4))]
    circle = [tflite_models.Operator(RESHAPE, [0], [0])]
    content = tflite_models.write(tensors, circle, [0], [0])
    assert graph_facts(ModelFile(content)).activation is None


@pytest.mark.parametrize("name", REAL)
def test_real_models_need_no_argument(shared_data: Path, name: str) -> None:
    content = (shared_data / "models" / name).read_bytes()
    dtype, second_label, precision = REAL[name]
    found = resolved(content)
    spec = found.input_spec
    assert (spec.width, spec.height, spec.layout, spec.dtype) == (224, 224, "nhwc", dtype)
    assert (spec.mean, spec.std, spec.color_mode) == ((127.5,), (127.5,), "rgb")
    assert (spec.resize_mode, spec.interpolation, spec.antialias) == ("stretch", "bilinear", False)
    for field in ("resize_mode", "interpolation", "antialias"):
        assert found.provenance[field] == "convention (TFLite Metadata)"
    assert found.output_spec.labels is not None
    assert found.output_spec.labels[:2] == ("background", second_label)
    assert len(found.output_spec.labels) == 1001
    assert found.graph == ("SOFTMAX", "none", precision)
    assert found.output_spec.activation == "none"


def test_a_feature_extractor_is_no_classifier(shared_data: Path) -> None:
    name = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    content = (shared_data / "models" / name).read_bytes()
    assert tensors_of(content)[1].shape == (1, 1, 1, 1024)
    with pytest.raises(SpecMismatch, match="feature extractor"):
        resolved(content)


@pytest.mark.parametrize("name", REAL)
def test_real_models_run_the_same_after_embedding(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    content = (shared_data / "models" / name).read_bytes()
    spec = InputSpec(
        224, 224, mean=127.5, std=127.5, layout="nhwc", dtype=REAL[name][0], resize_mode="letterbox"
    )
    output = OutputSpec(tuple(f"label {i}" for i in range(1001)), "none")
    after = embedded(tmp_path, content, spec, output)
    np.testing.assert_array_equal(run_tflite(after), run_tflite(content))
    found = resolved(after)
    assert (found.input_spec, found.output_spec) == (spec, output)
    assert found.provenance["resize_mode"] == "edgeclf.json"
    assert set(parts(after)[1]) == {"edgeclf.json", "labels.txt"}


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_small_models_run_the_same_after_embedding(tmp_path: Path, dtype: str) -> None:
    float32 = dtype == "float32"
    content = (
        tflite_models.float_classifier() if float32 else tflite_models.quantized_classifier(dtype)
    )
    spec = InputSpec(4, 4, layout="nhwc", dtype=dtype, mean=1.5, std=2.5)
    after = embedded(tmp_path, content, spec, OUTPUT)
    np.testing.assert_array_equal(run_tflite(after), run_tflite(content))
    assert graph_facts(ModelFile(after)) == graph_facts(ModelFile(content))
    assert embedded(tmp_path, after, spec, OUTPUT) == after
    (source,) = read(ModelFile(after))
    assert source.fields["score_calibration"] == CALIBRATION
    assert source.fields["std"] == (2.5,)


def test_every_buffer_lies_on_sixteen_bytes(tmp_path: Path) -> None:
    """Found by TFLite's own schema classes, from where their vectors begin."""
    from ai_edge_litert import schema_py_generated as schema

    after = embedded(tmp_path, tflite_models.float_classifier(), SPEC, OUTPUT)
    model = schema.Model.GetRootAs(after, 0)
    found = 0
    for index in range(model.BuffersLength()):
        table = model.Buffers(index)._tab
        if table.Offset(4) and model.Buffers(index).DataLength():
            assert table.Vector(table.Offset(4)) % 16 == 0
            found += 1
    assert found >= 3


def test_other_tools_read_the_metadata(tmp_path: Path) -> None:
    after = embedded(tmp_path, tflite_models.float_classifier(), SPEC, OUTPUT)
    flatbuffer, members = parts(after)
    assert members["labels.txt"].decode().splitlines() == list(LABELS)
    assert [info.compress_type for info in zipfile.ZipFile(io.BytesIO(after)).infolist()] == [0] * 3
    buffer = metadata_buffer(ModelFile(after), "TFLITE_METADATA")
    assert buffer is not None
    # By hand: somewhere the float32 of mean and std in pixels, as the format has them.
    for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)):
        assert struct.pack("<3f", *(value * 255 for value in values)) in buffer
    # Without our own document the standard part alone says the same, as far as it goes.
    source = read(ModelFile(with_members(flatbuffer, list(members.items())[1:])))[0]
    assert source.name == "TFLite Metadata"
    np.testing.assert_allclose(source.fields["mean"], np.multiply(SPEC.mean, 255), rtol=1e-7)
    assert source.fields["thresholds"] == (0.25,)
    assert source.fields["score_calibration"].parameters == CALIBRATION.parameters
    assert source.fields["score_calibration"].default_score == pytest.approx(0.1)
    assert source.fields["labels"] == LABELS


def test_document_and_metadata_must_not_differ(tmp_path: Path) -> None:
    flatbuffer, members = parts(embedded(tmp_path, tflite_models.float_classifier(), SPEC, OUTPUT))
    for field, value in (("mean", [9.0]), ("thresholds", [0.5]), ("color_mode", "gray")):
        document = json.loads(members["edgeclf.json"])
        part = "output" if field == "thresholds" else "input"
        document[part][field] = value
        changed = {**members, "edgeclf.json": json.dumps(document).encode()}
        with pytest.raises(ManifestError, match="changed alone"):
            read(ModelFile(with_members(flatbuffer, list(changed.items()))))


def test_other_members_stay_and_are_not_read(tmp_path: Path) -> None:
    content = with_members(tflite_models.float_classifier(), [("notes.txt", b"x")])
    after = embedded(tmp_path, content, SPEC, OutputSpec(LABELS, "none"))
    assert parts(after)[1]["notes.txt"] == b"x"


def test_labels_that_no_line_can_hold_are_in_the_document_alone(tmp_path: Path) -> None:
    for labels, offset in (((" a", "b", "c\nd", "", "e"), 0), (("background", *LABELS), 1)):
        output = OutputSpec(labels, "none", offset)
        after = embedded(tmp_path, tflite_models.float_classifier(), SPEC, output)
        assert "labels.txt" not in parts(after)[1]
        assert read(ModelFile(after))[0].fields["labels"] == labels


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("labels.txt", None, "not in the model"),
        ("labels.txt", b"a\n\nb\n", "line 2 is empty"),
        ("labels.txt", b"\xff\xfe", "UTF-8"),
        ("labels.txt", b"x\n" * (9 * 2**20), "more than"),
        ("edgeclf.json", b"{}" + b" " * (17 * 2**20), "more than"),
        ("edgeclf.json", b"{", "JSON"),
        ("edgeclf.json", b'{"schema_version": 1, "delegates": ["libx.so"]}', "delegates"),
        ("score_calibration.csv", b"1,2\n", "0, 3 or 4"),
        ("score_calibration.csv", b"1,2,x\n", "score calibration"),
        ("score_calibration.csv", b"1,2,nan\n", "finite"),
        ("score_calibration.csv", b"-1,2,3\n", "negative"),
    ],
)
def test_archives_that_are_refused(tmp_path: Path, name: str, content: Any, says: str) -> None:
    flatbuffer, members = parts(embedded(tmp_path, tflite_models.float_classifier(), SPEC, OUTPUT))
    members[name] = content
    kept = [(member, text) for member, text in members.items() if text is not None]
    with pytest.raises(ManifestError, match=says):
        read(ModelFile(with_members(flatbuffer, kept)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_and_a_name_that_climbs(tmp_path: Path) -> None:
    after = embedded(tmp_path, tflite_models.float_classifier(), SPEC, OUTPUT)
    flatbuffer, members = parts(after)
    twice = [*members.items(), ("labels.txt", b"other\n")]
    with pytest.raises(ManifestError, match="stands 2 times"):
        read(ModelFile(with_members(flatbuffer, twice)))
    # The metadata asks for "../bels.tx": as long as the true name, so no offset moves.
    climbing = after.replace(b"labels.txt", b"../els.txt")
    with pytest.raises(ManifestError, match="plain name"):
        read(ModelFile(climbing))

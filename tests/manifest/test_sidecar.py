"""The sidecar: read, refused, written; and its schema, which must agree with the reader."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Dict

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import LABELS, write_json

import edgeclf.manifest
from edgeclf.errors import EdgeclfError, ManifestError
from edgeclf.manifest.fields import INPUT_FIELDS, OUTPUT_FIELDS
from edgeclf.manifest.sidecar import read_file, source_of
from edgeclf.spec import InputSpec, OutputSpec

SCHEMA = json.loads(
    (Path(edgeclf.manifest.__file__).parent / "sidecar.schema.json").read_text(encoding="utf-8")
)

FULL: Dict[str, Any] = {
    "schema_version": 1,
    "model": {"sha256": "ab" * 32, "name": "small"},
    "input": {
        "width": 224,
        "height": 224,
        "color_mode": "rgb",
        "resize_mode": "center-crop",
        "resize_size": 256,
        "crop_rounding": "floor",
        "interpolation": "bicubic",
        "antialias": True,
        "exact": None,
        "rescale_factor": 0.00392156862745098,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "pad_value": 0,
        "layout": "nchw",
        "dtype": "float32",
    },
    "output": {
        "labels": ["cat", "dog"],
        "activation": "softmax",
        "label_offset": 0,
        "multilabel": False,
        "score_calibration": {
            "transformation": "log",
            "default_score": 0.1,
            "parameters": [[1, 2, 3], None, [1, 2, 3, 0.5], [1, 2, 3, None]],
        },
        "thresholds": [0.5, 0.25],
    },
}

# What each field may be, and what it may not: (path, good values, bad values).
VALUES = [
    ("schema_version", [1, 1.0], [2, 0, "1", None, True, 1.5]),
    ("model", [{}], [None, [], "x", {"delegates": []}]),
    (
        "model.sha256",
        ["0" * 64, "AB" * 32],
        ["", "0" * 63, "0" * 65, "0" * 64 + "\n", "g" * 64, 7, None],
    ),
    ("model.name", ["", "x"], [1, None]),
    ("input", [{}], [None, [], "x", {"plugins": ["x.so"]}, {"Width": 1}]),
    ("output", [{}], [None, [], "x", {"providers": ["x"]}]),
    ("input.width", [1, 16384, 224.0], [0, -1, 16385, 2.5, "224", None, True, [224]]),
    ("input.height", [1], [0]),
    ("input.color_mode", ["bgr", "gray"], ["RGB", "", None, 1, ["rgb"]]),
    ("input.resize_mode", ["stretch", "letterbox"], ["crop", None]),
    ("input.resize_size", [256, None], [0, "256", False]),
    ("input.crop_rounding", ["round"], ["ceil", None]),
    ("input.interpolation", ["area", "box"], ["cubic", None, 3]),
    ("input.antialias", [False], [None, 1, "true"]),
    ("input.exact", [True, False, None], [0, "yes"]),
    ("input.rescale_factor", [1, -0.5, 1e-9], [0, 0.0, "1", None, True, 1e31, [1]]),
    ("input.mean", [0, [0], [1, 2, 3], None, -5.5], ["0", [], [1, 2], [1, 2, 3, 4], [1, "2", 3]]),
    ("input.std", [1, [0.5], [1, 2, 3], None], [0, -1, [1, 0, 1], [], [True, 1, 1]]),
    ("input.pad_value", [0, 255, [1, 2, 3], None, 7.0], [-1, 256, 1.5, [1, 2], "0", False]),
    ("input.layout", ["nhwc"], ["NCHW", None]),
    ("input.dtype", ["int8", "float16"], ["float64", "int16", None]),
    (
        "output.labels",
        [["a"], None],
        [[], [1], ["a", None], {}, 5, "", "a/b", "..", "a\\b", "c:d", "e\n"],
    ),
    ("output.activation", ["none", "sigmoid"], ["relu", None]),
    ("output.label_offset", [-1, 1, 2.0], [0.5, "1", None, 2**21]),
    ("output.multilabel", [True], [0, None]),
    ("output.score_calibration", [{}, None, {"parameters": []}], [[], "x", {"parameter": []}]),
    (
        "output.score_calibration.parameters",
        [[None], [[0, 1, 2]]],
        [[[1, 2]], [[1, 2, 3, 4, 5]], [[-1, 2, 3]], [["1", 2, 3]], None, [1]],
    ),
    ("output.score_calibration.transformation", ["identity"], ["exp", None]),
    ("output.thresholds", [0.5, 1, [0.5], None], [[], "0.5", [None], True]),
]


def with_value(path: str, value: Any) -> Dict[str, Any]:
    document = copy.deepcopy(FULL)
    part: Any = document
    *folders, name = path.split(".")
    for folder in folders:
        part = part[folder]
    part[name] = value
    return document


def schema_takes(document: Any) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def reader_takes(document: Any) -> bool:
    try:
        source_of(document, "x.json", lambda name: LABELS)
    except ManifestError:
        return False
    return True


def test_the_schema_is_a_schema_and_names_every_field() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    parts = SCHEMA["properties"]
    assert set(parts["input"]["properties"]) == set(INPUT_FIELDS)
    assert set(parts["output"]["properties"]) == set(OUTPUT_FIELDS)
    assert set(INPUT_FIELDS) == set(InputSpec.__dataclass_fields__)
    assert set(OUTPUT_FIELDS) == set(OutputSpec.__dataclass_fields__)


@pytest.mark.parametrize(("path", "good", "bad"), VALUES, ids=[row[0] for row in VALUES])
def test_reader_and_schema_agree(path: str, good: Any, bad: Any) -> None:
    for value in good:
        assert schema_takes(with_value(path, value)), value
        assert reader_takes(with_value(path, value)), value
    for value in bad:
        assert not schema_takes(with_value(path, value)), value
        assert not reader_takes(with_value(path, value)), value


def test_every_field_alone_may_be_left_out() -> None:
    for part in ("input", "output"):
        for name in FULL[part]:
            document = copy.deepcopy(FULL)
            del document[part][name]
            assert schema_takes(document)
            assert name not in source_of(document, "x.json").fields
    assert reader_takes({"schema_version": 1})
    assert schema_takes({"schema_version": 1})
    for document in ({}, [], None, {"schema_version": 1, "delegate": "libx.so"}):
        assert not schema_takes(document)
        assert not reader_takes(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([row[0] for row in VALUES]), JSON)
def test_reader_and_schema_agree_on_anything(path: str, value: Any) -> None:
    document = with_value(path, value)
    assert schema_takes(document) == reader_takes(document)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"schema_version": 1, "schema_version": 1}', "given twice"),
        ('{"schema_version": 1, "input": {"mean": NaN}}', "NaN"),
        ('{"schema_version": 1, "input": {"mean": -Infinity}}', "Infinity"),
        ('{"schema_version": 1, "input": {"mean": 1e999}}', "finite"),
        ('{"schema_version": 1, "input": {"width": 1' + "0" * 400 + "}}", "width"),
        ('{"schema_version": 1, "input": {"mean": 1' + "0" * 5000 + "}}", "m"),
        ('{"schema_version": 1', "not a usable JSON"),
        ("[" * 200_000, "not a usable JSON"),
        ("", "not a usable JSON"),
        ('{"schema_version": 3}', "another"),
        ('{"schema_version": 1, "input": {"widht": 3}}', "did you mean width"),
        ('{"schema_version": 1, "delegates": ["libevil.so"]}', "delegates"),
    ],
)
def test_documents_that_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=says) as caught:
        read_file(path)
    assert "model.json" in str(caught.value)


def test_bytes_that_are_no_text_and_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(b'{"schema_version": 1, "x": "\xff"}')
    with pytest.raises(ManifestError, match="UTF-8"):
        read_file(tmp_path / "model.json")
    (tmp_path / "other.json").mkdir()
    with pytest.raises(ManifestError, match=r"other\.json"):
        read_file(tmp_path / "other.json")


def test_labels_by_file_name(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\n", encoding="utf-8")
    write_json(tmp_path / "names.json", ["eel", "fox"])
    for name, wanted in (("names.txt", ("cat", "dog")), ("names.json", ("eel", "fox"))):
        path = write_json(tmp_path / "m.json", {"schema_version": 1, "output": {"labels": name}})
        assert read_file(path).fields["labels"] == wanted
    secret = tmp_path.parent / "secret.txt"
    secret.write_text("s\n", encoding="utf-8")
    for name in ("../secret.txt", str(secret), "none.txt", "..", "a\\b.txt", "C:x.txt", "a\0b"):
        path = write_json(tmp_path / "m.json", {"schema_version": 1, "output": {"labels": name}})
        with pytest.raises(ManifestError, match=r"labels|none"):
            read_file(path)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_give_a_typed_error(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "x.json"
    path.write_bytes(content)
    with pytest.raises(EdgeclfError):
        read_file(path)

"""spec= and labels=, label files, and the order of the homes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import COMPLETE, LABELS, onnx_model, save_onnx, write_json

from edgeclf.errors import ManifestError
from edgeclf.manifest import read
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec, ScoreCalibration

MODEL = ModelFile(onnx_model())
INPUT, OUTPUT = InputSpec(8, 8, mean=(1, 2, 3), std=4), OutputSpec(LABELS, "softmax")


def fields(spec: Any = None, labels: Any = None) -> Any:
    sources = read(MODEL, spec=spec, labels=labels)
    return sources[0].fields if sources else None


def test_no_arguments_and_nothing_written() -> None:
    assert read(MODEL) == []


def test_specs_say_all_their_fields() -> None:
    found = fields((INPUT, OUTPUT))
    assert found["mean"] == (1.0, 2.0, 3.0)
    assert found["labels"] == LABELS
    assert set(found) == {*InputSpec.__dataclass_fields__, *OutputSpec.__dataclass_fields__}
    assert set(fields(INPUT)) == set(InputSpec.__dataclass_fields__)
    assert set(fields([OUTPUT])) == set(OutputSpec.__dataclass_fields__)


def test_a_mapping_flat_nested_or_a_whole_document() -> None:
    flat = fields({"width": 8, "mean": [1, 2, 3], "activation": "softmax"})
    nested = fields({"input": {"width": 8, "mean": (1, 2, 3)}, "output": {"activation": "softmax"}})
    document = fields(
        {
            "schema_version": 1,
            "input": {"width": 8, "mean": [1, 2, 3]},
            "output": {"activation": "softmax"},
        }
    )
    wanted = {"width": 8, "mean": (1.0, 2.0, 3.0), "activation": "softmax"}
    assert flat == nested == document == wanted


def test_numpy_values_are_numbers_too() -> None:
    found = fields(
        {"width": np.int64(8), "mean": np.array([1.0, 2.0, 3.0]), "std": np.float32(0.5)}
    )
    assert found == {"width": 8, "mean": (1.0, 2.0, 3.0), "std": (0.5,)}
    assert type(found["width"]) is int


def test_a_calibration_object_is_taken_as_it_is() -> None:
    calibration = ScoreCalibration("log", 0.5, (None,))
    assert fields({"score_calibration": calibration}) == {"score_calibration": calibration}


def test_a_path_in_the_sidecar_format(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "spec.json",
        {"schema_version": 1, "input": {"width": 8}, "output": {"labels": "l.txt"}},
    )
    (tmp_path / "l.txt").write_text("cat\n", encoding="utf-8")
    assert fields(str(path)) == fields(path) == {"width": 8, "labels": ("cat",)}
    with pytest.raises(ManifestError, match=r"absent\.json"):
        fields(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"widht": 8}, "did you mean width"),
        ({"width": "8"}, "whole number 1..16384"),
        ({"width": float("nan")}, "whole number"),
        ({"mean": float("inf")}, "finite"),
        ({"mean": np.array([np.nan, 0, 0])}, "finite"),
        ({"std": 0}, "above 0"),
        ({"labels": {"a": 1}}, "labels"),
        ({"input": {"width": 8}, "activation": "softmax"}, "beside 'input' and 'output'"),
        ({"input": {"activation": "softmax"}}, "unknown field 'activation'"),
        ({"input": None}, "mapping"),
        ({1: 2}, "unknown field 1"),
        ((OUTPUT, INPUT), "OutputSpec, InputSpec"),
        ((), "pair"),
        (42, "int"),
        ({"plugins": ["x.so"]}, "plugins"),
    ],
)
def test_specs_that_are_refused(spec: Any, says: str) -> None:
    with pytest.raises(ManifestError, match=says):
        fields(spec)


def test_labels_in_every_form(tmp_path: Path) -> None:
    text = tmp_path / "labels one.txt"
    text.write_bytes("\ufeffcat\r\ndog \r\nOdd\u2028name\r\n".encode())
    json_list = write_json(tmp_path / "l.json", ["cat", "dog"])
    assert fields(labels=["cat", "dog"]) == {"labels": ("cat", "dog")}
    assert fields(labels=np.array(["cat", "dog"])) == {"labels": ("cat", "dog")}
    assert fields(labels=text) == {"labels": ("cat", "dog", "Odd\u2028name")}
    assert fields(labels=str(json_list)) == {"labels": ("cat", "dog")}
    assert fields(spec={"labels": str(text)})["labels"][0] == "cat"
    # A last line without its end is a label all the same.
    text.write_bytes(b"cat\ndog")
    assert fields(labels=text) == {"labels": ("cat", "dog")}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n", "line 1 is empty"),
        (b"cat\n\ndog\n", "line 2 is empty"),
        (b"cat\n \t\n", "line 2 is empty"),
        (b"cat\xff\n", "UTF-8"),
    ],
)
def test_label_files_that_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(ManifestError, match=says):
        fields(labels=path)
    save_onnx(tmp_path)
    with pytest.raises(ManifestError, match=says):
        read(ModelFile(tmp_path / "model.onnx"))


@pytest.mark.parametrize("labels", [[], {"cat": 0}, {"cat"}, [1, 2], 5, b"cat", [None]])
def test_labels_that_are_refused(labels: Any) -> None:
    with pytest.raises(ManifestError, match="labels"):
        fields(labels=labels)


def test_labels_beside_a_spec(tmp_path: Path) -> None:
    assert fields(COMPLETE, LABELS)["labels"] == LABELS
    assert fields((INPUT, OutputSpec()), LABELS)["labels"] == LABELS
    assert fields(OUTPUT, list(LABELS))["labels"] == LABELS
    with pytest.raises(ManifestError, match="given twice"):
        fields(OUTPUT, ["other"])


def test_the_order_of_the_homes(tmp_path: Path) -> None:
    model = save_onnx(
        tmp_path, metadata={"edgeclf": '{"schema_version": 1, "input": {"width": 8}}'}
    )
    write_json(tmp_path / "model.json", {"schema_version": 1})
    (tmp_path / "labels.txt").write_text("cat\n", encoding="utf-8")
    write_json(tmp_path / "preprocessor_config.json", {"resample": 2})
    write_json(tmp_path / "config.json", {"pretrained_cfg": {"input_size": [3, 8, 8]}})
    names = [source.name for source in read(ModelFile(model), spec={"width": 8})]
    assert names == [
        "argument",
        "model.json",
        "labels.txt",
        "ONNX metadata",
        "preprocessor_config.json",
        "config.json",
    ]


def test_a_model_called_config_has_a_sidecar_and_no_configuration(tmp_path: Path) -> None:
    model = save_onnx(tmp_path, "config.onnx")
    write_json(tmp_path / "config.json", {"schema_version": 1, "input": {"width": 8}})
    (source,) = read(ModelFile(model))
    assert source.fields == {"width": 8}

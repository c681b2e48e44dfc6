"""Which files belong to a model, and which models cannot go to which board."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from edgeclf.cli.app import cli
from edgeclf.deploy import assumed_board
from edgeclf.deploy.model_files import (
    backend_for,
    copied_model,
    default_model_for,
    deployable,
    score_bound,
)
from edgeclf.deploy.on_board import differences
from edgeclf.deploy.scripts import run_script
from edgeclf.errors import DeployError, ModelError
from edgeclf.model_file import ModelFile
from edgeclf.models import DEFAULT_ONNX, DEFAULT_TFLITE

PI_64 = assumed_board("aarch64", (3, 11))
PI_32 = assumed_board("armv7l", (3, 11))
PC = assumed_board("x86_64", (3, 11))


def test_the_built_in_model_is_the_one_that_the_board_reads():
    assert default_model_for(PC) == DEFAULT_ONNX
    assert default_model_for(PI_64) == DEFAULT_TFLITE == default_model_for(PI_32)


def test_which_runtime():
    assert backend_for(ModelFile(DEFAULT_ONNX), PI_64) == ("onnxruntime", "onnx")
    assert backend_for(ModelFile(DEFAULT_TFLITE), PI_32) == ("tflite", "tflite")
    with pytest.raises(DeployError, match=r"no ONNX Runtime for 32-bit ARM"):
        backend_for(ModelFile(DEFAULT_ONNX), PI_32)


def test_what_no_board_can_run_is_said_before_one_is_asked(tmp_path):
    engine = tmp_path / "m.engine"
    engine.write_bytes(b"ftrt" + bytes(100))
    with pytest.raises(DeployError, match=r"build the engine on the board"):
        deployable(engine)
    with pytest.raises(ModelError, match=r"absent.onnx: cannot be read"):
        deployable(tmp_path / "absent.onnx")
    # Nobody listens there: what is said is about the file.
    command = ["deploy", "127.0.0.1", "--port", "1", "--model", str(engine)]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code != 0
    assert "build the engine on the board" in done.output


def test_the_bound_is_that_of_the_weights():
    pytest.importorskip("google.protobuf")
    assert score_bound(ModelFile(DEFAULT_ONNX)) == 0.05


def test_what_lies_beside_a_model_goes_with_it(tmp_path):
    onnx = pytest.importorskip("onnx")
    home = tmp_path / "my model"
    home.mkdir()
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    value = onnx.helper.make_tensor_value_info
    weights = onnx.numpy_helper.from_array(np.ones(4, np.float32), "w")
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [value("x", onnx.TensorProto.FLOAT, [1, 4])],
        [value("y", onnx.TensorProto.FLOAT, [1, 4])],
        [weights],
    )
    onnx.save_model(
        onnx.helper.make_model(graph),
        str(home / "m.onnx"),
        save_as_external_data=True,
        location="m.weights",
        size_threshold=0,
        convert_attribute=False,
    )
    sidecar = {"schema_version": 1, "output": {"labels": "names.txt"}}
    (home / "m.json").write_text(json.dumps(sidecar))
    for name in ("names.txt", "labels.txt", "secret.txt", "other.onnx"):
        (home / name).write_text("x\n")
    assert copied_model(ModelFile(home / "m.onnx"), tmp_path / "copy") == "m.onnx"
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [
        "labels.txt",
        "m.json",
        "m.onnx",
        "m.weights",
        "names.txt",
    ]


def answers(**changes):
    photo = {
        "tensor_sha256": "a",
        "means": None,
        "top": {"index": 1, "label": "cat", "score": 0.9},
        "scores": {"1": 0.9, "0": 0.1},
        "scores_of": [0.1, 0.9],
        **changes,
    }
    return {"dtype": "uint8", "bound": 0.05, "photos": {"p.jpg": photo}}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"scores_of": [0.14, 0.86]}, None),
        ({"scores_of": [0.16, 0.84]}, "differs by 0.06"),
        ({"scores_of": [0.1, float("nan")]}, "differs by"),
        ({"tensor_sha256": "b"}, "other bits"),
        ({"top": {"index": 0, "label": "cat", "score": 0.9}}, "instead of cat"),
        ({"top": {"index": 1, "label": "dog", "score": 0.9}}, "dog"),
    ],
)
def test_what_counts_as_a_difference(changes, problem):
    problems, _ = differences(answers(), answers(**changes))
    assert (problems == []) if problem is None else (problem in problems[0])


def test_float_tensors_may_differ_by_rounding_alone():
    want = answers(means=[1.0, -2.0])
    for means, count in (([1.000001, -2.0], 0), ([1.001, -2.0], 1), ([1.0], 1), (None, 1)):
        came = answers(tensor_sha256="b", means=means)
        assert len(differences(want, came)[0]) == count


def test_a_model_with_fewer_classes_is_another_model():
    problems, _ = differences(answers(), answers(scores_of=[1.0]))
    assert "there are 1 classes" in problems[0]


def test_a_photograph_without_an_answer():
    came = {**answers(), "photos": {}}
    assert differences(answers(), came)[0] == ["p.jpg: no answer"]
    assert differences({**answers(), "photos": {}}, came)[0], "nothing compared is nothing shown"


def test_a_name_in_the_script_stays_a_name():
    script = run_script("a'b $(touch pwned).onnx", "app/x; touch pwned.py")
    assert "'a'\"'\"'b $(touch pwned).onnx'" in script
    assert "'app/x; touch pwned.py'" in script

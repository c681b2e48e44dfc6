"""edgeclf predict: answers, what it reads, what it says of failures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
from cli_support import LABELS, records, scores_of
from PIL import Image

import edgeclf

Invoke = Callable[..., Any]


def test_json_gives_the_scores_that_pillow_and_numpy_give(
    invoke: Invoke, model: Path, pictures: Path
) -> None:
    paths = [pictures / "red.png", pictures / "blue.png"]
    result = invoke("predict", *paths, "--model", model, "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    answers = records(result.stdout)
    assert [answer["path"] for answer in answers] == [str(path) for path in paths]
    for path, answer in zip(paths, answers):
        expected = scores_of(Image.open(str(path)))
        got = {category["label"]: category["score"] for category in answer["categories"]}
        assert got == pytest.approx(expected, abs=1e-5)
        assert list(got) == sorted(expected, key=lambda label: -expected[label])
        assert (answer["width"], answer["height"]) == (60, 40)
        assert set(answer["speed"]) == {"preprocess_ms", "inference_ms", "postprocess_ms"}
        assert [LABELS[c["index"]] for c in answer["categories"]] == list(got)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (["--region", "5,6,20,10"], {"region_of_interest": (5, 6, 20, 10)}),
        (["--rotate", "90"], {"rotation_degrees": 90}),
        (["--rotate", "-90", "--region", "0,0,9,40"], {}),
    ],
)
def test_region_and_rotation_reach_the_classifier(
    invoke: Invoke, model: Path, pictures: Path, options: Any, arguments: Any
) -> None:
    if not arguments:
        arguments = {"region_of_interest": (0, 0, 9, 40), "rotation_degrees": 270}
    path = pictures / "green.jpg"
    result = invoke("predict", path, "-m", model, "--json", *options)
    with edgeclf.Classifier(model) as classifier:
        expected = classifier.predict(path, **arguments)
    (answer,) = records(result.stdout)
    assert answer["categories"] == expected.to_dict()["categories"]


def test_a_spec_that_lets_jpegs_be_reduced_is_followed(
    invoke: Invoke, model: Path, photos: Path, tmp_path: Path
) -> None:
    spec = tmp_path / "fast.json"
    spec.write_text(json.dumps({"schema_version": 1, "input": {"exact": False}}))
    path, copies = photos / "bird.jpg", tmp_path / "copies"
    result = invoke("predict", path, "-m", model, "--spec", spec, "--json", "--annotate", copies)
    assert result.exit_code == 0, result.stderr
    (answer,) = records(result.stdout)
    with edgeclf.Classifier(model, spec=spec) as classifier:
        reduced, full = classifier.predict(path), classifier.predict(edgeclf.decode(path))
    assert answer["categories"] == reduced.to_dict()["categories"]
    assert answer["categories"] != full.to_dict()["categories"]
    size = Image.open(path).size
    assert (answer["width"], answer["height"]) == size
    assert Image.open(answer["annotated"]).width == size[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--top-k", "1"], ["red"]),
        (["--allow", "green", "--allow", "blue, so blue"], {"green", "blue, so blue"}),
        (["--deny", "red"], {"green", "blue, so blue"}),
        (["--score-threshold", "0.5"], ["red"]),
        (["--score-threshold", "0.999"], []),
    ],
)
def test_options_choose_the_categories(
    invoke: Invoke, model: Path, pictures: Path, options: Any, expected: Any
) -> None:
    result = invoke("predict", pictures / "red.png", "-m", model, "--json", *options)
    assert result.exit_code == 0, result.stderr
    labels = [category["label"] for category in records(result.stdout)[0]["categories"]]
    assert (set(labels) if isinstance(expected, set) else labels) == expected


def test_spec_and_labels_are_files(
    invoke: Invoke, model: Path, pictures: Path, tmp_path: Path
) -> None:
    bare, spec, names = (tmp_path / name for name in ("bare.onnx", "given.json", "names.txt"))
    bare.write_bytes(model.read_bytes())
    stated = json.loads(model.with_suffix(".json").read_text())
    spec.write_text(json.dumps({"schema_version": 1, "input": stated["input"]}))
    names.write_text("rouge\nvert\nbleu\n")
    call = ("predict", pictures / "green.jpg", "-m", bare, "--json", "-k", 1)
    result = invoke(*call)
    assert result.exit_code == 1
    assert "resize_mode" in result.stderr
    result = invoke(*call, "--spec", spec, "--labels", names)
    assert result.exit_code == 0, result.stderr
    assert records(result.stdout)[0]["categories"][0]["label"] == "vert"


def test_a_table_has_a_row_for_each_category(invoke: Invoke, model: Path, pictures: Path) -> None:
    result = invoke("predict", pictures, "-m", model, "-k", 2)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    header, rows = lines[0], lines[1:-2]
    assert header.split() == ["file", "label", "score", "pre", "infer", "post", "ms"]
    assert len(rows) == 3 * 2
    for first, second, name in zip(rows[::2], rows[1::2], ("blue.png", "green.jpg", "red.png")):
        expected = scores_of(Image.open(str(pictures / name)))
        best, other = sorted(expected, key=lambda label: -expected[label])[:2]
        assert first.startswith(str(pictures / name))
        assert f" {best} " in first
        assert f"{expected[best]:.4f}" in first
        assert second.split()[-1] == f"{expected[other]:.4f}"
        assert all(float(cell) >= 0 for cell in first.split()[-3:])
    assert lines[-1].startswith("3 classified. Median ms: decode ")
    assert "\033" not in result.stdout


def test_the_others_are_classified_when_one_fails(
    invoke: Invoke, model: Path, pictures: Path
) -> None:
    (pictures / "cut.png").write_bytes((pictures / "red.png").read_bytes()[:300])
    paths = [pictures / "none.png", pictures / "cut.png", pictures / "red.png"]
    result = invoke("predict", *paths, "-m", model, "--json")
    assert result.exit_code == 1
    missing, cut, good = records(result.stdout)
    for record, path in ((missing, paths[0]), (cut, paths[1])):
        assert set(record) == {"path", "error"}
        assert record["path"] == str(path)
        assert record["error"]["type"] == "DecodeError"
        assert f"edgeclf: {record['error']['message']}" in result.stderr
    assert good["categories"][0]["label"] == "red"
    table = invoke("predict", *paths, "-m", model)
    assert table.exit_code == 1
    assert table.stdout.splitlines()[-1].startswith("1 classified, 2 failed")


def test_a_failure_names_its_file(invoke: Invoke, model: Path, pictures: Path) -> None:
    result = invoke("predict", pictures / "red.png", "-m", model, "--region", "0,0,61,40")
    assert result.exit_code == 1
    assert "red.png" in result.stderr
    assert "region_of_interest" in result.stderr


def test_nothing_found_is_a_failure_with_a_word(
    invoke: Invoke, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for path, word in ((tmp_path / "empty", "no pictures"), (tmp_path / "*.gif", "no file match")):
        result = invoke("predict", path, "-m", model)
        assert result.exit_code == 1
        assert word in result.stderr
        assert str(path) in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["x.png", "--region", "1,2,3"],
        ["x.png", "--region", "1,2,0,4"],
        ["x.png", "--region", "a,b,c,d"],
        ["x.png", "--rotate", "45"],
        ["x.png", "--top-k", "0"],
        ["x.png", "--num-threads", "0"],
        ["x.png", "--allow", "a", "--deny", "b"],
        ["x.png", "--no-such-option"],
    ],
)
def test_what_is_not_understood_exits_with_2(invoke: Invoke, options: Any) -> None:
    result = invoke("predict", *options)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--backend", "nonesuch"], "onnxruntime"),
        (["--device", "tpu"], "cuda"),
        (["--allow", "rad"], "red"),
        (["--labels", "none.txt"], "none.txt"),
    ],
)
def test_errors_of_the_package_exit_with_1_and_one_message(
    invoke: Invoke, model: Path, pictures: Path, options: Any, word: str
) -> None:
    result = invoke("predict", pictures / "red.png", "-m", model, *options)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("edgeclf: ")
    assert word in result.stderr
    assert "Traceback" not in result.stderr


def test_names_that_a_terminal_would_obey_are_defused(
    invoke: Invoke, model: Path, pictures: Path
) -> None:
    nasty = pictures / "a\033[31m\rb\nc.png"
    nasty.write_bytes((pictures / "red.png").read_bytes())
    result = invoke("predict", nasty, "-m", model, "-k", 1)
    assert result.exit_code == 0
    assert not {"\033", "\r"} & set(result.stdout)
    assert len(result.stdout.splitlines()) == 4
    missing = pictures / "a\033c\rb.png"
    errors = invoke("predict", missing, "-m", model).stderr
    assert "cannot be read" in errors
    assert not {"\033", "\r"} & set(errors)
    (answer,) = records(invoke("predict", nasty, "-m", model, "--json").stdout)
    assert answer["path"] == str(nasty)

"""``edgeclf build``, as a person types it."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest
from click.testing import CliRunner

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from build_models import TINY_LABELS, TINY_SPEC, tiny_classifier

from edgeclf.engine import facts_of, read_header, split

RTX = ("--runtime", "tensorrt-rtx")


@pytest.fixture
def invoke() -> Callable[..., Any]:
    from edgeclf.cli.app import cli

    try:
        runner = CliRunner(mix_stderr=False)  # type: ignore[call-arg]  # click < 8.2
    except TypeError:
        runner = CliRunner()
    return lambda *args: runner.invoke(cli, ["build", *map(str, args)])


@pytest.fixture
def model(tmp_path):
    path = tiny_classifier(tmp_path / "tiny.onnx")
    document = {"schema_version": 1, "input": TINY_SPEC, "output": {"labels": TINY_LABELS}}
    path.with_suffix(".json").write_text(json.dumps(document))
    return path


@pytest.fixture
def asked(monkeypatch):
    """What `build_engine` is called with, instead of the call."""
    import edgeclf.build

    seen = {}

    class Stop(Exception):
        pass

    def stand_in(model, out, **arguments):
        seen.update(arguments, model=model, out=out)
        raise Stop

    monkeypatch.setattr(edgeclf.build, "build_engine", stand_in)
    return seen


def test_every_option_arrives(invoke, asked, tmp_path):
    (tmp_path / "photos").mkdir()
    invoke(
        "m.onnx", "--precision", "int8", "--calibrate", tmp_path / "photos", "--batch", "1,4,16",
        "--workspace", "512M", "--dla", "1", "--version-compatible", "--compute-capability",
        "8.6, 8.9", "--runtime", "tensorrt", "-o", "x.engine", "--device", "cuda:1", "--no-check",
        "--no-timing-cache", "--spec", "s.json", "--labels", "l.txt",
    )  # fmt: skip
    assert asked.pop("progress")
    assert {name: str(v) if name in ("model", "out") else v for name, v in asked.items()} == {
        "model": "m.onnx",
        "out": "x.engine",
        "precision": "int8",
        "calibrate": tmp_path / "photos",
        "batch": (1, 4, 16),
        "workspace_bytes": 512 * 2**20,
        "dla": 1,
        "version_compatible": True,
        "compute_capability": ["8.6", "8.9"],
        "runtime": "tensorrt",
        "device": "cuda:1",
        "check": False,
        "timing_cache": False,
        "spec": asked["spec"],
        "labels": asked["labels"],
    }
    assert (str(asked["spec"]), str(asked["labels"])) == ("s.json", "l.txt")


def test_the_defaults(invoke, asked):
    invoke("folder/m.onnx")
    assert str(asked["out"]) == "folder/m.engine"
    assert (asked["precision"], asked["batch"], asked["check"]) == ("fp32", None, True)
    invoke()
    assert (asked["model"].name, str(asked["out"])) == (
        "efficientnet_lite0_int8.onnx",
        "efficientnet_lite0_int8.engine",
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1048576", 2**20),
        ("64K", 2**16),
        ("64k", 2**16),
        ("2G", 2**31),
        ("5MiB", 5 * 2**20),
        ("5MB", 5 * 2**20),
    ],
)
def test_sizes(text, size, invoke, asked):
    invoke("m.onnx", "--workspace", text)
    assert asked["workspace_bytes"] == size


@pytest.mark.parametrize(
    "arguments",
    [
        ("--batch", "1,2"),
        ("--batch", "1,x,3"),
        ("--workspace", "lots"),
        ("--workspace", "-5M"),
        ("--dla", "-1"),
        ("--precision", "fp8"),
        ("--calibrate", "no-such-folder"),
    ],
)
def test_what_is_not_understood(arguments, invoke):
    result = invoke("m.onnx", *arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


@pytest.mark.usefixtures("rtx")
def test_an_engine_and_its_report(invoke, model):
    result = invoke(model, *RTX, "--batch", "1,2,4", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    engine = model.with_suffix(".engine")
    document, plan = split(engine.read_bytes())
    assert read_header(plan).kind == "tensorrt-rtx"
    assert facts_of(document).batch == (1, 2, 4)
    assert report["engine"] == str(engine)
    assert report["plan_sha256"] == facts_of(document).plan_sha256
    assert report["check"]["passed"] is True
    assert report["check"]["source"] == "synthetic"
    assert document["edgeclf"]["output"]["labels"] == TINY_LABELS


@pytest.mark.usefixtures("rtx")
def test_what_a_person_reads(invoke, model, photos):
    result = invoke(model, *RTX, "--precision", "int8", "--calibrate", photos)
    assert result.exit_code == 0, result.stderr
    for words in ("tiny.engine", "tensorrt-rtx 1.", "int8", "symmetric int8", "of 8", "bytes"):
        assert words in result.stdout
    assert "\r" not in result.stderr  # a line that is drawn over is for a terminal


@pytest.mark.usefixtures("rtx")
def test_inspect_reads_what_build_wrote(invoke, model):
    from edgeclf.cli.app import cli

    assert invoke(model, *RTX, "--compute-capability", "8.9", "--no-check").exit_code == 0
    result = CliRunner().invoke(cli, ["inspect", str(model.with_suffix(".engine")), "--json"])
    assert "8.9" in result.stdout
    assert TINY_LABELS[2] in result.stdout


@pytest.mark.usefixtures("rtx")
def test_a_failure_is_one_line_and_no_file(invoke, model):
    result = invoke(model, *RTX, "--compute-capability", "9.9")
    assert result.exit_code == 1
    assert result.stderr.startswith("edgeclf: compute capability: tensorrt-rtx")
    assert result.stderr.count("\n") == 1
    assert not model.with_suffix(".engine").exists()


def test_an_engine_is_not_built_from_an_engine(invoke, tmp_path, rtx):
    (tmp_path / "x.engine").write_bytes(b"vtrt" + bytes(100))
    result = invoke(tmp_path / "x.engine", *RTX, "-o", tmp_path / "y.engine")
    assert result.exit_code == 1
    assert "an engine already" in result.stderr

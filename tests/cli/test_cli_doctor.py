"""edgeclf doctor: what it finds, and that it survives what it examines."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from typing import Any, Callable

import pytest

from edgeclf import _core
from edgeclf.cli import board_lines, doctor, selftest
from edgeclf.errors import ArgumentError
from edgeclf.version import __version__

Invoke = Callable[..., Any]

WORKING = {
    "ok": True,
    "backends": [
        {"name": "onnxruntime", "usable": True, "detail": "onnxruntime 1.2", "hint": ""},
        {"name": "tflite", "usable": False, "detail": "none", "hint": "pip install 'x[tflite]'"},
    ],
    "file": "model.onnx",
    "reason": "onnxruntime is the only runtime installed",
    "backend": "onnxruntime",
    "runtime": "onnxruntime 1.2",
    "device": "cpu",
    "label": "spotlight",
    "score": 0.25,
    "speed": {"preprocess_ms": 1.0, "inference_ms": 2.0, "postprocess_ms": 3.0},
}


def test_this_machine(invoke: Invoke) -> None:
    result = invoke("doctor", "--json")
    report = json.loads(result.stdout)
    assert report["edgeclf"] == __version__
    assert report["python"]["version"] == platform.python_version()
    assert report["board"]["machine"] == platform.machine()
    kernels = report["kernels"]
    assert kernels["error"] is None
    assert kernels["available"][0] == "scalar"
    assert kernels["used"] in kernels["available"]
    assert {backend["name"] for backend in report["backends"]} >= {"onnxruntime", "tflite"}
    usable = any(backend["usable"] for backend in report["backends"])
    assert result.exit_code == (0 if report["ok"] else 1)
    assert report["ok"] == usable, report["default_model"]
    if usable:
        answer = report["default_model"]
        assert answer["label"]
        assert 0 < answer["score"] <= 1
        assert all(ms > 0 for ms in answer["speed"].values())


def test_text(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "run_apart", lambda: dict(WORKING))
    result = invoke("doctor")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"edgeclf {__version__}"
    assert ["onnxruntime", "yes", "onnxruntime", "1.2"] in [line.split() for line in lines]
    assert "pip install 'x[tflite]'" in [line.strip() for line in lines]
    assert "  onnxruntime 1.2 on cpu: spotlight 0.2500" in lines
    assert lines[-1].startswith("OK")
    assert "\033" not in result.stdout


def test_an_instruction_set_that_is_not_there_is_shown(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "run_apart", lambda: dict(WORKING))
    assert "kernels" in [line.split()[0] for line in invoke("doctor").stdout.splitlines() if line]

    def refuse() -> str:
        raise ArgumentError("EDGECLF_CPU: expected one of scalar; got fastest")

    monkeypatch.setattr(_core, "instruction_set", refuse)
    lines = [line.split(maxsplit=1) for line in invoke("doctor").stdout.splitlines()]
    assert ["kernels", "EDGECLF_CPU: expected one of scalar; got fastest"] in lines


@pytest.mark.parametrize(
    ("usable", "word"), [(False, "pip install 'x[tflite]'"), (True, "did not run")]
)
def test_a_failure_says_what_to_do(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, usable: bool, word: str
) -> None:
    backend = {**WORKING["backends"][1], "usable": usable}  # type: ignore[index]
    error = {"type": "BackendUnavailable", "message": "nothing can run it"}
    found = {"ok": False, "backends": [backend], "error": error}
    monkeypatch.setattr(selftest, "run_apart", lambda: dict(found))
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "nothing can run it" in result.stdout
    assert word in result.stdout.splitlines()[-1]
    assert result.stdout.splitlines()[-1].startswith("FAILED")


def test_a_missing_simplejpeg_is_said(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "run_apart", lambda: dict(WORKING))
    versions = {"Pillow": "9.9"}
    monkeypatch.setattr(doctor, "_version", versions.get)
    result = invoke("doctor")
    assert "pip install simplejpeg" in result.stdout
    assert ["Pillow", "9.9"] in [line.split() for line in result.stdout.splitlines()]


def test_the_board_and_what_to_type_for_it(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "pip install 'a-runtime-with-a-long-name>=2.13' 'numpy<2' flatbuffers another-package"
    report = board_lines.board_facts()
    report["board_state"] = {
        "jetson_linux": "36.4.3",
        "jetpack": "6.2",
        "power_mode": "0 (MAXN)",
        "throttling": ("under-voltage now",),
    }
    report["advice"] = {
        "backend": "tflite",
        "because": "it is quick",
        "install": [line],
        "notes": ["there is too little power \033[31m"],
        "meanwhile": [],
        "installed": False,
        "picks": {"onnx": None, "tflite": "tflite"},
    }
    monkeypatch.setattr(selftest, "run_apart", lambda: dict(WORKING))
    monkeypatch.setattr(doctor, "board_facts", lambda: report)
    result = invoke("doctor")
    assert result.exit_code == 0
    lines = [text.strip() for text in result.stdout.splitlines()]
    assert line in lines  # in one piece, to be copied
    words = [text.split(maxsplit=3) for text in lines]
    assert ["system", "Jetson", "Linux", "36.4.3, JetPack 6.2"] in words
    assert ["power", "mode", "nvpmodel", "0 (MAXN)"] in words
    assert ["power", "under-voltage", "now"] in words
    assert any(text.endswith("tflite, because it is quick") for text in lines)
    assert any(text.endswith(".onnx: nothing, .tflite: tflite") for text in lines)
    assert "\033" not in result.stdout
    parsed = json.loads(invoke("doctor", "--json").stdout)
    assert parsed["advice"]["install"] == [line]
    assert parsed["board_state"]["jetpack"] == "6.2"


def test_a_jetson_nano_is_told_what_is_missing(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JetPack 4.6: no line brings TensorRT's module, so there is nothing to type for it."""
    from edgeclf import backends, board, board_state, python_facts

    jetson = board.read_board()._replace(family="Jetson Nano", machine="aarch64")
    state = board_state.BoardState("32.7.1", "4.6.1", None, None)
    nothing = [one._replace(usable=False) for one in backends.available()]
    monkeypatch.setattr(board, "read_board", lambda: jetson)
    monkeypatch.setattr(board_state, "read_board_state", lambda: state)
    monkeypatch.setattr(python_facts, "this_python", lambda: python_facts.Python((3, 8), 64))
    monkeypatch.setattr(backends, "available", lambda: nothing)
    monkeypatch.setattr(selftest, "run_apart", lambda: dict(WORKING))

    lines = [line.strip() for line in invoke("doctor").stdout.splitlines()]
    assert ["to", "install", "see", "below"] in [line.split() for line in lines]
    assert not any("it is there" in line and line.startswith("to install") for line in lines)
    assert "docs/jetson.md" in " ".join(lines)
    offer = lines.index("until it is there, the processor can answer; type:")
    assert lines[offer + 1] == "pip install 'edgeclf[tflite]'"

    ready = [one._replace(usable=one.name == "tensorrt") for one in nothing]
    monkeypatch.setattr(backends, "available", lambda: ready)
    lines = [line.strip() for line in invoke("doctor").stdout.splitlines()]
    assert ["to", "install", "nothing,", "it", "is", "there"] in [line.split() for line in lines]
    assert not any(line.startswith("until it is there") for line in lines)


def test_what_is_picked_is_what_loads(invoke: Invoke) -> None:
    """For each format: the backend that load_backend takes, or none where it has none."""
    report = json.loads(invoke("doctor", "--json").stdout)
    usable = {one["name"] for one in report["backends"] if one["usable"]}
    expected = {"onnx": "onnxruntime", "tflite": "tflite"}
    for format, name in expected.items():
        assert report["advice"]["picks"][format] == (name if name in usable else None)


@pytest.mark.parametrize("name", ["SIGILL", "SIGSEGV"])
def test_a_runtime_that_crashes_is_survived(name: str) -> None:
    call = (
        "import json, os, signal; print(json.dumps({'backends': [1], 'file': 'x'}), flush=True); "
        f"os.kill(os.getpid(), signal.{name})"
    )
    found = selftest.run_apart(call)
    assert found["ok"] is False
    assert found["backends"] == [1]
    assert name in found["error"]["message"]
    assert "the runtime" in found["error"]["message"]


def test_a_numpy_that_crashes_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "numpy.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = selftest.run_apart()
    assert found["ok"] is False
    assert "NumPy" in found["error"]["message"]
    assert "SIGILL" in found["error"]["message"]


def test_other_ends_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    found = selftest.run_apart("import sys; sys.exit('it is broken')")
    assert "it is broken" in found["error"]["message"]
    monkeypatch.setattr(selftest, "TIMEOUT_S", 1)
    found = selftest.run_apart("import time; time.sleep(60)")
    assert found["error"]["type"] == "Hang"


def test_where_no_process_can_be_started_it_runs_in_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise OSError("Exec format error")

    monkeypatch.setattr(subprocess, "run", none)
    monkeypatch.setattr(selftest, "_STEPS", (lambda: {"ok": True, "pid": os.getpid()},))
    assert selftest.run_apart()["pid"] == os.getpid()


def test_nothing_is_picked_up_from_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('picked up')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    found = selftest.run_apart("import json; print(json.dumps({'ok': True}))")
    assert found["ok"] is True

"""Where the built-in model is found: beside the code, in a package of its own, or nowhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgeclf
from edgeclf import models

CODE = """
import edgeclf
from edgeclf import models
try:
    edgeclf.Classifier()
except edgeclf.EdgeclfError as exc:
    print(type(exc).__name__, exc)
print(models.DEFAULT_ONNX)
"""


@pytest.fixture
def without_model(tmp_path):
    """A copy of the package as wheels have it."""
    package = Path(edgeclf.__file__).parent
    ignored = shutil.ignore_patterns("*.onnx", "*.tflite", "__pycache__", "recipe")
    shutil.copytree(package, tmp_path / "edgeclf", ignore=ignored)
    return tmp_path


def run(folder, code=CODE):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=str(folder), env=environment
    )
    return done.stdout.strip().splitlines()


def test_a_checkout_has_it():
    assert models.DEFAULT_ONNX.parent == Path(models.__file__).parent
    assert models.DEFAULT_TFLITE.exists()


def test_without_it_the_error_says_what_to_install(without_model):
    said, _ = run(without_model)
    assert said.startswith("ModelError the built-in model is not installed")
    assert "pip install edgeclf-default-model" in said


def test_the_package_of_its_own_is_found(without_model):
    package = without_model / "edgeclf_default_model"
    package.mkdir()
    # Looked up, not imported: importing it would fail.
    (package / "__init__.py").write_text("raise RuntimeError")
    for path in (models.DEFAULT_ONNX, models.DEFAULT_TFLITE):
        shutil.copyfile(path, package / path.name)
    lines = run(without_model)
    assert lines[-1] == str(package / models.DEFAULT_ONNX.name)
    assert not any(line.startswith("ModelError") for line in lines)


def test_the_doctor_still_names_the_runtimes(without_model):
    code = "from edgeclf.cli.selftest import run_apart; print(run_apart())"
    (line,) = run(without_model, code)
    found = eval(line)
    assert [one["name"] for one in found["backends"]][:1] == ["onnxruntime"]
    assert found["error"]["type"] == "ModelError"

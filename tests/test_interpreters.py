"""The package builds, installs with plain pip and answers on every Python of this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def interpreter(version):
    """A Python of that version that can start, or None; pyenv's are not all on the path."""
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for found in [shutil.which(f"python{version}"), *pyenv]:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        if found:
            done = subprocess.run([found, "-c", code], capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                return str(found)
    return None


@pytest.mark.heavy
@pytest.mark.parametrize("version", VERSIONS)
def test_plain_pip_install_answers(version, tmp_path, photos):
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        pytest.skip("the other tests run on this one")
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    binaries = tmp_path / "venv" / "bin"
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    pip = [str(binaries / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, f"{source}[onnx]"], check=True)
    done = subprocess.run(
        [str(binaries / "edgeclf"), "predict", "--json", str(photos / "sunflower.jpg")],
        capture_output=True,
        text=True,
        check=True,
        cwd=str(tmp_path),
    )
    assert json.loads(done.stdout)["categories"][0]["label"] == "daisy"

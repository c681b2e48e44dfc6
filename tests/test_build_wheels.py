"""What making wheels says where it cannot."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLCHAINS = ROOT / "toolchains"
sys.path.insert(0, str(TOOLCHAINS / "wheels"))

import compiling  # noqa: E402
import sources  # noqa: E402
from tags import TARGETS  # noqa: E402

MADE = (
    "build/x.cpp",
    "dist/edgeclf.whl",
    "edgeclf.egg-info/PKG-INFO",
    "PKG-INFO",
    "edgeclf/_core.cpython-311-x86_64-linux-gnu.so",
    "edgeclf/build/__pycache__/api.cpython-311.pyc",
    ".venv/bin/python",
)


def without_pythons(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """The command where neither the path nor pyenv has a Python."""
    environment = {"PATH": "", "HOME": str(folder), "PYENV_ROOT": str(folder)}
    return subprocess.run(
        [sys.executable, *command],
        env={**environment, "EDGECLF_WHEEL_TOOLS": "1"},
        capture_output=True,
        text=True,
        cwd=str(folder),
    )


def test_no_python_with_headers_is_an_error(tmp_path):
    done = without_pythons(tmp_path, str(TOOLCHAINS / "build_wheels.py"))
    assert done.returncode == 1
    assert "no wheel can be made" in done.stderr
    assert "pyenv install" in done.stderr


def test_a_python_that_was_asked_for_is_an_error_when_it_is_missing(tmp_path):
    done = without_pythons(tmp_path, str(TOOLCHAINS / "build_wheels.py"), "--python", "3.11")
    assert done.returncode == 1
    assert "no CPython 3.11 with headers" in done.stdout


def test_no_wheels_are_no_reason_to_pass(tmp_path):
    done = without_pythons(tmp_path, str(TOOLCHAINS / "arm_root.py"), str(tmp_path))
    assert done.returncode == 1
    assert "no wheel for aarch64" in done.stderr


def test_debian_s_headers_are_found_for_every_processor(tmp_path):
    include = tmp_path / "include" / "python3.11"
    include.mkdir(parents=True)
    assert compiling.multiarch_headers(str(include), tmp_path / "none") == []
    for triple, content in (("aarch64-linux-gnu", "not this"), ("x86_64-linux-gnu", "this")):
        own = tmp_path / "include" / triple / "python3.11"
        own.mkdir(parents=True)
        (own / "pyconfig.h").write_text(content)
    folder = tmp_path / "headers"
    assert compiling.multiarch_headers(str(include), folder) == ["-isystem", str(folder)]
    for target in TARGETS.values():
        assert (folder / target.triple / "python3.11" / "pyconfig.h").read_text() == "this"


def test_without_git_the_sources_are_the_same(tmp_path):
    # As in an unpacked sdist, or an archive of a tag.
    files = sources.project_files(ROOT)
    assert Path("edgeclf/build/api.py") in files
    for path in files:
        (tmp_path / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    for name in MADE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sources.project_files(tmp_path) == files

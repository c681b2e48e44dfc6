"""toolchains/pack_wheels.py: what goes in comes out, and what was damaged on the way is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "toolchains" / "pack_wheels.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)], capture_output=True, text=True
    )


@pytest.fixture
def content(tmp_path):
    """Two wheels, one of several pieces, in `wheels`: what has to be in the folder at the end."""
    files = {"one/__init__.py": b"ANSWER = 42\n", "one/library.so": os.urandom(250_000)}
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "one-1.0-py3-none-any.whl", "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
    with zipfile.ZipFile(tmp_path / "wheels" / "two-2.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("two.py", b"")
    return {**files, "two.py": b""}


def test_there_and_back(tmp_path, content):
    packed = run("pack", tmp_path / "wheels", tmp_path / "pieces", "--megabytes", "0.1")
    assert packed.returncode == 0, packed.stderr
    sizes = [path.stat().st_size for path in (tmp_path / "pieces").glob("*.whl.*")]
    assert len(sizes) == 4
    assert max(sizes) == 100_000
    joined = run("join", tmp_path / "pieces", tmp_path / "site")
    assert joined.returncode == 0, joined.stderr
    site = tmp_path / "site"
    found = {str(p.relative_to(site)): p.read_bytes() for p in site.rglob("*") if p.is_file()}
    assert found == content


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_pieces_that_did_not_arrive(tmp_path, content, harm):
    run("pack", tmp_path / "wheels", tmp_path / "pieces", "--megabytes", "0.1")
    piece = tmp_path / "pieces" / "one-1.0-py3-none-any.whl.001"
    if harm == "missing":
        piece.unlink()
    else:
        data = bytearray(piece.read_bytes())
        data[1000] ^= 1
        piece.write_bytes(bytes(data))
    joined = run("join", tmp_path / "pieces", tmp_path / "site")
    assert joined.returncode == 1
    assert piece.name in joined.stderr
    assert not (tmp_path / "site" / "one").exists()


def test_no_wheels(tmp_path):
    ran = run("pack", tmp_path, tmp_path / "pieces")
    assert ran.returncode == 1
    assert "expected wheels" in ran.stderr

"""docs/jetson.md: what it tells people to type exists, and what it quotes is what the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "jetson.md").read_text(encoding="utf-8")
TABLE = PAGE[PAGE.index("| it says | do |") :]
QUOTED = re.findall(r"^\| `([^`]+)` \|", TABLE, flags=re.MULTILINE)


def _messages() -> "list[str]":
    """Every text in the package's code; adjacent literals are one."""
    return [
        found.value
        for path in (ROOT / "edgeclf").rglob("*.py")
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(found, ast.Constant) and isinstance(found.value, str)
    ]


def test_what_it_quotes_is_what_the_code_says():
    messages = _messages()
    assert len(QUOTED) >= 6
    assert len(QUOTED) == len(TABLE.strip().splitlines()) - 2  # one in each row
    for quoted in QUOTED:
        assert any(quoted in message for message in messages), quoted


def test_a_build_gets_the_onnx_package() -> None:
    """It needs it, and inference does not."""
    parts = [part for part in PAGE.split("\n## ") if "\nedgeclf build " in part]
    assert [part[: part.index("(")] for part in parts] == [
        f"The GPU: JetPack {release} " for release in ("6", "5", "4.6")
    ]
    for part in parts:
        installs = re.findall(r"^pip install .*'edgeclf\[([^\]]+)\]'", part, flags=re.MULTILINE)
        assert installs == ["tensorrt-build"]


def test_pip_is_renewed_before_it_reads_the_wheels_names() -> None:
    """Ubuntu 18.04's pip 9 knows no manylinux2014, and one command reads all names with one pip."""
    lines = [line for line in PAGE.splitlines() if line.startswith("pip install ")]
    assert lines[0] == "pip install -U pip"
    assert "manylinux_2_27_" not in PAGE

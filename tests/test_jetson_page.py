"""docs/jetson.md: what it tells people to type exists, and what it quotes is what the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("installs", re.findall(r"'\.\[([^\]]+)\]'", PAGE))
def test_the_extras_that_it_installs_exist(installs):
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    part = project[project.index("[project.optional-dependencies]") :]
    extras = set(re.findall(r"^([a-z0-9-]+) = \[", part, flags=re.MULTILINE))
    assert set(installs.split(",")) <= extras
    # A build needs the onnx package, which inference does not.
    assert "tensorrt-build" in installs

"""The Pythons of this machine, on the path or pyenv's, whose headers are there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Iterator, NamedTuple, Optional

_FACTS = """
import json, os, sys, sysconfig
include = sysconfig.get_paths()["include"]
print(json.dumps([
    "%d.%d" % sys.version_info[:2], sys.implementation.name,
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")), include,
    os.path.exists(os.path.join(include, "Python.h")),
]))
"""


class Interpreter(NamedTuple):
    version: str
    path: str
    include: Optional[str]  # the folder of its headers; None where they are not installed


def find(version: str, *, headers: bool = False) -> Optional[Interpreter]:
    """A CPython of that version that starts, one with headers if there is one; else None.

    With `headers` one without them does not count.
    """
    found = [facts for path in _candidates(version) for facts in [_ask(path)] if facts]
    found = [one for one in found if one.version == version]
    with_headers = [one for one in found if one.include]
    return next(iter(with_headers if headers else with_headers + found), None)


def _candidates(version: str) -> Iterator[str]:
    named = shutil.which(f"python{version}")
    if named:
        yield named
    root = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    # The newest patch release last in the alphabet of numbers, so sorted as numbers.
    folders = (root / "versions").glob(f"{version}.*")
    for folder in sorted(folders, key=lambda path: _numbers(path.name), reverse=True):
        yield str(folder / "bin" / "python")


def _numbers(name: str) -> "list[int]":
    return [int(part) for part in name.split(".") if part.isdigit()]


def _ask(path: str) -> Optional[Interpreter]:
    try:
        done = subprocess.run([path, "-c", _FACTS], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # pyenv's shims fail for versions that are not the chosen one
    version, implementation, free_threaded, include, has_headers = json.loads(done.stdout)
    if implementation != "cpython" or free_threaded:
        return None
    return Interpreter(version, path, include if has_headers else None)

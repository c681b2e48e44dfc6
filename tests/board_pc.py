"""A PC on which a page's `pc` block is run: no network, no compiler, and only what was installed.

`make wheels` is build_wheels.py's own reading of the arguments and its own search for Pythons; the
wheels are empty files with the names that it would give them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

from board_pages import ROOT

# Its own Python, with headers if python3-dev was installed; and what uv installs.
_PROGRAM = """#!{python}
import json, os, shutil, sys
from pathlib import Path
name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
root, home = Path({root!r}), Path.home()

def program(path, version=None, headers=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    if version is None:
        shutil.copy(sys.argv[0], path)
    else:
        facts = json.dumps([version, "cpython", False, "include", headers])
        path.write_text(f"#!/bin/sh\\necho '{{facts}}'\\n")
    path.chmod(0o755)

def expect(*words):
    if tuple(arguments[:len(words)]) != words:
        sys.exit(f"{{name}}: expected {{words}}, got {{arguments}}")
    return arguments[len(words):]

if name == "git":
    _, folder = expect("clone")
    Path(folder).mkdir()
    for path in root.iterdir():
        if path.name not in ("dist", ".git"):
            Path(folder, path.name).symlink_to(path)
elif name == "python3" and arguments[0] == "-c":
    sys.version_info = tuple(map(int, {pc_python!r}.split(".")))
    exec(arguments[1])
elif name == "python3":
    (folder,) = expect("-m", "venv")
    program(Path(folder, "bin", "pip"))
elif name == "pip":
    (package,) = expect("install")
    program(Path(sys.argv[0]).with_name(package))
elif name == "uv":
    for version in expect("python", "install"):
        program(home / ".local" / "bin" / f"python{{version}}", version)
elif name == "scp":
    for source in arguments[:-1]:
        shutil.copy(source, {board!r})
elif name == "make":
    assert f"\\n{{arguments[0]}}:" in Path("Makefile").read_text(), arguments
    import shlex
    sys.path.insert(0, str(root / "toolchains"))
    import build_wheels, tags
    wheels = [one for one in arguments if one.startswith("WHEEL_ARGS=")]
    sys.argv = ["build_wheels.py", *shlex.split(wheels[0].partition("=")[2])]
    asked = build_wheels._arguments()
    Path("dist").mkdir()
    for python in build_wheels._interpreters(asked.python):
        for arch in asked.arch:
            tag = tags.python_tag(python.version)
            platform = tags.TARGETS[arch].platform_tag
            Path("dist", f"edgeclf-0-{{tag}}-{{tag}}-{{platform}}.whl").touch()
    Path("dist", "edgeclf_default_model-1-py3-none-any.whl").touch()
else:
    sys.exit(f"no stand-in for {{name}} {{arguments}}")
"""


def run_on_pc(lines: List[str], packages: List[str], pc_python: str, folder: Path) -> Path:
    """Runs `lines` on a PC with that Python and Debian's `packages`; gives the board's home.

    That is the PC's own where nothing is copied to another machine.
    """
    home, board, programs = folder / "home", folder / "board", folder / "programs"
    for made in (home, board, programs):
        made.mkdir(parents=True)
    text = _PROGRAM.format(
        python=sys.executable, root=str(ROOT), board=str(board), pc_python=pc_python
    )
    for name, package in (("git", "git"), ("make", "make"), ("scp", "openssh-client")):
        if package in packages:
            _write(programs / name, text)
    if "python3-venv" in packages:
        _write(programs / "python3", text)
    headers = "true" if "python3-dev" in packages else "false"
    facts = f'["{pc_python}", "cpython", false, "debian", {headers}]'
    _write(programs / f"python{pc_python}", f"#!/bin/sh\necho '{facts}'\n")
    for name in ("cp", "sh"):
        (programs / name).symlink_to(f"/bin/{name}")
    subprocess.run(
        ["/bin/bash", "-c", "\n".join(["set -euo pipefail", *lines])],
        cwd=str(home),
        env={
            "HOME": str(home),
            "PATH": str(programs),
            "PYENV_ROOT": str(folder / "no-pyenv"),
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        },
        check=True,
    )
    return home if not any(board.iterdir()) else board


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)

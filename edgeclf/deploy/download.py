"""The wheels of the runtime and of all else that edgeclf needs, for a board, into a cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import List, Sequence, Tuple

from edgeclf.deploy.board_facts import BoardFacts
from edgeclf.deploy.wheels import Wheel, parsed, platform_tags
from edgeclf.errors import DeployError

__all__ = ["cache_folder", "needed_wheels"]

_AS_BOARD = Path(__file__).with_name("pip_as_board.py")


def cache_folder() -> Path:
    """Where downloaded wheels are kept: in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "edgeclf" / "deploy"


def needed_wheels(
    board: BoardFacts,
    wheel: Wheel,
    extra: str,
    cache: Path,
    refresh: bool = False,
    requirements: Sequence[str] = (),
) -> List[Wheel]:
    """Every wheel that ``edgeclf[extra]`` and the program's `requirements` need on `board`, with a
    pip, without edgeclf itself.

    pip chooses, by this machine's configuration of pip (indexes, proxies); what `board.has` brings
    is left out. A choice made once is kept until `refresh`, or until PIP_CONSTRAINT says otherwise.

    Raises:
        DeployError: no pip here, no network, or there are no such wheels for that board.
    """
    facts = board._replace(python_path="", markers={})
    key = json.dumps([facts, extra, _sha256(wheel.path), _constraints(), *requirements])
    folder = cache / hashlib.sha256(key.encode()).hexdigest()[:24]
    if refresh or not folder.is_dir():
        _download(board, wheel, extra, requirements, folder)
    found = [w for w in map(parsed, sorted(folder.glob("*.whl"))) if w is not None]
    return [w for w in found if w.name != wheel.name]


def _constraints() -> List[str]:
    """What PIP_CONSTRAINT pins: its files' content, or the address where it is one."""
    names = os.environ.get("PIP_CONSTRAINT", "").split()
    return [_sha256(Path(name)) if Path(name).is_file() else name for name in names]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _download(
    board: BoardFacts, wheel: Wheel, extra: str, requirements: Sequence[str], folder: Path
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".download-", dir=str(folder.parent)))
    try:
        links = work / "links"
        links.mkdir()
        shutil.copy(str(wheel.path), str(links / wheel.path.name))
        stand_ins = [_stand_in(links, name, version) for name, version in board.has.items()]
        came = work / "came"
        wanted = [f"edgeclf[{extra}]=={wheel.version}", "pip", *requirements]
        _run_pip(board, [*_arguments(board, links, came), *wanted])
        for name in stand_ins:
            if (came / name).exists():
                (came / name).unlink()
        shutil.rmtree(str(folder), ignore_errors=True)
        came.rename(folder)
    finally:
        shutil.rmtree(str(work), ignore_errors=True)


def _arguments(board: BoardFacts, links: Path, came: Path) -> List[str]:
    arguments = ["download", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    arguments += ["-q", "-d", str(came), "--find-links", str(links), "--implementation", "cp"]
    arguments += ["--python-version", f"{board.python[0]}.{board.python[1]}"]
    for tag in platform_tags(board):
        arguments += ["--platform", tag]
    pinned = [f"{name}=={version}" for name, version in board.has.items()]
    return [*arguments, *pinned]


def _run_pip(board: BoardFacts, arguments: List[str]) -> None:
    markers = json.dumps(dict(board.markers))
    # -P would be right, but is new in 3.11: the folder of the script must not be on the path.
    code = f"import runpy, sys; sys.argv[:] = sys.argv[1:]; runpy.run_path({str(_AS_BOARD)!r}, "
    code += "run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(_AS_BOARD), markers, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode == 0:
        return
    said = [line for line in done.stderr.strip().splitlines() if "notice" not in line][-4:]
    raise DeployError(
        f"collect: pip found no wheels for {board.arch}, Python {board.python[0]}."
        f"{board.python[1]}, glibc {board.glibc[0]}.{board.glibc[1]}: {' / '.join(said)}. "
        f"{_advice(board, done.stderr)}"
    )


def _advice(board: BoardFacts, said: str) -> str:
    if "No module named" in said and "pip" in said:
        return f"This Python has no pip: {sys.executable} -m ensurepip"
    if board.arch == "armv7l":
        return (
            "32-bit ARM has few wheels: install Debian's on the board (sudo apt install "
            "python3-numpy python3-pil) or name another index in PIP_EXTRA_INDEX_URL; a 64-bit "
            "system has them all"
        )
    return "Is there a network here? Is this Python too new or too old for the runtime (--python)?"


def _stand_in(folder: Path, name: str, version: str) -> str:
    """An empty wheel for what the board has already, so that pip counts on it and no more."""
    stem = f"{name.replace('-', '_')}-{version}"
    file = f"{stem}-py3-none-any.whl"
    parts: Tuple[Tuple[str, str], ...] = (
        ("METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
        ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        ("RECORD", ""),
    )
    with zipfile.ZipFile(folder / file, "w") as archive:
        for part, text in parts:
            archive.writestr(f"{stem}.dist-info/{part}", text)
    return file

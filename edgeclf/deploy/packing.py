"""The payload's files: the user's program, their sums, and the tar."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path
from typing import Dict, List, Optional

from edgeclf.errors import ArgumentError, DeployError

__all__ = ["copied_app", "sums", "write_tar"]

_UNWANTED = shutil.ignore_patterns("__pycache__", ".git", "*.pyc")


def copied_app(app: Optional[Path], folder: Path) -> Optional[str]:
    """Copy the user's program; the file to start, relative to `folder`. None where there is none.

    Environments (folders with a ``pyvenv.cfg``), byte code and ``.git`` stay behind.

    Raises:
        ArgumentError: `app` is neither a file nor a folder with a main.py. DeployError.
    """
    if app is None:
        return None
    if app.is_dir() and not (app / "main.py").is_file():
        raise ArgumentError(f"--app: expected a main.py in the folder {app}")
    if not app.is_dir() and not app.is_file():
        raise ArgumentError(f"--app: expected a Python file or a folder, and {app} is neither")
    try:
        if app.is_dir():
            shutil.copytree(str(app), str(folder), ignore=_left_out)
            return "main.py"
        folder.mkdir()
        shutil.copy(str(app), str(folder / app.name))
        return app.name
    except OSError as exc:  # shutil.Error has a list, one entry for each file
        raise DeployError(f"--app: {app} cannot be copied: {exc}") from exc


def _left_out(folder: str, names: List[str]) -> List[str]:
    environments = [name for name in names if (Path(folder) / name / "pyvenv.cfg").exists()]
    return [*_UNWANTED(folder, names), *environments]


def sums(folder: Path) -> Dict[str, str]:
    """The sha256 of each file below `folder`, by its name there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def write_tar(folder: Path, tar: Path, top: str) -> None:
    """The files below `folder`, and its empty folders, in order, with nothing of this machine in
    them: no owner, no time, and of the permissions whether a file is a program."""
    with tarfile.open(str(tar), "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            info = tarfile.TarInfo(f"{top}/{path.relative_to(folder).as_posix()}")
            if path.is_dir() and not any(path.iterdir()):
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            elif path.is_file():
                info.size = path.stat().st_size
                runs = path.suffix == ".sh" or path.stat().st_mode & 0o100
                info.mode = 0o755 if runs else 0o644
                with path.open("rb") as file:
                    archive.addfile(info, file)

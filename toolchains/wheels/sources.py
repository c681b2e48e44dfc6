"""What goes into packages that is not compiled: the sdist, the Python files, the metadata."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import List

# A zip file knows no time before 1980. Contents decide the bytes, not the day of the build.
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", 315619200))
# What .gitignore names. edgeclf/build is source: only the folder at the top is made.
_MADE_AT_THE_TOP = {".git", ".venv", "build", "dist", "demo-output", "PKG-INFO"}
_MADE_ANYWHERE = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
_MADE_SUFFIXES = {".so", ".pyc", ".pyo", ".egg-info"}
_BUILD_SDIST = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
_SETUP = "from setuptools import setup; setup()"
_METADATA = (
    "import sys; from setuptools import build_meta;"
    "print(build_meta.prepare_metadata_for_build_wheel(sys.argv[1]))"
)


def project_files(root: Path) -> List[Path]:
    """Every source file below `root`, relative to it: git's, or all that are no build's."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
        found = [Path(os.fsdecode(name)) for name in listed.split(b"\0") if name]
    else:
        found = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        found = [path for path in found if not _is_made(path)]
    return sorted(path for path in found if (root / path).is_file())


def _is_made(path: Path) -> bool:
    return path.parts[0] in _MADE_AT_THE_TOP or any(
        part in _MADE_ANYWHERE or Path(part).suffix in _MADE_SUFFIXES for part in path.parts
    )


def make_sdist(root: Path, work: Path, dist: Path) -> Path:
    """Writes the sdist, the same bytes for the same files, and gives the path."""
    copy = work / "checkout"
    for path in project_files(root):
        (copy / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, copy / path)
        (copy / path).chmod(0o755 if os.access(root / path, os.X_OK) else 0o644)
    made = work / "sdist"
    made.mkdir()
    run_python(["-c", _BUILD_SDIST, str(made)], copy)
    (archive,) = made.glob("*.tar.gz")
    return _normalised(archive, dist / archive.name)


def _normalised(archive: Path, target: Path) -> Path:
    """The archive without the times, users and order of this build."""
    with tarfile.open(archive) as old, target.open("wb") as raw, gzip.GzipFile(
        filename="", fileobj=raw, mode="wb", mtime=EPOCH
    ) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.mtime, member.pax_headers = EPOCH, {}
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return target


def unpack(archive: Path, folder: Path) -> Path:
    """The one folder that an sdist holds."""
    folder.mkdir(parents=True)
    with tarfile.open(archive) as file:
        file.extractall(folder)
    (unpacked,) = folder.iterdir()
    return unpacked


def pure_tree(source: Path, folder: Path) -> Path:
    """The unpacked wheel of `source` without what is compiled; without the built-in model.

    Made by setuptools from pyproject.toml: the package's files, and the metadata beside them. Gives
    the metadata's folder, *.dist-info.
    """
    return _built(source, folder, {"EDGECLF_MODEL_APART": "1"})


def model_tree(source: Path, folder: Path) -> Path:
    """The unpacked wheel of the built-in model, a package of files."""
    staged = folder.parent / f"{folder.name}-source"
    shutil.rmtree(staged, ignore_errors=True)
    package = staged / "edgeclf_default_model"
    package.mkdir(parents=True)
    recipe = source / "toolchains" / "default_model"
    shutil.copyfile(recipe / "pyproject.toml", staged / "pyproject.toml")
    shutil.copyfile(recipe / "__init__.py", package / "__init__.py")
    for path in (source / "edgeclf" / "models").iterdir():
        if path.suffix in (".onnx", ".tflite", ".txt", ".md", ".json"):
            target = staged if path.name.startswith("LICENSE") else package
            shutil.copyfile(path, target / path.name)
    shutil.copyfile(source / "LICENSE", staged / "LICENSE")
    _built(staged, folder, {})
    return folder


def _built(source: Path, folder: Path, environment: "dict[str, str]") -> Path:
    """Its files and its metadata, nothing compiled; gives the folder of the metadata."""
    script = ["setup.py"] if (source / "setup.py").exists() else ["-c", _SETUP]
    run_python([*script, "-q", "build_py", "--build-lib", str(folder)], source, environment)
    run_python(["-c", _METADATA, str(folder)], source, environment)
    (info,) = folder.glob("*.dist-info")
    for cache in [*folder.rglob("__pycache__"), *folder.glob("*.egg-info")]:
        shutil.rmtree(cache)
    return info


def run_python(arguments: "list[str]", cwd: Path, extra: "dict[str, str]" = {}) -> None:  # noqa: B006
    """This Python in that folder; silent unless it fails."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), **extra}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nedgeclf: {' '.join(command[:3])} failed in {cwd}")

"""Which pictures a command line means: files, folders, and patterns that no shell expanded."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

__all__ = ["SUFFIXES", "Found", "find_pictures"]

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".mpo",
    ".png",
    ".bmp",
    ".webp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
)


class Found(NamedTuple):
    """A picture's path; or a path that led to none, and why."""

    path: Path
    problem: Optional[str] = None


def find_pictures(
    paths: Sequence[Union[str, Path]], *, recursive: bool = False, leave_out: Optional[Path] = None
) -> List[Found]:
    """Expand the paths of a command line, in their order, each picture once.

    A folder gives the files with a picture's suffix, sorted by name, hidden ones left out; a
    pattern gives what matches it, sorted. A path that does not exist is kept: whoever opens it
    will say so.

    Args:
        recursive: go into the sub-folders of folders.
        leave_out: in this folder, skip ``*.annotated.*``, which an earlier run has written,
            unless it was named itself.
    """
    found: Dict[str, Found] = {}
    for path in paths:
        for item in _expand(str(path), recursive):
            named = item.path == Path(path)
            if named or leave_out is None or not _written_before(item.path, leave_out):
                found.setdefault(os.path.abspath(item.path), item)  # noqa: PTH100 - no links
    return list(found.values())


def _expand(text: str, recursive: bool) -> Iterator[Found]:
    path = Path(text)
    if path.is_dir():
        yield from _in_folder(path, recursive)
    elif glob.has_magic(text) and not os.path.lexists(text):
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - may be absolute
        if not matches:
            yield Found(path, f"{text}: no file matches this pattern")
        for match in map(Path, matches):
            if match.is_dir():
                yield from _in_folder(match, recursive)
            else:
                yield Found(match)
    else:
        yield Found(path)


def _in_folder(folder: Path, recursive: bool) -> Iterator[Found]:
    problems: List[OSError] = []
    pictures = sorted(_pictures_of(folder, recursive, problems))
    for exc in problems:
        name = Path(exc.filename or folder)
        yield Found(name, f"{name}: the folder cannot be read ({exc.strerror or exc})")
    if not pictures and not problems:
        where = "in this folder or below" if recursive else "in this folder"
        advice = "" if recursive else ". Add -r to look into its sub-folders"
        yield Found(folder, f"{folder}: no pictures {where} (JPEG, PNG, BMP, ...){advice}")
    for path in pictures:
        yield Found(path)


def _pictures_of(folder: Path, recursive: bool, problems: List[OSError]) -> Iterator[Path]:
    # Links to folders are not followed: they may lead in a circle.
    for parent, folders, names in os.walk(str(folder), onerror=problems.append):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if name.lower().endswith(SUFFIXES) and not name.startswith(".") and path.is_file():
                yield path


def _written_before(path: Path, folder: Path) -> bool:
    return path.stem.endswith(".annotated") and path.parent.resolve() == folder.resolve()

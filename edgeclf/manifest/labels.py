"""Labels: one text per class, from a list, a text file or a JSON list."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional, Tuple

from edgeclf.errors import ManifestError
from edgeclf.manifest.base import Source
from edgeclf.manifest.strict_json import decoded_text, parse_json, read_small_file
from edgeclf.model_file import ModelFile

__all__ = ["labels_from_argument", "labels_from_file", "labels_from_text", "read"]

LABELS_FILE = "labels.txt"


def read(model: ModelFile) -> Optional[Source]:
    """``labels.txt`` in the model's folder, if there is one."""
    if model.path is None:
        return None
    path = model.path.parent / LABELS_FILE
    if not path.exists():
        return None
    return Source(LABELS_FILE, fields={"labels": labels_from_file(path)})


def labels_from_argument(labels: Any) -> Tuple[str, ...]:
    """The call's ``labels=``: a sequence of texts, or the path of a text file or JSON list.

    Raises:
        ManifestError: anything else, or a file that is no label file.
    """
    if isinstance(labels, (str, os.PathLike)):
        return labels_from_file(Path(labels))
    # A set has no order, and a mapping's keys may be either side of it.
    if isinstance(labels, (set, frozenset, dict, bytes)) or not hasattr(labels, "__iter__"):
        raise ManifestError(
            f"labels: expected a sequence of texts or a path, got {type(labels).__name__}"
        )
    return _texts(tuple(labels), "labels")


def labels_from_file(path: Path) -> Tuple[str, ...]:
    """The labels in a UTF-8 text file, one per line, or in a ``.json`` file that holds a list.

    Raises:
        ManifestError: no such file, not UTF-8, an empty line, or JSON that is no list of texts.
    """
    content = read_small_file(path)
    if path.suffix.lower() == ".json":
        found = parse_json(content, path.name)
        if not isinstance(found, list):
            raise ManifestError(
                f"{path.name}: expected a JSON list of texts, got {type(found).__name__}"
            )
        return _texts(tuple(found), path.name)
    return labels_from_text(decoded_text(content, path.name), path.name)


def labels_from_text(text: str, where: str) -> Tuple[str, ...]:
    """One label per line. The line breaks are LF, CRLF or CR; the last may be missing.

    Raises:
        ManifestError: no labels, or an empty line: whether it is a class cannot be known.
    """
    # Not splitlines(): it also breaks at characters that may stand inside a label.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise ManifestError(f"{where}: empty; expected one label per line")
    if "\0" in text:
        raise ManifestError(f"{where}: a zero byte in it: no text file. Expected a label per line")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise ManifestError(
                f"{where}: line {number} is empty. A class without a name must say so: write a "
                "placeholder there, or delete the line if it is no class"
            )
    return tuple(line.strip() for line in lines)


def _texts(labels: Tuple[Any, ...], where: str) -> Tuple[str, ...]:
    if not labels:
        raise ManifestError(f"{where}: no labels; expected one text per class")
    for number, label in enumerate(labels):
        if not isinstance(label, str):
            raise ManifestError(
                f"{where}: entry {number} is {type(label).__name__}; expected a text per class"
            )
    return labels

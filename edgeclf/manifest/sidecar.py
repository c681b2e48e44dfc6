"""The sidecar: ``<stem>.json`` beside the model. Its format is ``sidecar.schema.json``.

The same document, without a file name for labels, is what `embed` writes into a model.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from edgeclf.errors import ManifestError
from edgeclf.manifest.atomic import write_atomically
from edgeclf.manifest.base import Source
from edgeclf.manifest.fields import INPUT_FIELDS, OUTPUT_FIELDS, checked_fields
from edgeclf.manifest.labels import labels_from_file
from edgeclf.manifest.names import unknown_name
from edgeclf.manifest.strict_json import parse_json, read_small_file
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec, ScoreCalibration

__all__ = ["document_of", "read", "read_file", "sidecar_path", "source_of", "write_sidecar"]

SCHEMA_VERSION = 1

_TOP = {"schema_version": None, "model": None, "input": None, "output": None}
_MODEL = {"sha256": None, "name": None}
_SHA256 = re.compile("[0-9a-fA-F]{64}")
_PLAIN_NAME = re.compile(r"[^/\\:\x00-\x1f]+")

# Written even when they are None: for them None says something ("not normalised").
_WRITTEN_AS_NULL = ("mean", "std")

LabelFinder = Callable[[str], Tuple[str, ...]]


def sidecar_path(model: ModelFile) -> Optional[Path]:
    """Where the model's sidecar is looked for; None for a model given as bytes."""
    return None if model.path is None else model.path.with_suffix(".json")


def read(model: ModelFile) -> Optional[Source]:
    """The sidecar beside the model, if there is one."""
    path = sidecar_path(model)
    if path is None or not path.exists():
        return None
    return read_file(path)


def read_file(path: Path) -> Source:
    """The facts in a sidecar. A label file that it names lies in the same folder.

    Raises:
        ManifestError: unreadable, not a sidecar, or a field that is unknown or out of range.
    """
    document = parse_json(read_small_file(path), path.name)
    return source_of(document, path.name, lambda name: labels_from_file(path.parent / name))


def source_of(document: Any, where: str, label_file: Optional[LabelFinder] = None) -> Source:
    """The facts in a sidecar's document.

    Args:
        document: the parsed JSON.
        where: the source's name.
        label_file: finds the labels in a file that the document names; None refuses names.

    Raises:
        ManifestError: a key, a value or a version that this format does not have.
    """
    _require_object(document, where, _TOP)
    version = document.get("schema_version")
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        raise ManifestError(
            f"{where}: schema_version: expected {SCHEMA_VERSION}, got {version!r}. A file of "
            "another version needs another version of edgeclf"
        )
    source = Source(where, sha256=_sha256(document.get("model", {}), where))
    input_part, output_part = document.get("input", {}), document.get("output", {})
    _require_object(input_part, f"{where}: input", INPUT_FIELDS)
    _require_object(output_part, f"{where}: output", OUTPUT_FIELDS)
    output_part = _with_labels(output_part, where, label_file)
    source.fields.update(checked_fields(input_part, INPUT_FIELDS, f"{where}: input"))
    source.fields.update(checked_fields(output_part, OUTPUT_FIELDS, f"{where}: output"))
    return source


def _require_object(value: Any, where: str, known: Mapping[str, Any]) -> None:
    if not isinstance(value, Mapping):
        raise ManifestError(
            f"{where}: expected an object with {', '.join(known)}; got {type(value).__name__}"
        )
    for name in value:
        if name not in known:
            raise ManifestError(f"{where}: {unknown_name(name, known)}")


def _sha256(part: Any, where: str) -> Optional[str]:
    _require_object(part, f"{where}: model", _MODEL)
    if not isinstance(part.get("name", ""), str):
        raise ManifestError(f"{where}: model.name: expected a text, got {part['name']!r}")
    if "sha256" not in part:
        return None
    value = part["sha256"]
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ManifestError(
            f"{where}: model.sha256: expected 64 hexadecimal digits, got {str(value)[:80]!r}"
        )
    return value.lower()


def _with_labels(
    part: Mapping[str, Any], where: str, label_file: Optional[LabelFinder]
) -> Mapping[str, Any]:
    name = part.get("labels")
    if not isinstance(name, str):
        return part
    if not _PLAIN_NAME.fullmatch(name) or name in (".", ".."):
        raise ManifestError(
            f"{where}: output.labels: expected a list, or the plain name of a file beside this "
            f"one, without folders; got {name[:80]!r}"
        )
    if label_file is None:
        raise ManifestError(f"{where}: output.labels: expected the list itself, got a file name")
    return {**part, "labels": label_file(name)}


def document_of(
    input_spec: InputSpec, output_spec: OutputSpec, sha256: Optional[str] = None
) -> Dict[str, Any]:
    """The sidecar's document for a pair of specs; a JSON value."""
    document: Dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    if sha256 is not None:
        document["model"] = {"sha256": sha256.lower()}
    document["input"] = _part(input_spec)
    document["output"] = _part(output_spec)
    return document


def _part(spec: Any) -> Dict[str, Any]:
    part: Dict[str, Any] = {}
    for entry in dataclass_fields(spec):
        value = getattr(spec, entry.name)
        if value is None and entry.name not in _WRITTEN_AS_NULL:
            continue
        if isinstance(value, ScoreCalibration):
            value = _part(value)
        part[entry.name] = _json_value(value)
    return part


def _json_value(value: Any) -> Any:
    return [_json_value(item) for item in value] if isinstance(value, tuple) else value


def write_sidecar(
    path: Any, input_spec: InputSpec, output_spec: OutputSpec, sha256: Optional[str] = None
) -> None:
    """Write a sidecar; an existing file is replaced in one step, or left as it was.

    Args:
        path: where; ``<stem>.json`` beside the model is where it is found again.
        sha256: the model's checksum (``ModelFile.sha256``); a model with another is then refused.

    Raises:
        ManifestError: the checksum is not one, or the file cannot be written.
    """
    document = document_of(input_spec, output_spec, sha256)
    source_of(document, str(path))
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(Path(path), text.encode("utf-8"))

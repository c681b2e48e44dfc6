"""What the caller says: ``spec=`` and ``labels=``."""

from __future__ import annotations

import os
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from edgeclf.errors import ManifestError
from edgeclf.manifest import sidecar
from edgeclf.manifest.base import Source
from edgeclf.manifest.fields import INPUT_FIELDS, OUTPUT_FIELDS, checked_fields
from edgeclf.manifest.labels import labels_from_argument
from edgeclf.spec import InputSpec, OutputSpec

__all__ = ["NAME", "source_of_arguments"]

NAME = "argument"


def source_of_arguments(spec: Any = None, labels: Any = None) -> Optional[Source]:
    """The facts that a call gives; None when it gives none.

    Args:
        spec: a path in the sidecar's format; an InputSpec, an OutputSpec or a pair of them (every
            field of theirs then counts as said); a mapping of field names, flat or in "input"
            and "output".
        labels: a sequence of texts, or the path of a text file or JSON list.

    Raises:
        ManifestError: none of these, an unknown field, a value out of range, or labels that both
            arguments give and that differ.
    """
    if spec is None and labels is None:
        return None
    source = Source(NAME) if spec is None else _from_spec(spec)
    if labels is not None:
        found = labels_from_argument(labels)
        # A spec with labels None says nothing against the labels that come with it.
        if source.fields.get("labels") not in (None, found):
            raise ManifestError("labels: given twice, in spec= and as labels=; they differ")
        source.fields["labels"] = found
    return source


def _from_spec(spec: Any) -> Source:
    if isinstance(spec, (str, os.PathLike)):
        found = sidecar.read_file(Path(spec))
        return Source(NAME, fields=found.fields, sha256=found.sha256)
    if isinstance(spec, Mapping):
        return _from_mapping(spec)
    parts: List[Any] = list(spec) if isinstance(spec, (tuple, list)) else [spec]
    kinds = [type(part) for part in parts]
    if kinds not in ([InputSpec], [OutputSpec], [InputSpec, OutputSpec]):
        raise ManifestError(
            "spec: expected a path, an InputSpec, an OutputSpec, a pair of them, or a mapping "
            f"such as {{'resize_mode': 'stretch'}}; got {_kinds(spec, kinds)}"
        )
    source = Source(NAME)
    for part in parts:
        for entry in dataclass_fields(part):
            source.fields[entry.name] = getattr(part, entry.name)
    return source


def _kinds(spec: Any, kinds: List[type]) -> str:
    names = ", ".join(kind.__name__ for kind in kinds[:4])
    return f"({names})" if isinstance(spec, (tuple, list)) else names


def _from_mapping(spec: Mapping[str, Any]) -> Source:
    if "schema_version" in spec:
        return Source(NAME, fields=sidecar.source_of(spec, NAME).fields)
    values: Dict[str, Any] = {}
    if "input" in spec or "output" in spec:
        for name in spec:
            if name not in ("input", "output"):
                raise ManifestError(
                    f"spec: {name!r} stands beside 'input' and 'output'; put it into one of them"
                )
        values.update(_checked(spec.get("input", {}), INPUT_FIELDS, "spec: input"))
        values.update(_checked(spec.get("output", {}), OUTPUT_FIELDS, "spec: output"))
    else:
        values.update(_checked(spec, {**INPUT_FIELDS, **OUTPUT_FIELDS}, "spec"))
    return Source(NAME, fields=values)


def _checked(part: Any, checks: Mapping[str, Any], where: str) -> Dict[str, Any]:
    if not isinstance(part, Mapping):
        raise ManifestError(
            f"{where}: expected a mapping of field names, got {type(part).__name__}"
        )
    if isinstance(part.get("labels"), (str, os.PathLike)):
        part = {**part, "labels": labels_from_argument(part["labels"])}
    return checked_fields(part, checks, where)

"""Every home of facts, in their order of precedence."""

from __future__ import annotations

from importlib import import_module
from typing import Any, List, Tuple

from edgeclf.errors import ManifestError
from edgeclf.manifest.argument import NAME, source_of_arguments
from edgeclf.manifest.base import Source
from edgeclf.model_file import ModelFile

__all__ = ["read"]

# A home is a module with ``read(model) -> Optional[Source]``. It is imported when a model of one
# of its formats is read, so that a parser is loaded only where it is used.
_ANY = ("onnx", "tflite", "engine")
_HOMES: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("sidecar", _ANY),
    ("labels", _ANY),
    ("onnx", ("onnx",)),
    ("tflite", ("tflite",)),
    ("engine", ("engine",)),
    ("ultralytics", _ANY),
    ("huggingface", _ANY),
    ("timm", _ANY),
)


def read(model: ModelFile, *, spec: Any = None, labels: Any = None) -> List[Source]:
    """Everything that is written about a model, first the call's arguments.

    Args:
        model: the model; its folder is searched too, when it has one.
        spec: a path in the sidecar's format; an InputSpec, an OutputSpec or a pair of them; or a
            mapping of field names, flat or in "input" and "output".
        labels: a sequence of texts, or the path of a text file or JSON list.

    Returns:
        The sources found, in order of precedence; their values are checked one by one, not yet
        against each other (`resolve` does that).

    Raises:
        ManifestError: a source cannot be read, says something that does not exist, or states a
            checksum that the model does not have.
        ModelError: the model's own structure is damaged.
        BackendUnavailable: the package that reads the model's format is not installed.

    Reads files, runs nothing that they contain. Thread-safe.
    """
    sources = []
    given = source_of_arguments(spec, labels)
    if given is not None:
        _check_sha256(given, model)
        sources.append(given)
    for home, formats in _HOMES:
        if model.format not in formats:
            continue
        found = import_module(f"edgeclf.manifest.{home}").read(model)
        if found is not None:
            _check_sha256(found, model)
            sources.append(found)
    return sources


def _check_sha256(source: Source, model: ModelFile) -> None:
    if source.sha256 is None or source.sha256 == model.sha256:
        return
    written = f"spec= ({NAME})" if source.name == NAME else source.name
    raise ManifestError(
        f"{model.name}: {written} expects a file with sha256 {source.sha256}, got {model.sha256}: "
        "the file is damaged or was replaced. Copy it again, or write a new sidecar for it"
    )

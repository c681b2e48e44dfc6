"""Writing the specs into a model: the document of a sidecar, in the place its format has for it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Dict

from edgeclf.errors import ManifestError
from edgeclf.manifest.atomic import write_atomically
from edgeclf.manifest.base import Source
from edgeclf.manifest.sidecar import document_of, source_of
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec

__all__ = ["embed"]


def embed(path: Any, input_spec: InputSpec, output_spec: OutputSpec, *, out: Any = None) -> None:
    """See `edgeclf.manifest.embed`."""
    model = ModelFile(path)
    document = document_of(input_spec, output_spec)
    content = _embedded(model, document, input_spec, output_spec)
    _check_reads_back(content, source_of(document, model.name), model.name)
    write_atomically(Path(path if out is None else out), content)


def _embedded(
    model: ModelFile, document: Dict[str, Any], input_spec: InputSpec, output_spec: OutputSpec
) -> bytes:
    if model.format == "onnx":
        from edgeclf.manifest.onnx_embedding import embedded as in_onnx

        return in_onnx(model, document)
    if model.format == "engine":
        from edgeclf.manifest.engine import embedded as in_engine

        return in_engine(model, document)
    from edgeclf.manifest.tflite_embedding import embedded as in_tflite

    return in_tflite(model, document, input_spec, output_spec)


def _check_reads_back(content: bytes, wanted: Source, name: str) -> None:
    """What was written must say what was given, before it replaces anything."""
    model = ModelFile(content)
    # Each format's own home bears its name.
    found = import_module(f"edgeclf.manifest.{model.format}").read(model)
    stated = {} if found is None else found.fields
    if any(stated.get(field) != value for field, value in wanted.fields.items()):
        raise ManifestError(f"{name}: the embedded spec does not read back as it was given")

"""What is embedded in a TFLite model: edgeclf's own document, and TFLite Metadata."""

from __future__ import annotations

from typing import Optional

from edgeclf.errors import ManifestError
from edgeclf.manifest import normalisation, tflite_metadata
from edgeclf.manifest.archive import open_archive
from edgeclf.manifest.base import Source
from edgeclf.manifest.sidecar import source_of
from edgeclf.manifest.strict_json import parse_json
from edgeclf.manifest.tflite_graph import metadata_buffer
from edgeclf.model_file import ModelFile

__all__ = ["DOCUMENT", "METADATA", "read"]

DOCUMENT = "edgeclf.json"
METADATA = "TFLITE_METADATA"


def read(model: ModelFile) -> Optional[Source]:
    """Both as one source: the document says more, the metadata is read by other tools too.

    Raises:
        ManifestError: they contradict each other, or one of them is damaged or asks for
            something that cannot be done. ModelError: the model is damaged.
    """
    archive = open_archive(model)
    buffer = metadata_buffer(model, METADATA)
    standard = None
    if buffer is not None:
        standard = tflite_metadata.parse(buffer, archive, model.name)
    document = None if archive is None else archive.text_bytes(DOCUMENT)
    if document is None:
        return standard
    own = source_of(parse_json(document, f"{model.name}: {DOCUMENT}"), DOCUMENT)
    if standard is not None:
        _refuse_contradiction(own, standard, model.name)
        for name, value in standard.fields.items():
            own.fields.setdefault(name, value)
        own.conventions.update(standard.conventions)
    return own


def _refuse_contradiction(own: Source, standard: Source, model: str) -> None:
    formulas = normalisation.formula_of(own), normalisation.formula_of(standard)
    for name, value in standard.fields.items():
        if name in normalisation.FIELDS and formulas[0] is not None and formulas[1] is not None:
            agree = normalisation.same_formula(formulas[0], formulas[1])
        else:
            agree = name not in own.fields or normalisation.same_value(
                name, own.fields[name], value
            )
        if not agree:
            raise ManifestError(
                f"{model}: {name}: {DOCUMENT} inside it says {str(own.fields.get(name))[:60]}, "
                f"but its {tflite_metadata.NAME} {str(value)[:60]}. One of them was changed "
                "alone; embed the spec again"
            )

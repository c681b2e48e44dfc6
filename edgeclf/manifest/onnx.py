"""What edgeclf itself embedded in an ONNX model: the metadata entry "edgeclf"."""

from __future__ import annotations

from typing import Dict, Optional

from edgeclf.errors import ManifestError
from edgeclf.manifest.base import Source
from edgeclf.manifest.onnx_schema import parse_model, text
from edgeclf.manifest.sidecar import source_of
from edgeclf.manifest.strict_json import MAX_TEXT_BYTES, parse_json
from edgeclf.model_file import ModelFile

__all__ = ["KEY", "metadata", "read"]

KEY = "edgeclf"
NAME = "ONNX metadata"


def read(model: ModelFile) -> Optional[Source]:
    """The document under "edgeclf" in ``metadata_props``; other tools' entries are not ours."""
    document = metadata(model).get(KEY)
    if document is None:
        return None
    return source_of(parse_json(document, NAME), NAME)


def metadata(model: ModelFile) -> Dict[str, bytes]:
    """``metadata_props`` as a mapping, values as the bytes they are.

    Raises:
        ManifestError: a key stands there twice, or a value is longer than 16 MiB.
        ModelError: the model is damaged.
    """
    found: Dict[str, bytes] = {}
    for entry in parse_model(model).metadata_props:
        key = text(entry.key)
        if key in found:
            raise ManifestError(
                f"{model.name}: metadata_props has the key {key[:60]!r} twice; keep one of them"
            )
        if len(entry.value) > MAX_TEXT_BYTES:
            raise ManifestError(f"{model.name}: metadata_props: {key[:60]!r} is over 16 MiB")
        found[key] = bytes(entry.value)
    return found

"""TFLite Metadata: normalisation, labels, threshold and calibration, as metadata_schema.fbs has it.

https://ai.google.dev/edge/litert/models/metadata
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, Optional, Tuple

from edgeclf.errors import ManifestError
from edgeclf.manifest.archive import Archive
from edgeclf.manifest.base import Source
from edgeclf.manifest.labels import labels_from_text
from edgeclf.manifest.strict_json import decoded_text
from edgeclf.manifest.tflite_calibration import calibration
from edgeclf.manifest.tflite_schema import Node, root

__all__ = ["NAME", "file_names", "parse", "texts_of"]

NAME = "TFLite Metadata"

# The format names no geometry; what its own library does with a picture is this.
_CONVENTIONS = {"resize_mode": "stretch", "interpolation": "bilinear", "antialias": False}

# Field numbers of metadata_schema.fbs.
_METADATA_TEXTS = (0, 1, 2, 4, 5)  # name, description, version, author, license
_METADATA_SUBGRAPHS = 3
_SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS = 2, 3
_TENSOR_CONTENT, _TENSOR_UNITS, _TENSOR_FILES = 3, 4, 6
_CONTENT_TYPE, _CONTENT_PROPERTIES = 0, 1
_IMAGE_COLOR_SPACE, _IMAGE_SIZE = 0, 1
_UNIT_TYPE, _UNIT_OPTIONS = 0, 1
_FILE_NAME, _FILE_TYPE, _FILE_LOCALE = 0, 2, 3
_CONTENT_IMAGE = 2
_COLOR_MODES = {1: "rgb", 2: "gray"}
_UNIT_NORMALIZATION, _UNIT_CALIBRATION, _UNIT_THRESHOLDING = 1, 2, 3
_FILE_AXIS_LABELS, _FILE_AXIS_CALIBRATION = 2, 4


def parse(buffer: bytes, archive: Optional[Archive], model: str) -> Source:
    """The facts in a TFLITE_METADATA buffer, for the first input and the first output.

    Args:
        buffer: the FlatBuffer, file identifier "M001".
        archive: the model's associated files, if it has any.
        model: the model's name, for messages.

    Raises:
        ManifestError: of another version, a file is missing, or something it asks for cannot be
            done. ModelError: damaged.
    """
    if buffer[4:8] != b"M001":
        raise ManifestError(
            f"{model}: {NAME}: expected the identifier b'M001', got {buffer[4:8]!r}: damaged, or "
            "of a version that this edgeclf does not know"
        )
    source = Source(NAME, conventions=dict(_CONVENTIONS))
    subgraph = next(root(buffer, f"{model}: {NAME}").tables(_METADATA_SUBGRAPHS), None)
    if subgraph is None:
        return source
    first_input = next(subgraph.tables(_SUBGRAPH_INPUTS), None)
    first_output = next(subgraph.tables(_SUBGRAPH_OUTPUTS), None)
    if first_input is not None:
        source.fields.update(_input_fields(first_input, model))
    if first_output is not None:
        source.fields.update(_output_fields(first_output, archive, model))
    return source


def texts_of(buffer: bytes, model: str) -> Dict[int, str]:
    """What the metadata says of the model in words, by field number."""
    tree = root(buffer, f"{model}: {NAME}")
    texts = {number: tree.text(number) for number in _METADATA_TEXTS}
    return {number: text for number, text in texts.items() if text}


def file_names(buffer: bytes, model: str) -> List[str]:
    """The associated files of all outputs."""
    names = []
    for subgraph in root(buffer, f"{model}: {NAME}").tables(_METADATA_SUBGRAPHS):
        for tensor in subgraph.tables(_SUBGRAPH_OUTPUTS):
            names += [file.text(_FILE_NAME) for file in tensor.tables(_TENSOR_FILES)]
    return names


def _input_fields(tensor: Node, model: str) -> Dict[str, Any]:
    fields = _image_fields(tensor)
    for unit in tensor.tables(_TENSOR_UNITS):
        kind, options = unit.scalar(_UNIT_TYPE, "B"), unit.table(_UNIT_OPTIONS)
        if kind != _UNIT_NORMALIZATION or options is None:
            raise _unknown_unit(kind, "input", model)
        if "mean" in fields:
            raise ManifestError(f"{model}: {NAME}: the input is normalised twice")
        fields["mean"] = _finite(options.numbers(0, "f"), "mean", model)
        fields["std"] = _finite(options.numbers(1, "f"), "std", model)
        if any(value <= 0 for value in fields["std"]):
            raise ManifestError(
                f"{model}: {NAME}: std: expected numbers above 0, got {fields['std']}"
            )
    return fields


def _image_fields(tensor: Node) -> Dict[str, Any]:
    content = tensor.table(_TENSOR_CONTENT)
    if content is None or content.scalar(_CONTENT_TYPE, "B") != _CONTENT_IMAGE:
        return {}
    image = content.table(_CONTENT_PROPERTIES)
    fields: Dict[str, Any] = {}
    if image is None:
        return fields
    color_mode = _COLOR_MODES.get(image.scalar(_IMAGE_COLOR_SPACE, "b"))
    if color_mode is not None:
        fields["color_mode"] = color_mode
    size = image.table(_IMAGE_SIZE)
    if size is not None:
        fields["width"], fields["height"] = size.scalar(0, "I"), size.scalar(1, "I")
    return fields


def _finite(values: Tuple[float, ...], name: str, model: str) -> Tuple[float, ...]:
    if len(values) not in (1, 3) or not all(math.isfinite(value) for value in values):
        raise ManifestError(
            f"{model}: {NAME}: {name}: expected 1 or 3 finite numbers, got {values[:8]}"
        )
    return values


def _output_fields(tensor: Node, archive: Optional[Archive], model: str) -> Dict[str, Any]:
    fields: Dict[str, Any] = {}
    labels = _associated(tensor, _FILE_AXIS_LABELS, archive, model)
    if labels is not None:
        fields["labels"] = labels_from_text(labels, f"{model}: {NAME}: labels")
    for unit in tensor.tables(_TENSOR_UNITS):
        kind, options = unit.scalar(_UNIT_TYPE, "B"), unit.table(_UNIT_OPTIONS)
        if kind == _UNIT_THRESHOLDING and options is not None:
            fields["thresholds"] = (_finite((options.scalar(0, "f"),), "threshold", model)[0],)
        elif kind == _UNIT_CALIBRATION and options is not None:
            rows = _associated(tensor, _FILE_AXIS_CALIBRATION, archive, model)
            fields["score_calibration"] = calibration(options, rows, f"{model}: {NAME}")
        elif kind == _UNIT_NORMALIZATION and options is not None:
            continue  # it describes how the output was trained; the format has no inverse of it
        else:
            raise _unknown_unit(kind, "output", model)
    return fields


def _unknown_unit(kind: int, tensor: str, model: str) -> ManifestError:
    return ManifestError(
        f"{model}: {NAME}: the {tensor} asks for process unit {kind}, which an image classifier "
        "does not have. Write a sidecar, and remove it from the model's metadata"
    )


def _associated(tensor: Node, kind: int, archive: Optional[Archive], model: str) -> Optional[str]:
    """The text of the first file of a kind; one without a locale goes before the others."""
    found = [file for file in tensor.tables(_TENSOR_FILES) if file.scalar(_FILE_TYPE, "b") == kind]
    if not found:
        return None
    chosen = next((file for file in found if not file.text(_FILE_LOCALE)), found[0])
    name = chosen.text(_FILE_NAME)
    content = None if archive is None else archive.text_bytes(name)
    if content is None:
        raise ManifestError(
            f"{model}: {NAME} names the file {name[:80]!r}, which is not in the model. Was the "
            "copy cut short? Copy it again"
        )
    return decoded_text(content, f"{model}: {name}")

"""The spec in an ONNX model: one entry of ``metadata_props``, every other byte as it was.

A protobuf message is a row of fields, and a repeated field may be continued at the end of it. So
the entry is appended, and an older one cut out; the graph is never parsed and written again.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, Tuple

from edgeclf.errors import ModelError
from edgeclf.manifest.onnx import KEY
from edgeclf.manifest.onnx_schema import parse_model
from edgeclf.model_file import ModelFile

__all__ = ["embedded"]

# Wire types of the protobuf encoding; 3 and 4 (groups) do not occur in ONNX.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_METADATA_PROPS = 14


def embedded(model: ModelFile, document: Dict[str, Any]) -> bytes:
    """The model's bytes with `document` under the key "edgeclf", and no older one.

    Raises:
        ModelError: the model is damaged.
    """
    parse_model(model)  # refuses a damaged file with a message of its own
    value = json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    entry = _bytes_field(1, KEY.encode()) + _bytes_field(2, value)
    kept = [model.content[start:end] for start, end in _kept(model)]
    return b"".join(kept) + _bytes_field(_METADATA_PROPS, entry)


def _kept(model: ModelFile) -> Iterator[Tuple[int, int]]:
    """The parts of the file that stay: all fields but the entry that is replaced."""
    start = position = 0
    ours = _bytes_field(1, KEY.encode())
    while position < len(model.content):
        number, value_start, end = _field(model, position)
        if number == _METADATA_PROPS and model.content[value_start:end].startswith(ours):
            yield start, position
            start = end
        position = end
    yield start, position


def _field(model: ModelFile, position: int) -> Tuple[int, int, int]:
    """(field number, where its value starts, where it ends) of the field at `position`."""
    tag, position = _varint(model, position)
    start, kind = position, tag & 7
    if kind == _VARINT:
        _, end = _varint(model, position)
    elif kind == _FIXED64:
        end = position + 8
    elif kind == _FIXED32:
        end = position + 4
    elif kind == _BYTES:
        length, start = _varint(model, position)
        end = start + length
    else:
        raise ModelError(f"{model.name}: wire type {kind} at byte {position}: damaged, or no ONNX")
    if end > len(model.content):
        raise ModelError(f"{model.name}: a field reaches beyond the file. Was the copy cut short?")
    return tag >> 3, start, end


def _varint(model: ModelFile, position: int) -> Tuple[int, int]:
    value = shift = 0
    while shift < 64 and position < len(model.content):
        byte = model.content[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    raise ModelError(f"{model.name}: a number without an end. Was the copy cut short?")


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint_bytes(number << 3 | _BYTES) + _varint_bytes(len(value)) + value


def _varint_bytes(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)

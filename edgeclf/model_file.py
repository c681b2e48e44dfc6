"""A model as a file or as bytes: where it is, what format it has, what its checksum is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Optional, Union

from edgeclf.errors import ModelError

__all__ = ["ENGINE_MAGICS", "MAX_JSON_IN_FRONT", "ModelFile", "ModelSource"]

ModelSource = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview]

# The smallest TFLite, ONNX or engine file is far longer; below this a file is a stub.
_SMALLEST = 16

# A TensorRT plan and one of TensorRT for RTX; before it a JSON document of this length at most.
ENGINE_MAGICS = (b"ftrt", b"vtrt")
MAX_JSON_IN_FRONT = 16 * 2**20


class ModelFile:
    """A model's bytes, read once when first needed, and the facts that follow from them.

    Attributes:
        path: where it is, or None when it was given as bytes.
        name: for messages: the file's name, or "<bytes>".
        format: "onnx", "tflite" or "engine", told by the content, not by the suffix.

    Raises:
        ModelError: no such file, or its content is none of the known formats.
    """

    def __init__(self, source: ModelSource):
        self.path: Optional[Path] = None
        self._content: Optional[bytes] = None
        self._sha256: Optional[str] = None
        if isinstance(source, (bytes, bytearray, memoryview)):
            self._content = bytes(source)
            self.name = "<bytes>"
        else:
            self.path = Path(source)
            self.name = self.path.name
        self.format = _format_of(self.content, self.name)

    @property
    def content(self) -> bytes:
        """The whole file."""
        if self._content is None:
            assert self.path is not None
            try:
                self._content = self.path.read_bytes()
            except (OSError, ValueError) as exc:
                raise ModelError(
                    f"{self.path}: cannot be read ({getattr(exc, 'strerror', None) or exc}). "
                    "Expected the path of an .onnx, .tflite or .engine file"
                ) from exc
        return self._content

    @property
    def sha256(self) -> str:
        """The checksum of the whole file, in hexadecimal."""
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self.content).hexdigest()
        return self._sha256

    def forget_content(self) -> None:
        """Free the bytes of a model that has a path; the next use reads them again."""
        if self.path is not None:
            self._content = None


def _format_of(content: bytes, name: str) -> str:
    if len(content) < _SMALLEST:
        raise ModelError(f"{name}: {len(content)} bytes are not a model. Was the copy cut short?")
    if content[4:8] == b"TFL3":
        return "tflite"
    if content[:4] in ENGINE_MAGICS or _has_json_in_front(content):
        return "engine"
    # An ONNX file has no magic: it begins with ModelProto.ir_version, field 1, a small varint.
    if content[0] == 0x08 and content[1] < 0x80:
        return "onnx"
    raise ModelError(
        f"{name}: neither ONNX, TFLite nor a TensorRT engine (it begins with {content[:8]!r}). "
        "Export the model to one of these"
    )


def _has_json_in_front(content: bytes) -> bool:
    length = int.from_bytes(content[:4], "little", signed=True)
    # An ONNX or TFLite file with so small a number in front has no brace there.
    return 2 <= length <= MAX_JSON_IN_FRONT and content[4:5] == b"{"

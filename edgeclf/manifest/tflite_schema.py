"""Reading a FlatBuffer that may be damaged: every offset and length is checked before use.

Field numbers are those of TFLite's schema.fbs and metadata_schema.fbs (Apache-2.0); a field's
number is its place in its table, counted from 0.
"""

from __future__ import annotations

import struct
from typing import Any, Iterator, Optional, Tuple

from edgeclf.errors import BackendUnavailable, ModelError

__all__ = ["Damaged", "Node", "root"]


class Damaged(ModelError):
    """An offset or a length that leads out of the file."""


def root(content: bytes, where: str) -> Node:
    """The root table of a FlatBuffer.

    Raises:
        ModelError: its first offset leads out of it. BackendUnavailable: no flatbuffers package.
    """
    try:
        from flatbuffers.table import Table
    except ImportError as exc:
        raise BackendUnavailable(
            "reading a .tflite file needs the flatbuffers package: pip install edgeclf[tflite]"
        ) from exc
    if len(content) < 8:
        raise Damaged(f"{where}: {len(content)} bytes are no FlatBuffer. Was the copy cut short?")
    return Node(Table(content, 0), where)._at(struct.unpack_from("<I", content)[0])


class Node:
    """One table of a FlatBuffer; its fields are read by their number.

    Every method raises ModelError where the file is damaged, and gives None, 0 or nothing for a
    field that is left out, as FlatBuffers has it.
    """

    def __init__(self, table: Any, where: str):
        self._table = table
        self._where = where

    def _at(self, position: int) -> Node:
        content = self._table.Bytes
        if not 0 < position <= len(content) - 4:
            raise self._damaged()
        vtable = position - struct.unpack_from("<i", content, position)[0]
        if not 0 <= vtable <= len(content) - 4:
            raise self._damaged()
        fields, inline = struct.unpack_from("<HH", content, vtable)
        if vtable + fields > len(content) or position + inline > len(content):
            raise self._damaged()
        return Node(type(self._table)(content, position), self._where)

    def table(self, number: int) -> Optional[Node]:
        """A table field (or a union's value)."""
        position = self._position(number)
        return None if position is None else self._at(position + self._u32(position))

    def tables(self, number: int) -> Iterator[Node]:
        """A vector of tables."""
        start, length = self._vector(number, 4)
        for position in range(start, start + 4 * length, 4):
            yield self._at(position + self._u32(position))

    def text(self, number: int) -> str:
        """A string; what is not UTF-8 in it is shown as such."""
        return self.data(number).decode("utf-8", "backslashreplace")

    def data(self, number: int) -> bytes:
        """A string or a vector of bytes."""
        start, length = self._vector(number, 1)
        return bytes(self._table.Bytes[start : start + length])

    def length(self, number: int) -> int:
        """How many entries a vector of tables has; bytes, for a vector of bytes."""
        return self._vector(number, 1)[1]

    def numbers(self, number: int, kind: str) -> Tuple[Any, ...]:
        """A vector of numbers; `kind` is struct's letter for one, "f" or "i"."""
        start, length = self._vector(number, struct.calcsize("<" + kind))
        return struct.unpack_from(f"<{length}{kind}", self._table.Bytes, start)

    def scalar(self, number: int, kind: str) -> Any:
        """A number; 0 where it is left out (the default of every field that is read here)."""
        position = self._position(number)
        size = struct.calcsize("<" + kind)
        if position is None:
            return 0
        if position + size > len(self._table.Bytes):
            raise self._damaged()
        return struct.unpack_from("<" + kind, self._table.Bytes, position)[0]

    def _position(self, number: int) -> Optional[int]:
        try:
            offset = self._table.Offset(4 + 2 * number)
        except (struct.error, ValueError, TypeError) as exc:
            raise self._damaged() from exc
        return self._table.Pos + offset if offset else None

    def _vector(self, number: int, size: int) -> Tuple[int, int]:
        position = self._position(number)
        if position is None:
            return 0, 0
        start = position + self._u32(position)
        length = self._u32(start)
        if start + 4 + length * size > len(self._table.Bytes):
            raise self._damaged()
        return start + 4, length

    def _u32(self, position: int) -> int:
        if not 0 <= position <= len(self._table.Bytes) - 4:
            raise self._damaged()
        return int(struct.unpack_from("<I", self._table.Bytes, position)[0])

    def _damaged(self) -> Damaged:
        return Damaged(
            f"{self._where}: an offset in it leads out of the file: truncated or damaged. Copy "
            "the model again"
        )

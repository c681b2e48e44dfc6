"""A JPEG's size, colours and orientation, read in microseconds.

Opening a picture with Pillow takes longer than all that is done for a small one. So what cameras
and libraries usually write is read here; at anything else ``read_header`` gives None, and Pillow
says what it is. It must never state what Pillow would not.

Sources: ITU-T T.81, annex B (markers); EXIF 2.3, 4.5 and 4.6 (orientation).
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional

__all__ = ["JpegHeader", "read_header"]

_START_OF_FRAME = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; all with Huffman codes
_START_OF_SCAN = 0xDA
_QUANTIZATION = 0xDB
_APP0, _APP1, _APP2, _APP13, _APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/", b"ICC_PROFILE\0"
# Huffman tables, restart interval, comment, and what applications add: their contents do not
# matter.
_SKIPPED = frozenset((0xC4, 0xDD, 0xFE, *range(0xE3, 0xED), 0xEF))
_ORIENTATION = 0x0112
_SHORT = 3
# Usual pictures have a few dozen segments; a file can be made of millions of empty ones.
_MOST_SEGMENTS = 256
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # of types


class JpegHeader(NamedTuple):
    """``width`` and ``height`` in pixels as stored, 1 or 3 ``components`` of 8 bits, and the
    ``orientation`` of EXIF, 1..8 (1 where there is none)."""

    width: int
    height: int
    components: int
    orientation: int


def read_header(content: bytes) -> Optional[JpegHeader]:
    """What stands before a JPEG's first scan; None for other files, and for unusual JPEGs."""
    if content[:3] != b"\xff\xd8\xff":
        return None
    frame: Optional[bytes] = None
    orientation: Optional[int] = None
    has_exif = has_xmp = False
    at, end = 2, len(content)
    for _ in range(_MOST_SEGMENTS):
        if at + 4 > end or content[at] != 0xFF:
            return None
        marker = content[at + 1]
        begin, at = at + 4, at + 2 + (content[at + 2] << 8 | content[at + 3])
        if at < begin or at > end:
            return None
        if marker in _SKIPPED:
            continue
        if marker == _START_OF_SCAN:
            if frame is None or (has_xmp and orientation is None):
                return None  # Pillow looks for an orientation in XMP where EXIF has none
            height, width = struct.unpack_from(">HH", frame, 1)
            return JpegHeader(width, height, frame[5], orientation or 1) if width * height else None
        segment = content[begin:at]
        if marker in _START_OF_FRAME:
            if frame is not None or not _is_usual_frame(segment):
                return None
            frame = segment
        elif marker == _APP1 and segment[:6] == _EXIF:
            found = None if has_exif else _orientation(segment[6:])
            if found is None:
                return None
            has_exif, orientation = True, found or None
        elif marker == _APP1 and segment.startswith(_XMP):
            has_xmp = True
        elif not _is_harmless(marker, segment):
            return None
    return None


def _is_usual_frame(segment: bytes) -> bool:
    """8 bits, grey or three components, and nothing behind them."""
    return len(segment) in (9, 15) and segment[0] == 8 and len(segment) == 6 + 3 * segment[5]


def _is_harmless(marker: int, segment: bytes) -> bool:
    if marker == _QUANTIZATION:
        return len(segment) % 65 == 0 and all(number < 16 for number in segment[::65])
    if marker == _APP0:
        return len(segment) >= 7
    if marker == _APP1:
        return not segment.startswith((b"Exif", b"http"))
    if marker == _APP2:
        return segment.startswith(_ICC) and len(segment) > 14
    return marker == _APP14 and len(segment) >= 12


def _orientation(tiff: bytes) -> Optional[int]:
    """The orientation in an EXIF block; 0 where it says none, None where the block is unusual."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 10:
        return None
    (first,) = struct.unpack_from(order + "L", tiff, 4)
    if first + 2 > len(tiff):
        return None
    (count,) = struct.unpack_from(order + "H", tiff, first)
    if first + 2 + 12 * count > len(tiff):
        return None
    orientation = 0
    for at in range(first + 2, first + 2 + 12 * count, 12):
        tag, kind, number, where = struct.unpack_from(order + "HHLL", tiff, at)
        size = _SIZES.get(kind, 0) * number
        if size == 0 or (size > 4 and where + size > len(tiff)):
            return None
        if tag == _ORIENTATION:
            (value,) = struct.unpack_from(order + "H", tiff, at + 8)
            if orientation or (kind, number) != (_SHORT, 1) or not 1 <= value <= 8:
                return None
            orientation = value
    return orientation

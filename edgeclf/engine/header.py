"""The first bytes of a plan: what built it, how long it is, which GPUs it is for.

Little-endian. 0: magic; 4: version of this layout, 0; 8: a tag of the platform (2 on x86-64
Linux); 16: size of the whole plan, 64 bits; 24: the builder's version, one byte a part; in
TensorRT for RTX then 28: the magic again; 32: a mask of compute capabilities.

Seen in plans of TensorRT for RTX 1.4.0, 1.6.1 and 1.7.1. For TensorRT, trtexec of 8.6 and later
reads the version there for layout 0, and the runtime holds the size against the file's. Plans of
older releases have the magic and another layout: of them nothing is said here that is not sure.
"""

from __future__ import annotations

import struct
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Union

from edgeclf.engine.facts import facts_of, rebuild_command
from edgeclf.errors import ModelError
from edgeclf.model_file import ENGINE_MAGICS

__all__ = ["CAPABILITY_BITS", "KINDS", "EngineHeader", "read_header", "version_text"]

Plan = Union[bytes, bytearray, memoryview]

KINDS: Dict[bytes, str] = dict(zip(ENGINE_MAGICS, ("tensorrt", "tensorrt-rtx")))

# The bit of each compute capability. An engine for "every GPU" has the bit after the last one
# that its builder knows, too: "and later" ones (bit 5 in 1.4.0, which did not know 12.1).
CAPABILITY_BITS: Dict[Tuple[int, int], int] = {
    (7, 5): 0,
    (8, 0): 1,
    (8, 6): 2,
    (8, 9): 3,
    (12, 0): 4,
    (12, 1): 5,
}

_FIXED = struct.Struct("<4sII4xQ4B")
_MASK = struct.Struct("<I")
_MASK_AT = 32
_UNKNOWN_VERSION = (0, 0, 0, 0)
# Older layouts hold other numbers where these are. What lies within could be of layout 0; it
# is certain where the stated size is the plan's own.
_MAJORS = range(8, 64)
_MAX_PLATFORM_TAG = 63
_SIZES = range(64, 2**40)


class EngineHeader(NamedTuple):
    """What a plan says of itself.

    ``kind`` is "tensorrt" or "tensorrt-rtx". ``version`` is the builder's, (0, 0, 0, 0) where it
    is not known. ``size`` is what the plan states, in bytes. ``compute_capabilities`` are known
    for TensorRT for RTX alone, and only those that this module has a name for; empty: unknown.
    """

    kind: str
    serialization_version: int
    version: Tuple[int, int, int, int]
    size: Optional[int]
    compute_capabilities: Tuple[Tuple[int, int], ...]


def version_text(header: EngineHeader) -> str:
    """The builder for people: ``TensorRT for RTX 1.7.1.116``."""
    name = "TensorRT for RTX" if header.kind == "tensorrt-rtx" else "TensorRT"
    if header.version == _UNKNOWN_VERSION:
        return f"{name} of a version that its header does not tell"
    return f"{name} {'.'.join(str(part) for part in header.version)}"


def read_header(
    plan: Plan, *, name: str = "<bytes>", document: Optional[Mapping[str, Any]] = None
) -> EngineHeader:
    """The header of a plan, which is without a document in front (see `split`).

    Args:
        plan: the whole plan: the size it states is held against its length.
        name: the file's name, for messages.
        document: what `split` found in front; for the command that rebuilds a damaged engine.

    Raises:
        ModelError: too short for a header, another magic, shorter or longer than it states, or
            a header that no builder writes.

    Copies nothing but the header. Thread-safe.
    """
    kind = _kind(plan, name)
    if len(plan) < (_MASK_AT + _MASK.size if kind == "tensorrt-rtx" else _FIXED.size):
        raise ModelError(
            f"{name}: {len(plan)} bytes are not even an engine's header. Was the copy cut short?"
        )
    _, layout, tag, size, *parts = _FIXED.unpack_from(plan)
    version = (parts[0], parts[1], parts[2], parts[3])
    if not _is_known(kind, layout, tag, size, version, len(plan)):
        return EngineHeader(kind, layout, _UNKNOWN_VERSION, None, ())
    mask = _MASK.unpack_from(plan, _MASK_AT)[0] if kind == "tensorrt-rtx" else 0
    capabilities = tuple(cc for cc, bit in CAPABILITY_BITS.items() if mask >> bit & 1)
    header = EngineHeader(kind, layout, version, size, capabilities)
    damage = _damage(header, len(plan), mask)
    if damage:
        raise ModelError(
            f"{name}: {damage}. Built with: {version_text(header)}. Copy it again, or build it "
            f"again: {rebuild_command(name, facts_of(document, name=name))}"
        )
    return header


def _kind(plan: Plan, name: str) -> str:
    magic = bytes(plan[:4])
    if magic not in KINDS:
        raise ModelError(
            f"{name}: expected a TensorRT plan, which begins with 'ftrt' or 'vtrt'; got {magic!r}. "
            "Is this the file that the builder wrote, whole and copied as binary?"
        )
    return KINDS[magic]


def _is_known(
    kind: str, layout: int, tag: int, size: int, version: Tuple[int, ...], length: int
) -> bool:
    if layout != 0:
        return False
    if kind == "tensorrt-rtx" or size == length:
        return True
    return version[0] in _MAJORS and tag <= _MAX_PLATFORM_TAG and size in _SIZES


def _damage(header: EngineHeader, length: int, mask: int) -> str:
    size = header.size or 0
    if length < size:
        return f"the engine is cut short: {length} bytes, and its header states {size}"
    if length > size:
        return (
            f"the engine has {length} bytes, and its header states {size}: something was added "
            "behind it, or it is damaged"
        )
    if header.kind == "tensorrt-rtx" and (mask == 0 or header.version == _UNKNOWN_VERSION):
        return (
            "its header has no version or no compute capability, which no builder writes: the "
            "file is damaged"
        )
    return ""

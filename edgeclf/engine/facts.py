"""How an engine was built: the part "engine" of the document in front of its plan."""

from __future__ import annotations

import re
import shlex
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from edgeclf.errors import ManifestError

__all__ = ["EngineFacts", "capability_of", "facts_of", "rebuild_command"]

PART = "engine"
_SHA256 = re.compile("[0-9a-fA-F]{64}")
_CAPABILITY = re.compile(r"(\d{1,3})\.(\d{1,3})")
_TEXTS = ("built_with", "gpu", "compute_capability", "precision", "source")


class EngineFacts(NamedTuple):
    """What the builder wrote down; None where it did not.

    ``built_with`` is "tensorrt 10.3.0", ``compute_capability`` "8.7", ``source`` the ONNX file's
    name, ``batch`` the smallest, the usual and the largest one. The checksums are in lower case.
    """

    built_with: Optional[str] = None
    gpu: Optional[str] = None
    compute_capability: Optional[str] = None
    precision: Optional[str] = None
    source: Optional[str] = None
    source_sha256: Optional[str] = None
    version_compatible: Optional[bool] = None
    batch: Optional[Tuple[int, int, int]] = None
    plan_sha256: Optional[str] = None


def facts_of(document: Optional[Mapping[str, Any]], *, name: str = "<bytes>") -> EngineFacts:
    """The facts in a document as `split` gives it; all None when it has no part "engine".

    Keys that this version does not know are passed over: a later one may have written them.

    Raises:
        ManifestError: a fact in it is of the wrong type.
    """
    part = None if document is None else document.get(PART)
    if not isinstance(part, dict):  # none, or another tool's word of that name
        return EngineFacts()
    facts: Dict[str, Any] = {key: _text(part, key, name) for key in _TEXTS}
    facts["source_sha256"] = _sha256(part, "source_sha256", name)
    facts["plan_sha256"] = _sha256(part, "plan_sha256", name)
    compatible = part.get("version_compatible")
    if compatible is not None and not isinstance(compatible, bool):
        raise _wrong(name, "version_compatible", "true or false", compatible)
    return EngineFacts(version_compatible=compatible, batch=_batch(part, name), **facts)


def capability_of(facts: EngineFacts) -> Optional[Tuple[int, int]]:
    """The one compute capability that the engine was built on; None: not known, or several."""
    found = _CAPABILITY.fullmatch(facts.compute_capability or "")
    return None if found is None else (int(found.group(1)), int(found.group(2)))


def rebuild_command(name: str, facts: EngineFacts, more: Sequence[str] = ()) -> str:
    """The command that builds this engine again, with the options it was built with."""
    out = name if name.endswith((".engine", ".plan", ".trt")) else "X.engine"
    # "<bytes>" is no file.
    source = facts.source if facts.source and not facts.source.startswith("<") else "MODEL.onnx"
    words: List[str] = ["edgeclf", "build", source]
    if facts.precision in ("fp16", "int8"):
        words += ["--precision", facts.precision]
    if facts.batch not in (None, (1, 1, 1)):
        words += ["--batch", ",".join(str(size) for size in facts.batch or ())]
    if facts.version_compatible:
        words.append("--version-compatible")
    return " ".join(shlex.quote(word) for word in [*words, *more, "-o", out])


def _text(part: Mapping[str, Any], key: str, name: str) -> Optional[str]:
    value = part.get(key)
    if value is None or (isinstance(value, str) and value.isprintable()):
        return value
    raise _wrong(name, key, "a text on one line", value)


def _sha256(part: Mapping[str, Any], key: str, name: str) -> Optional[str]:
    value = part.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise _wrong(name, key, "64 hexadecimal digits", value)
    return value.lower()


def _batch(part: Mapping[str, Any], name: str) -> Optional[Tuple[int, int, int]]:
    value = part.get("batch")
    if value is None:
        return None
    whole = isinstance(value, list) and all(type(size) is int for size in value)
    if not whole or len(value) != 3 or not 1 <= value[0] <= value[1] <= value[2]:
        raise _wrong(name, "batch", "[smallest, usual, largest]", value)
    return (value[0], value[1], value[2])


def _wrong(name: str, key: str, expected: str, value: Any) -> ManifestError:
    return ManifestError(
        f"{name}: JSON in front of the plan: {key}: expected {expected}, got {repr(value)[:80]}"
    )

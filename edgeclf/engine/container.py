"""The JSON in front of a plan: its length as a little-endian int32, the text, then the plan.

The form is Ultralytics'; a reader of theirs takes the text for its metadata and the rest for the
plan. What edgeclf writes is ``{"edgeclf": {a sidecar's document}, "engine": {how it was built}}``;
keys of others stay.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, Mapping, Optional, Tuple

from edgeclf.engine.facts import facts_of, rebuild_command
from edgeclf.engine.fit import built_with
from edgeclf.engine.header import KINDS, Plan, read_header
from edgeclf.errors import ManifestError, ModelError
from edgeclf.manifest.strict_json import parse_json
from edgeclf.model_file import MAX_JSON_IN_FRONT

__all__ = ["DOCUMENT", "join", "split"]

# The key of edgeclf's own part.
DOCUMENT = "edgeclf"
_LENGTH_BYTES = 4
# Spaces behind the text put the plan on a multiple of this, for runtimes that read it in place.
_ALIGNMENT = 64


def split(
    content: Plan, *, name: str = "<bytes>", verify: bool = True
) -> Tuple[Optional[Dict[str, Any]], memoryview]:
    """The document in front of an engine, None when there is none, and the plan behind it.

    Args:
        content: the file. The plan is a view of it, nothing is copied: keep it unchanged.
        name: the file's name, for messages.
        verify: compute the plan's checksum, where the document states one: about a millisecond
            for each megabyte. False where another call has done so.

    Raises:
        ModelError: cut short, or not the plan whose checksum the document states (tampered
            with, or damaged). ManifestError: the text is no JSON object by the letter, states
            something of the wrong type, or is longer than 16 MiB.

    The plan itself is not looked into: that is `read_header`'s. Thread-safe.
    """
    document, plan = _parts(content, name)
    facts = facts_of(document, name=name)
    expected = facts.plan_sha256
    if verify and expected is not None and hashlib.sha256(plan).hexdigest() != expected:
        # Where the header shows the damage, its error says more of it.
        header = read_header(plan, name=name, document=document)
        raise ModelError(
            f"{name}: the engine's plan is not the one that was built (its sha256 is not "
            f"{expected}): damaged, or changed since. Built with: {built_with(header, facts)}. "
            f"Copy it again, or build it again: {rebuild_command(name, facts)}"
        )
    return document, plan


def _parts(content: Plan, name: str) -> Tuple[Optional[Dict[str, Any]], memoryview]:
    view = memoryview(content)
    # The magic first: read as a length it would be 1.9 GB.
    if bytes(view[:4]) in KINDS:
        return None, view
    length = int.from_bytes(view[:_LENGTH_BYTES], "little", signed=True)
    if bytes(view[_LENGTH_BYTES : _LENGTH_BYTES + 1]) != b"{" or length < 2:
        raise ModelError(
            f"{name}: expected a TensorRT plan ('ftrt' or 'vtrt'), or a JSON object before one; "
            f"it begins with {bytes(view[:8])!r}. Is this an engine, copied as binary?"
        )
    if length > MAX_JSON_IN_FRONT:
        raise ManifestError(
            f"{name}: the JSON in front of the plan claims {length} bytes; at most "
            f"{MAX_JSON_IN_FRONT} are read. Build the engine again"
        )
    end = _LENGTH_BYTES + length
    if end > len(view):
        raise ModelError(
            f"{name}: cut short: {len(view)} bytes, and the JSON in front of the plan alone takes "
            f"{end}. Copy it again"
        )
    document = parse_json(bytes(view[_LENGTH_BYTES:end]), f"{name}: JSON in front of the plan")
    if not isinstance(document, dict):
        raise ManifestError(f"{name}: expected a JSON object in front of the plan")
    return document, view[end:]


def join(document: Optional[Mapping[str, Any]], plan: Plan) -> bytes:
    """A file's bytes: the document, None for none, in front of the plan.

    Raises:
        ModelError: `plan` does not begin as a plan does; one with a document has to be split.
        ManifestError: the document cannot be written as JSON, or is longer than 16 MiB.
    """
    if bytes(plan[:4]) not in KINDS:
        raise ModelError(
            f"expected a plan as the builder gave it, which begins with 'ftrt' or 'vtrt'; it "
            f"begins with {bytes(plan[:8])!r}"
        )
    if document is None:
        return bytes(plan)
    text = _text(document)
    return b"".join((len(text).to_bytes(_LENGTH_BYTES, "little"), text, plan))


def _text(document: Mapping[str, Any]) -> bytes:
    try:
        # ASCII, as json.dumps gives it to Ultralytics: half a surrogate pair passes through.
        text = json.dumps(dict(document), allow_nan=False).encode("ascii")
        text += b" " * (-(_LENGTH_BYTES + len(text)) % _ALIGNMENT)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ManifestError(f"the document for an engine is no JSON: {exc}") from exc
    if len(text) > MAX_JSON_IN_FRONT:
        raise ManifestError(
            f"the document for an engine has {len(text)} bytes; at most {MAX_JSON_IN_FRONT} stand "
            "in front of a plan. Write long labels into a sidecar"
        )
    facts_of(parse_json(text, "the document for an engine"))
    return text

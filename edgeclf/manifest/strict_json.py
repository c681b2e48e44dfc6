"""JSON as its standard has it: no duplicate keys, no NaN or Infinity, bounded in size and depth."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Dict, List, Tuple, Union

from edgeclf.errors import ManifestError

__all__ = ["MAX_TEXT_BYTES", "decoded_text", "parse_json", "read_small_file"]

# A label list of 100,000 long names is about 4 MB; nothing a manifest says is larger.
MAX_TEXT_BYTES = 16 * 2**20
_MAX_DIGITS = 4000


def parse_json(content: Union[bytes, str], where: str) -> Any:
    """The value of a JSON document.

    Raises:
        ManifestError: not JSON, a key given twice, a number that is not finite, or nested
            deeper than any manifest.
    """
    text = decoded_text(content, where) if isinstance(content, bytes) else content
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refused_constant,
            parse_float=_finite,
            parse_int=_short,
        )
    except (ValueError, RecursionError) as exc:
        raise ManifestError(f"{where}: not a usable JSON document: {exc}") from exc


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:60]!r} is given twice; keep one of them")
        found[key] = value
    return found


def _refused_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number; every number must be finite")


def _short(text: str) -> int:
    # Before Python 3.11 int() takes the square of the length: hours for a text of megabytes.
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits; at most {_MAX_DIGITS} are read")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large; every number must be finite")
    return number


def decoded_text(content: bytes, where: str) -> str:
    """UTF-8 text, with or without a byte order mark.

    Raises:
        ManifestError: longer than 16 MiB, or not UTF-8.
    """
    if len(content) > MAX_TEXT_BYTES:
        raise ManifestError(
            f"{where}: {len(content)} bytes; at most {MAX_TEXT_BYTES} are read. Is this the "
            "right file?"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ManifestError(
            f"{where}: expected UTF-8 text ({exc.reason} at byte {exc.start}). Save it as UTF-8"
        ) from exc


def read_small_file(path: Path) -> bytes:
    """The content of a text file beside a model.

    Raises:
        ManifestError: it cannot be read, is no regular file, or is longer than 16 MiB.
    """
    try:
        # Asked before opening: opening a pipe that lies there would wait for ever.
        if not path.is_file():
            raise ManifestError(f"{path}: expected a file; there is none, or it is something else")
        with path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise ManifestError(f"{path}: cannot be read: {exc}") from exc
    if len(content) > MAX_TEXT_BYTES:
        raise ManifestError(f"{path}: longer than {MAX_TEXT_BYTES} bytes. Is this the right file?")
    return content

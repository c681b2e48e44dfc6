"""Ultralytics' exports: ONNX ``metadata_props``, ``metadata.json`` in a TFLite file, or the JSON in
front of a TensorRT engine.

It states the size and the names. The preprocessing it does not state; what its own predictor does
with an exported classifier since version 8.1 is torchvision's Resize(imgsz) and CenterCrop(imgsz)
on a PIL image, then pixels / 255, and its head ends in a Softmax. Older ones did something else,
so for them nothing is implied.
"""

from __future__ import annotations

import ast
import re
from typing import Any, Dict, Mapping, Optional, Tuple

from edgeclf.errors import ManifestError
from edgeclf.manifest.archive import open_archive
from edgeclf.manifest.base import Source
from edgeclf.manifest.onnx import metadata
from edgeclf.manifest.strict_json import decoded_text, parse_json
from edgeclf.model_file import ModelFile
from edgeclf.spec import MAX_SIDE

__all__ = ["read", "source_of"]

NAME = "Ultralytics metadata"
MEMBER = "metadata.json"
MAX_NAMES_BYTES = 2 * 2**20
_KEYS = ("author", "version", "task", "imgsz", "names", "channels", "stride")
_FIRST_WITH_THESE_TRANSFORMS = (8, 1)

# One entry of a printed dict: 12: 'name'. Matching one text literal at a time keeps the parser
# away from anything nested: a hostile text could otherwise exhaust its stack.
_ENTRY = re.compile(r"""\s*(\d{1,7})\s*:\s*('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")\s*(,|$)""")


def read(model: ModelFile) -> Optional[Source]:
    """The facts of an Ultralytics export; None for another tool's model."""
    if model.format == "onnx":
        entries = {
            key: decoded_text(value, f"{NAME}: {key}")
            for key, value in metadata(model).items()
            if key in _KEYS
        }
        return source_of(entries) if _is_ours(entries) else None
    document = _in_front(model) if model.format == "engine" else _in_archive(model)
    if not isinstance(document, dict) or not _is_ours(document):
        return None
    return source_of(document)


def _in_front(model: ModelFile) -> Any:
    from edgeclf.engine import split

    return split(model.content, name=model.name, verify=False)[0]


def _in_archive(model: ModelFile) -> Any:
    archive = open_archive(model)
    content = None if archive is None else archive.text_bytes(MEMBER)
    return None if content is None else parse_json(content, f"{model.name}: {MEMBER}")


def _is_ours(entries: Mapping[str, Any]) -> bool:
    if entries.get("author") == "Ultralytics":
        return True
    # Older exports have no author.
    return all(key in entries for key in ("task", "imgsz", "names", "stride"))


def source_of(entries: Mapping[str, Any]) -> Source:
    """The facts in an Ultralytics export's metadata.

    Args:
        entries: values as JSON has them, or as Python prints them (ONNX stores texts).

    Raises:
        ManifestError: a model for another task, or an entry that cannot be read.
    """
    task = entries.get("task")
    if task != "classify":
        raise ManifestError(f"{NAME}: task: expected 'classify', got {str(task)[:40]!r}")
    height, width = _size(entries.get("imgsz"))
    fields: Dict[str, Any] = {"width": width, "height": height}
    if "names" in entries:
        fields["labels"] = _names(entries["names"])
    channels = str(entries.get("channels", 3)).strip()
    if channels not in ("1", "3"):
        raise ManifestError(f"{NAME}: channels: expected 1 or 3, got {channels[:40]!r}")
    source = Source(NAME, fields=fields)
    if _version(entries.get("version")) >= _FIRST_WITH_THESE_TRANSFORMS:
        source.conventions = _conventions(width, height, "gray" if channels == "1" else "rgb")
    return source


def _conventions(width: int, height: int, color_mode: str) -> Dict[str, Any]:
    conventions: Dict[str, Any] = {
        "color_mode": color_mode,
        "interpolation": "bilinear",
        "antialias": True,
        "rescale_factor": 1 / 255,
        "mean": (0.0,),
        "std": (1.0,),
        "activation": "none",
    }
    if width == height:
        conventions.update(
            {"resize_mode": "center-crop", "resize_size": width, "crop_rounding": "round"}
        )
    else:
        # For a pair of sides its Resize goes to exactly that size.
        conventions["resize_mode"] = "stretch"
    return conventions


def _version(value: Any) -> Tuple[int, int]:
    found = re.match(r"(\d{1,6})\.(\d{1,6})\.", str(value))
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def _size(value: Any) -> Tuple[int, int]:
    numbers = re.findall(r"\d{1,6}", str(value)[:40])
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) != 2 or not all(1 <= int(number) <= MAX_SIDE for number in numbers):
        raise ManifestError(
            f"{NAME}: imgsz: expected [height, width] in pixels, got {str(value)[:40]!r}"
        )
    return int(numbers[0]), int(numbers[1])


def _names(value: Any) -> Tuple[str, ...]:
    entries = value if isinstance(value, dict) else _parsed_names(value)
    names: Dict[int, str] = {}
    for key, name in entries.items():
        if not re.fullmatch(r"\d{1,7}", str(key)) or not isinstance(name, str):
            raise ManifestError(f"{NAME}: names: expected an index and a text, got {key!r}")
        names[int(key)] = name
    if not names or sorted(names) != list(range(len(names))):
        raise ManifestError(f"{NAME}: names: expected every index from 0 on, each once")
    return tuple(names[index] for index in range(len(names)))


def _parsed_names(value: Any) -> Dict[str, str]:
    text = value.strip() if isinstance(value, str) else ""
    if len(text) > MAX_NAMES_BYTES or not (text.startswith("{") and text.endswith("}")):
        raise ManifestError(
            f"{NAME}: names: expected {{0: 'name', ...}} of at most {MAX_NAMES_BYTES} "
            f"characters, got {str(value)[:40]!r}"
        )
    body, position, found = text[1:-1].rstrip(), 0, {}
    while position < len(body):
        entry = _ENTRY.match(body, position)
        if entry is None or entry.group(1) in found:
            raise ManifestError(
                f"{NAME}: names: cannot be read from {body[position : position + 40]!r} on"
            )
        found[entry.group(1)] = _literal(entry.group(2))
        position = entry.end()
    return found


def _literal(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as exc:
        raise ManifestError(f"{NAME}: names: {text[:40]} is no text: {exc}") from exc

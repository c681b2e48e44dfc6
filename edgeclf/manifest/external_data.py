"""ONNX weights outside the model's file: allowed beside it, and nowhere else.

A location such as ``../../etc/passwd`` or a link would let a model read any file of the device
and give its bytes back as numbers.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any, Dict, Iterator, List

from edgeclf.errors import ManifestError
from edgeclf.manifest.onnx_schema import parse_model, text
from edgeclf.model_file import ModelFile

__all__ = ["check", "locations"]

_EXTERNAL = 1  # TensorProto.DataLocation
_DRIVE = re.compile("[A-Za-z]:")


def check(model: ModelFile) -> None:
    """Look at every tensor of the model: initializers, attributes, subgraphs, functions.

    Raises:
        ManifestError: names the first tensor whose data is not a plain file in the model's
            folder that holds all of it. ModelError: the model is damaged.
    """
    for tensor in _tensors(parse_model(model)):
        if tensor.data_location == _EXTERNAL or tensor.external_data:
            _check_tensor(tensor, model)


def locations(model: ModelFile) -> List[str]:
    """The files beside the model that hold its weights, relative to its folder, each once.

    What they say is not checked: call `check` first.
    """
    found = {
        text(entry.value)
        for tensor in _tensors(parse_model(model))
        for entry in tensor.external_data
        if text(entry.key) == "location"
    }
    return sorted(found)


def _tensors(message: Any) -> Iterator[Any]:
    """Every Tensor below a message. The parser bounds how deep messages nest (100)."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.name == "Entry":
            continue
        # One message or a container of them; only the latter has a length.
        for item in value if hasattr(value, "__len__") else (value,):
            if field.message_type.name == "Tensor":
                yield item
            else:
                yield from _tensors(item)


def _check_tensor(tensor: Any, model: ModelFile) -> None:
    entries: Dict[str, str] = {}
    for entry in tensor.external_data:
        key = text(entry.key)
        if key in entries:
            raise _refusal(model, tensor, key, "is given twice")
        entries[key] = text(entry.value)
    location = entries.get("location", "")
    if model.path is None:
        raise _refusal(
            model, tensor, location, "cannot be found: the model was given as bytes. Give its path"
        )
    _check_location(location, tensor, model)
    path = _file_inside(model.path.parent, location, tensor, model)
    _check_range(entries, path.stat().st_size, location, tensor, model)


def _check_location(location: str, tensor: Any, model: ModelFile) -> None:
    # Backslashes and drives are refused on every system: the same file means the same everywhere.
    parts = location.split("/")
    if "\0" in location or "" in parts[1:] or parts == [""]:
        raise _refusal(model, tensor, location, "is no file name")
    if not parts[0] or "\\" in location or _DRIVE.match(location):
        raise _refusal(model, tensor, location, "is not a relative path")
    if ".." in parts:
        raise _refusal(model, tensor, location, "leads out of the model's folder")


def _file_inside(folder: Path, location: str, tensor: Any, model: ModelFile) -> Path:
    path = folder
    try:
        for part in location.split("/"):
            path = path / part
            status = os.lstat(str(path))
            if stat.S_ISLNK(status.st_mode):
                raise _refusal(model, tensor, location, "is, or passes, a symbolic link")
    except (OSError, ValueError) as exc:
        raise _refusal(model, tensor, location, "is missing beside the model") from exc
    if not stat.S_ISREG(status.st_mode):
        raise _refusal(model, tensor, location, "is not a regular file")
    if status.st_nlink > 1:
        raise _refusal(model, tensor, location, "is a hard link to a file that has other names")
    return path


def _check_range(
    entries: Dict[str, str], size: int, location: str, tensor: Any, model: ModelFile
) -> None:
    numbers = {}
    for key in ("offset", "length"):
        value = entries.get(key, "0")
        # At most 19 digits: int() alone would take any number of them, signs and spaces.
        if not re.fullmatch("[0-9]{1,19}", value):
            raise _refusal(model, tensor, location, f"has the {key} {value[:40]!r}, not a number")
        numbers[key] = int(value)
    if numbers["offset"] + numbers["length"] > size:
        raise _refusal(
            model,
            tensor,
            location,
            f"has {size} bytes, but offset {numbers['offset']} and length {numbers['length']} "
            "reach beyond. Was the copy cut short?",
        )


def _refusal(model: ModelFile, tensor: Any, location: str, why: str) -> ManifestError:
    return ManifestError(
        f"{model.name}: the weights of tensor {text(tensor.name)!r} lie in {location[:200]!r}, "
        f"which {why}. Expected a file in the model's own folder; export the model again with "
        "its weights inside, or beside it"
    )

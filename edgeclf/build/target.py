"""Where an engine goes: found out to be writable before minutes are spent on building it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Union

from edgeclf.errors import ArgumentError, BackendError
from edgeclf.manifest.sidecar import read_file
from edgeclf.model_file import ModelFile, ModelSource

__all__ = ["checked_target", "require_space"]


def checked_target(out: Path, model: Union[ModelFile, ModelSource]) -> Path:
    """`out`, when an engine of `model` may be written there.

    Raises:
        ArgumentError: a folder, no folder to be in, not writable, the model itself, or a name whose
            sidecar is another file's. ManifestError: that sidecar cannot be read.
    """
    if out.is_dir():
        raise ArgumentError(f"{out}: a folder. Expected the path of the engine's file")
    if not out.parent.is_dir():
        raise ArgumentError(f"{out}: there is no folder {out.parent}. Make it first")
    if not os.access(str(out.parent), os.W_OK):
        raise ArgumentError(f"{out}: this user may not write into {out.parent}")
    source = model.path if isinstance(model, ModelFile) else model
    is_path = isinstance(source, (str, os.PathLike))
    if is_path and os.path.realpath(str(source)) == os.path.realpath(str(out)):
        raise ArgumentError(f"{out}: the model itself. Give the engine another name")
    _refuse_foreign_sidecar(out)
    return out


def _refuse_foreign_sidecar(out: Path) -> None:
    """A sidecar that states the checksum of the ONNX model would refuse the engine beside it."""
    sidecar = out.with_suffix(".json")
    if sidecar.exists() and read_file(sidecar).sha256 is not None:
        raise ArgumentError(
            f"{out}: the sidecar {sidecar.name} beside it states the checksum of another file, and "
            "would be taken for this engine's. Give the engine another name or folder; its spec "
            "and labels will be inside it"
        )


def require_space(out: Path, size: int) -> None:
    """Raises BackendError unless the disk has `size` bytes free."""
    free = shutil.disk_usage(str(out.parent)).free
    if free < size:
        raise BackendError(
            f"{out}: the engine has {size} bytes, and {free} are free on this disk. Free some, or "
            "write it elsewhere"
        )

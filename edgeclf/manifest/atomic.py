"""Writing a file so that a reader, or a power cut, sees the old one or the new one whole."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from edgeclf.errors import ManifestError

__all__ = ["write_atomically"]


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: a temporary file beside it, fsync, rename, fsync the folder.

    An existing file's permissions are kept; a new one gets what the umask allows.

    Raises:
        ManifestError: it cannot be written; the old file is then untouched.
    """
    # Through a link the file it points to is replaced, not the link.
    target = Path(os.path.realpath(str(path)))
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        _write_through(temporary, content)
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as exc:
        # It was never made, or was renamed already: then there is nothing to remove.
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ManifestError(
            f"{path}: cannot be written ({exc.strerror or exc}). Is there space, and may this "
            "user write there?"
        ) from exc


def _write_through(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(str(path), flags, 0o666), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # Without this the rename itself may not survive a power cut. Windows cannot open a folder.
    if os.name != "posix":
        return
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Compiled kernels, kept for this user: each source is compiled once per GPU and compiler.

A file is the SHA-256 of its content and the content. One that does not fit its checksum is
compiled anew; a folder that cannot be written, or that others may write, is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import uuid
from pathlib import Path
from typing import Callable, Optional, Sequence

__all__ = ["cache_folder", "cached"]

_log = logging.getLogger(__name__)
_DIGEST_BYTES = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """``$EDGECLF_CACHE_DIR``, else ``edgeclf`` in ``$XDG_CACHE_HOME`` or ``~/.cache``; not made."""
    given = os.environ.get("EDGECLF_CACHE_DIR")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    # The specification says to pass over a path that is not absolute.
    if base and Path(base).is_absolute():
        return Path(base) / "edgeclf"
    return Path.home() / ".cache" / "edgeclf"


def cached(key: Sequence[str], make: Callable[[], bytes], folder: Optional[Path] = None) -> bytes:
    """What `make` gives, from the cache where it was made before for the same `key`.

    Any number of processes may ask at once: a file appears whole or not at all. Errors of the file
    system cost a compilation, no more.
    """
    try:
        place = _usable(folder or cache_folder() / "cubin")
    except (OSError, RuntimeError) as exc:  # Path.home() without a home
        _log.debug("no cache of compiled kernels: %s", exc)
        return make()
    name = hashlib.sha256("\0".join(key).encode()).hexdigest()
    path = place / f"{name}.bin"
    content = _read(path)
    if content is None:
        content = make()
        with contextlib.suppress(OSError):
            _write(path, content)
    return content


def _usable(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.stat()
    if facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        raise OSError(f"{folder}: belongs to another user, or others may write to it")
    return folder


def _read(path: Path) -> Optional[bytes]:
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    digest, content = whole[:_DIGEST_BYTES], whole[_DIGEST_BYTES:]
    if content and hashlib.sha256(content).digest() == digest:
        return content
    _log.warning("%s: damaged; compiling it again", path)
    return None


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(hashlib.sha256(content).digest() + content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()

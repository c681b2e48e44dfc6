"""The key that a cache's files are sealed with: random, and readable by this user alone."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
from pathlib import Path
from typing import Optional

__all__ = ["KEY_NAME", "key_in"]

_LOG = logging.getLogger("edgeclf")

KEY_NAME = "seal.key"
_KEY_BYTES = 32
# A link that somebody planted is not followed, and a pipe does not make the open wait.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ATTEMPTS = 3


def key_in(folder: Path) -> bytes:
    """This user's key: made once, and made anew when others could have read it.

    Raises:
        OSError: it cannot be read or written, or somebody else puts one there again and again.
    """
    path = folder / KEY_NAME
    for _ in range(_ATTEMPTS):
        # Also what another process made first is believed only when it is this user's.
        key = _good_key(path)
        if key is not None:
            return key
        _make_key(path)
    key = _good_key(path)
    if key is None:
        raise OSError(f"{path} is not this user's own, or comes back when it is removed")
    return key


def _make_key(path: Path) -> None:
    """Put a new key there, unless there is one already."""
    temporary = path.with_name(f".{KEY_NAME}.{secrets.token_hex(6)}.tmp")
    key = secrets.token_bytes(_KEY_BYTES)
    _write_new(temporary, key)
    try:
        # A link fails where there is one already: of several processes one wins.
        os.link(str(temporary), str(path))
    except FileExistsError:
        pass
    except OSError:  # FAT and some network folders have no links
        with contextlib.suppress(FileExistsError):
            _write_new(path, key)
    finally:
        temporary.unlink()


def _write_new(path: Path, key: bytes) -> None:
    # O_EXCL follows no link.
    handle = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())


def _good_key(path: Path) -> Optional[bytes]:
    try:
        status, key = _read(path)
    except FileNotFoundError:
        return None
    except OSError:  # a link, or nothing that can be read
        status, key = None, b""
    if status is not None and _is_own(status) and len(key) == _KEY_BYTES:
        return key
    _LOG.warning("cache: others could read or write %s; a new key is made", path)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    return None


def _is_own(status: os.stat_result) -> bool:
    mode = status.st_mode
    return stat.S_ISREG(mode) and status.st_uid == os.geteuid() and not mode & 0o077


def _read(path: Path) -> "tuple[Optional[os.stat_result], bytes]":
    """The facts and the content of one and the same file."""
    handle = os.open(str(path), _READ)
    try:
        return os.fstat(handle), os.read(handle, _KEY_BYTES + 1)
    finally:
        os.close(handle)

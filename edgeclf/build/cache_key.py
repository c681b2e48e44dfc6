"""The key that a cache's files are sealed with: random, and readable by this user alone."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from pathlib import Path
from typing import Optional

__all__ = ["KEY_NAME", "key_in"]

_LOG = logging.getLogger("edgeclf")

KEY_NAME = "seal.key"
_KEY_BYTES = 32


def key_in(folder: Path) -> bytes:
    """This user's key: made once, and made anew when others could have read it.

    Raises:
        OSError: it cannot be read or written.
    """
    path = folder / KEY_NAME
    key = _good_key(path)
    if key is not None:
        return key
    temporary = folder / f".{KEY_NAME}.{secrets.token_hex(6)}"
    handle = os.open(str(temporary), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link fails where there is one already: of several processes one wins.
        os.link(str(temporary), str(path))
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return path.read_bytes()


def _good_key(path: Path) -> Optional[bytes]:
    try:
        status, key = path.stat(), path.read_bytes()
    except FileNotFoundError:
        return None
    if status.st_uid == os.geteuid() and not status.st_mode & 0o077 and len(key) == _KEY_BYTES:
        return key
    _LOG.warning("cache: others could read or write %s; a new key is made", path)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    return None

"""Locks of a cache's files, and what is left behind when a process that held one was killed."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import time
from pathlib import Path
from typing import Iterator, Optional

from edgeclf.errors import BackendError

__all__ = ["LOCK_SUFFIX", "locked", "sweep"]

_LOG = logging.getLogger("edgeclf")

LOCK_SUFFIX = ".lock"
_POLL_S = 0.1
# An engine while it is built, under its lock; and what a write renames within seconds.
_BEING_BUILT = re.compile(r"\.(?P<name>[^.].*)\.new")
_BEING_WRITTEN = re.compile(r"\..*\.tmp")
_WRITING_S = 3600.0


@contextlib.contextmanager
def locked(path: Path, name: str, timeout_s: Optional[float] = None) -> Iterator[None]:
    """Hold the lock at `path`, for the file `name`: one thread of one process does at a time.

    Raises:
        BackendError: somebody else held it longer than `timeout_s`; or it cannot be locked.
    """
    handle = _waited_for(path, timeout_s, name)
    try:
        yield
    finally:
        _unlock(handle)


def sweep(folder: Path) -> None:
    """Remove what killed processes left behind. What is being made stays."""
    for path in list(folder.iterdir()):
        built = _BEING_BUILT.fullmatch(path.name)
        if built is not None:
            _remove_unlocked(path, folder / (built.group("name") + LOCK_SUFFIX))
        elif _BEING_WRITTEN.fullmatch(path.name):
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > _WRITING_S:
                    path.unlink()
    # Last, since asking for a lock makes its file.
    for lock in list(folder.glob(f"*{LOCK_SUFFIX}")):
        if not lock.with_name(lock.name[: -len(LOCK_SUFFIX)]).exists():
            _remove_unlocked(lock, lock)


def _remove_unlocked(path: Path, lock: Path) -> None:
    """Remove `path` when nobody holds `lock`."""
    with contextlib.suppress(OSError, BackendError):
        handle = _tried(lock)
        if handle is not None:
            try:
                path.unlink()
            finally:
                _unlock(handle)


def _waited_for(path: Path, timeout_s: Optional[float], name: str) -> int:
    started, told = time.monotonic(), False
    while True:
        handle = _tried(path)
        if handle is not None:
            return handle
        if not told:
            _LOG.info("cache: %s is being made by another process or thread; waiting", name)
            told = True
        if timeout_s is not None and time.monotonic() - started > timeout_s:
            raise BackendError(
                f"cache: {name} was still being made by another process after {timeout_s:.0f} s. "
                "Wait for it, or end that process"
            )
        time.sleep(_POLL_S)


def _tried(path: Path) -> Optional[int]:
    """The lock, or None when somebody else has it."""
    while True:
        handle = -1
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(str(path), flags, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path):
                return handle
            os.close(handle)  # swept away between the two calls: this lock is nobody's
        except BaseException as exc:
            if handle >= 0:
                os.close(handle)
            if isinstance(exc, BlockingIOError):
                return None
            if isinstance(exc, OSError):
                raise _no_lock(path, exc) from exc
            raise


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(str(path)))
    except FileNotFoundError:
        return False


def _unlock(handle: int) -> None:
    # A child that was forked meanwhile holds the file too; this ends the lock for both.
    try:
        fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _no_lock(path: Path, exc: OSError) -> BackendError:
    return BackendError(
        f"{path}: cannot be locked ({exc.strerror or exc}). Expected a folder on a file system "
        "with locks (flock): the environment variable EDGECLF_CACHE_DIR names another"
    )

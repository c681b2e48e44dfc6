"""Files that are kept between runs, and believed only when this user wrote them.

A plan is code for the GPU, and whoever can put one into the cache can run it. So each file has a
seal: an HMAC-SHA256 over its name and its content, with a key that only this user can read. What
is damaged, was changed, or was written with another key is not used, but made again.

Written in one step, under a lock of the file's own. The lock is the system's (flock): it goes when
the process that holds it goes, however that ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import re
from pathlib import Path
from typing import Callable, Iterator, Optional, Union

from edgeclf.build.cache_key import KEY_NAME, key_in
from edgeclf.build.cache_lock import LOCK_SUFFIX, locked, sweep
from edgeclf.cuda.cubin_cache import cache_folder
from edgeclf.errors import ArgumentError, BackendError, ManifestError
from edgeclf.manifest.atomic import write_atomically

__all__ = ["Store", "default_folder"]

_LOG = logging.getLogger("edgeclf")

_SEAL_SUFFIX = ".seal"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z]+")


def default_folder() -> Path:
    """Where this user's engines are kept; not made."""
    return cache_folder() / "engines"


class Store:
    """A folder of sealed files. Any number of threads and processes may share one.

    Args:
        folder: made when it is not there, readable by this user alone.

    Raises:
        ArgumentError: it cannot be made or written, belongs to somebody else, or others may
            write to it.
    """

    def __init__(self, folder: Union[str, "os.PathLike[str]", None] = None):
        self.folder = default_folder() if folder is None else Path(folder)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _require_own(self.folder)
            self._key = key_in(self.folder)
        except OSError as exc:
            raise ArgumentError(
                f"{self.folder}: the cache cannot be used ({exc.strerror or exc}). Expected a "
                "folder that this user may write; the environment variable EDGECLF_CACHE_DIR "
                "names another"
            ) from exc

    def path(self, name: str) -> Path:
        """Where the file `name` is, or would be."""
        if not _NAME.fullmatch(name):
            raise ArgumentError(f"cache: expected a plain file name with a suffix, got {name!r}")
        return self.folder / name

    def read(self, name: str) -> Optional[bytes]:
        """The content, when it is there and its seal is right; None otherwise, and logged."""
        path = self.path(name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            _LOG.warning("cache: %s cannot be read (%s); it is made anew", path, exc.strerror)
            return None
        if not hmac.compare_digest(self._seal(name, content), self._stated_seal(path)):
            _LOG.warning(
                "cache: %s is damaged, or was not written by this user's edgeclf; it is made anew",
                path,
            )
            return None
        # Its time says when it was last of use.
        with contextlib.suppress(OSError):
            os.utime(str(path))
        return content

    def write(self, name: str, content: bytes) -> Path:
        """Put `content` there; a reader sees the old file whole, or the new one.

        Raises:
            BackendError: there is no space, or no permission.
        """
        path = self.path(name)
        try:
            # Between the two a reader finds no right seal, and takes the file for none.
            for place, part in (
                (path, content),
                (_beside(path, _SEAL_SUFFIX), self._seal(name, content)),
            ):
                _drop_link(place)
                write_atomically(place, part)
        except ManifestError as exc:
            raise BackendError(f"cache: {exc}") from exc
        return path

    def remove(self, name: str) -> None:
        """Forget one file, if it is there."""
        path = self.path(name)
        for victim in (_beside(path, _SEAL_SUFFIX), path):
            with contextlib.suppress(OSError):
                victim.unlink()

    @contextlib.contextmanager
    def locked(self, name: str, timeout_s: Optional[float] = None) -> Iterator[None]:
        """The right to make the file `name`: one thread of one process has it at a time.

        Raises:
            BackendError: somebody else held it longer than `timeout_s`; the file system has no
                locks.
        """
        with locked(_beside(self.path(name), LOCK_SUFFIX), name, timeout_s):
            yield

    def prune(self, max_bytes: int, keep: Callable[[str], bool] = lambda name: False) -> int:
        """Remove what was of use the longest time ago, until at most `max_bytes` are left.

        What killed builds left behind goes too. `keep` names what stays. Returns how many bytes
        were freed, leftovers not counted.
        """
        sweep(self.folder)
        files = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        found = []
        for path in files:
            if path.name == KEY_NAME:
                continue
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path.name))
        size, freed = sum(item[1] for item in found), 0
        for _, length, name in sorted(found):
            if size - freed <= max_bytes:
                break
            if not keep(name):
                self.remove(name)
                freed += length
        return freed

    def _seal(self, name: str, content: bytes) -> bytes:
        digest = hashlib.sha256(content).digest()
        return hmac.new(self._key, name.encode() + b"\0" + digest, hashlib.sha256).digest()

    def _stated_seal(self, path: Path) -> bytes:
        try:
            return _beside(path, _SEAL_SUFFIX).read_bytes()
        except OSError:
            return b""


def _require_own(folder: Path) -> None:
    """Refuse a folder that somebody else could change: he could put an engine and a key there."""
    status = folder.stat()
    problem = ""
    if status.st_uid != os.geteuid():
        problem = "belongs to another user, who could change what is in it"
    elif status.st_mode & 0o022:
        problem = f"may be written by others (mode {status.st_mode & 0o777:o}): chmod go-w"
    if problem:
        raise ArgumentError(
            f"{folder}: the cache {problem}. Or set the environment variable EDGECLF_CACHE_DIR to "
            "a folder of your own"
        )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _drop_link(path: Path) -> None:
    # `write_atomically` writes what a link points to; nobody needs links here.
    if path.is_symlink():
        path.unlink()

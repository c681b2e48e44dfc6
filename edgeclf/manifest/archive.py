"""The ZIP archive that TFLite models carry behind their FlatBuffer: read in memory, bounded.

Nothing is ever extracted, so a name can lead nowhere; yet one that tries is refused.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import List, Optional

from edgeclf.errors import ManifestError
from edgeclf.manifest.strict_json import MAX_TEXT_BYTES
from edgeclf.model_file import ModelFile

__all__ = ["Archive", "open_archive"]

_PLAIN_NAME = re.compile(r"[^/\\:\x00-\x1f]+")
# What zipfile lets through for damaged archives, across Python 3.8 to 3.13.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    KeyError,
    IndexError,
    OverflowError,
    MemoryError,
)


class Archive:
    """Some texts by name. Not thread-safe."""

    def __init__(self, file: zipfile.ZipFile, where: str):
        self._file = file
        self._where = where

    def names(self) -> List[str]:
        """What it holds, in its own order."""
        return [member.filename for member in self._file.infolist()]

    def text_bytes(self, name: str) -> Optional[bytes]:
        """The member `name`, None when there is none.

        Raises:
            ManifestError: the name has folders in it, it stands there twice, it is damaged,
                encrypted, or holds more than 16 MiB once unpacked.
        """
        if not _PLAIN_NAME.fullmatch(name) or name in (".", ".."):
            raise ManifestError(
                f"{self._where}: expected the plain name of an associated file, got {name[:80]!r}"
            )
        members = [member for member in self._file.infolist() if member.filename == name]
        if not members:
            return None
        if len(members) > 1:
            raise ManifestError(f"{self._where}: {name} stands {len(members)} times in its archive")
        return self._unpacked(members[0])

    def _unpacked(self, member: zipfile.ZipInfo) -> bytes:
        # The size that the archive states may be a lie; what is read counts.
        try:
            with self._file.open(member) as stream:
                content = stream.read(MAX_TEXT_BYTES + 1)
        except _DAMAGE as exc:
            raise ManifestError(
                f"{self._where}: {member.filename} in its archive cannot be read ({exc}). Copy "
                "the model again"
            ) from exc
        if len(content) > MAX_TEXT_BYTES:
            raise ManifestError(
                f"{self._where}: {member.filename} unpacks to more than {MAX_TEXT_BYTES} bytes"
            )
        return content


def open_archive(model: ModelFile) -> Optional[Archive]:
    """The archive behind the model; None when there is none.

    Raises:
        ManifestError: there is one, and it is damaged.
    """
    stream = io.BytesIO(model.content)
    try:
        if not zipfile.is_zipfile(stream):
            return None
        return Archive(zipfile.ZipFile(stream), model.name)
    except _DAMAGE as exc:
        raise ManifestError(
            f"{model.name}: the archive with its labels is damaged ({exc}). Copy the model again"
        ) from exc

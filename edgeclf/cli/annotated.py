"""Where annotated copies go, and how they are written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Set

from edgeclf.errors import EdgeclfError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["AnnotatedFolder"]

_JPEG_QUALITY = 92


class AnnotatedFolder:
    """Names and writes ``<stem>.annotated.jpg``; ``.png`` for a picture that is a PNG.

    A copy of an earlier run is replaced. An input never is, and two inputs of one run never
    share a name: the second gets ``<stem>-2.annotated.jpg``.

    Raises:
        EdgeclfError: the folder cannot be made, or a copy cannot be written.
    """

    def __init__(self, folder: Path, inputs: Iterable[Path]):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise EdgeclfError(
                f"{folder}: the folder cannot be made ({exc.strerror or exc}). Choose another one "
                "for --annotate"
            ) from exc
        self._folder = folder
        self._taken: Set[Path] = set()
        for path in inputs:
            self._taken |= {_place(path), path.resolve()}

    def write(self, image: "Image.Image", source: Path) -> Path:
        """Write the copy of `source` in one step; returns its path."""
        png = source.suffix.lower() == ".png"
        target = self._free(source.stem, ".png" if png else ".jpg")
        temporary = None
        try:
            with tempfile.NamedTemporaryFile(
                dir=str(self._folder), prefix=".edgeclf-", delete=False
            ) as file:
                temporary = Path(file.name)
                image.save(file, "PNG" if png else "JPEG", quality=_JPEG_QUALITY)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
        except (OSError, ValueError) as exc:
            raise EdgeclfError(
                f"{target}: the annotated copy cannot be written "
                f"({getattr(exc, 'strerror', None) or exc})"
            ) from exc
        finally:
            if temporary is not None and temporary.exists():
                temporary.unlink()
        return target

    def _free(self, stem: str, suffix: str) -> Path:
        number = 1
        while True:
            name = stem if number == 1 else f"{stem}-{number}"
            target = self._folder / f"{name}.annotated{suffix}"
            if _place(target) not in self._taken:
                self._taken.add(_place(target))
                return target
            number += 1


def _place(path: Path) -> Path:
    # The folder's links are resolved, the file's own are not: writing replaces a link itself.
    return path.parent.resolve() / path.name


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""JPEGs: decoded in full or, where a spec allows it, no larger than the model needs.

A JPEG is stored as blocks of 8x8 frequencies. libjpeg-turbo can invert them straight into 4x4, 2x2
or 1x1 pixels, the averages of those of the full block: the picture at 1/2, 1/4 or 1/8 of its size,
without the full one ever being made.

These three reductions are used because every build of libjpeg-turbo has them: those within
simplejpeg and Pillow (its wheels from 9.0 on; older ones hold another libjpeg) give the same bytes,
so the tensor does not depend on which is installed. Its other scales gain nothing: decoding to 3/8
takes about as long as to 4/8, and to 5/8, 6/8 and 7/8 longer than in full.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple

import numpy as np

from edgeclf.errors import DecodeError, SpecMismatch
from edgeclf.frame import Frame
from edgeclf.jpeg_header import JpegHeader
from edgeclf.spec import InputSpec

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "ReducedFrame",
    "allows_reduction",
    "decode_jpeg",
    "decode_usual_jpeg",
    "is_jpeg",
    "require_reducible",
    "sufficient_reduction",
]

_REDUCTIONS = (8, 4, 2)  # by which both sides are divided
_BLOCK = 8
# How much larger than the resized picture a reduced one must be. The averages blur, and the nearer
# their size is to that of the resized picture the more it shows. With this margin 1080p and 4K
# (270 rows at 1/4 and 1/8) serve the usual 256; the error there is twice that at 3/2.
_MARGIN = (21, 20)
_REDUCIBLE = ("bilinear", "bicubic", "lanczos")

_missing = False  # whether simplejpeg was looked for in vain: that costs more than a small picture

Size = Tuple[int, int]
Region = Tuple[int, int, int, int]


class ReducedFrame(Frame):
    """A JPEG of which `data` has one average for each block of `reduction` x `reduction` pixels.

    `width` and `height` are those of the full picture, and so are regions. The first block begins
    `phase` pixels (across, down) before the picture: not at 0 where EXIF turns a side around whose
    last block is not full.
    """

    __slots__ = ("phase", "reduction")

    def __init__(self, frame: Frame, reduction: int, size: Size, phase: Tuple[int, int]):
        super().__init__(frame.data, frame.format)
        self.width, self.height = size
        self.reduction = reduction
        self.phase = phase


def allows_reduction(spec: InputSpec) -> bool:
    """Whether a JPEG may be decoded smaller for this spec.

    The caller has to waive Pillow's bytes, and the resize has to average by a smooth filter: one
    without antialiasing, nearest, box and area show every pixel that is not there.
    """
    return spec.exact is False and spec.antialias and spec.interpolation in _REDUCIBLE


def require_reducible(spec: InputSpec) -> None:
    """Raise SpecMismatch where the spec needs pixels that a ReducedFrame no longer has."""
    if not allows_reduction(spec):
        raise SpecMismatch(
            "expected a frame with all its pixels, got a JPEG decoded smaller for another spec "
            f"(this one: exact={spec.exact}, antialias={spec.antialias}, {spec.interpolation}). "
            "Pass the picture itself, or decode it with edgeclf.decode"
        )


def sufficient_reduction(
    size: Size,
    region: Optional[Region],
    turned: bool,
    resized_size: Callable[[int, int], Size],
) -> int:
    """By how much (8, 4, 2 or 1) a picture may be reduced so that the resize still finds enough.

    The reduced region is at least 21/20 as large as what it is resized to, on both axes.

    Args:
        size: the upright picture's width and height.
        region: (x, y, width, height) of it, or None for all.
        turned: whether width and height change places before the resize.
        resized_size: what a region of that width and height is resized to.
    """
    x, y, width, height = region if region is not None else (0, 0, *size)
    outside = x < 0 or y < 0 or x + width > size[0] or y + height > size[1]
    if outside or min(width, height) < _BLOCK:
        return 1  # who looks at the region says what is wrong, in pixels of the full picture

    target = resized_size(height, width)[::-1] if turned else resized_size(width, height)
    for reduction in _REDUCTIONS:
        enough = all(
            side * _MARGIN[1] >= wanted * reduction * _MARGIN[0]
            for side, wanted in zip((width, height), target)
        )
        if enough:
            return reduction
    return 1


def is_jpeg(image: "Image.Image") -> bool:
    return image.format in ("JPEG", "MPO")


def decode_usual_jpeg(
    content: bytes, header: JpegHeader, strict: bool, reduction: int
) -> Optional[np.ndarray]:
    """The pixels of a JPEG through simplejpeg; None where it is not installed, or is not content.

    Both sides are divided by `reduction` and rounded up.
    """
    simplejpeg = _simplejpeg()
    if simplejpeg is None:
        return None
    try:
        return _through(
            simplejpeg, content, (header.width, header.height), header.components == 1, strict,
            reduction,
        )  # fmt: skip
    except ValueError:
        return None


def decode_jpeg(
    content: bytes, image: "Image.Image", name: str, strict: bool, reduction: int
) -> Optional[np.ndarray]:
    """The same of a JPEG that Pillow opened and has not loaded: None when Pillow has to load it,
    which then gives the reduced picture.

    Raises:
        DecodeError: the JPEG is truncated or damaged.
    """
    simplejpeg = _simplejpeg() if image.mode in ("RGB", "L") else None
    if simplejpeg is None:
        if strict:
            _require_end_of_image(content, name)
        if reduction > 1:
            image.draft(None, (image.width // reduction, image.height // reduction))
        return None
    try:
        return _through(simplejpeg, content, image.size, image.mode == "L", strict, reduction)
    except ValueError as exc:
        raise DecodeError(
            f"{name}: the JPEG is truncated or damaged ({first_line(exc)}). Copy it again, or "
            "accept what can be decoded with edgeclf.decode(path, strict=False)"
        ) from exc


def _through(
    simplejpeg: Any, content: bytes, size: Size, gray: bool, strict: bool, reduction: int
) -> np.ndarray:
    # The smallest scale that gives this least size; with sides of 8 pixels and more it is ours.
    width, height = (-(-side // reduction) for side in size)
    options: Dict[str, Any] = {"min_width": width, "min_height": height} if reduction > 1 else {}
    if not strict:  # rows that cannot be decoded keep what the memory held: let that be black
        options["buffer"] = np.zeros((size[1], size[0], 1 if gray else 3), np.uint8)
    pixels: np.ndarray = simplejpeg.decode_jpeg(
        content, "GRAY" if gray else "RGB", strict=strict, **options
    )
    return pixels[:, :, 0] if gray else pixels


def _simplejpeg() -> Any:
    """The module, which reads JPEGs of one and three components as Pillow does; else None."""
    global _missing
    if _missing:
        return None
    try:
        import simplejpeg
    except ImportError:
        _missing = "simplejpeg" not in sys.modules  # None there forbids it for a while
        return None
    return simplejpeg


def _require_end_of_image(content: bytes, name: str) -> None:
    # Pillow accepts a JPEG that lacks only its last bytes.
    if b"\xff\xd9" not in content[-1024:] and b"\xff\xd9" not in content:
        raise DecodeError(f"{name}: the JPEG has no end marker: it was cut off. Copy it again")


def first_line(exc: BaseException) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0]

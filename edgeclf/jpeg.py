"""JPEGs: decoded in full or, where a spec allows it, no larger than the model needs.

A JPEG is stored as blocks of 8x8 frequencies. Leaving out the highest ones and inverting the rest
in n x n points gives the picture at n/8 of its size, without ever making the full one.

What the installed libraries offer: simplejpeg (libjpeg-turbo) every n from 1 to 8; Pillow alone,
which also decodes the CMYK pictures, 1, 2, 4 and 8. Where both have an n, they give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

import numpy as np

from edgeclf.errors import DecodeError
from edgeclf.frame import Frame
from edgeclf.spec import InputSpec

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["FULL", "ReducedFrame", "allows_reduction", "decode_jpeg", "is_jpeg", "offered_eighths"]

FULL = 8  # eighths of the picture's sides
_BLOCK = 8
# How much larger than the resized picture a reduced one must be. At just its size the frequencies
# that were left out are missed: the error is 1.5 times that at 6/5 (tests/test_jpeg_accuracy.py).
_MARGIN = (6, 5)
_REDUCIBLE = ("bilinear", "bicubic", "lanczos")

Region = Tuple[int, int, int, int]


class ReducedFrame(Frame):
    """A picture decoded at `eighths` / 8 of its size; whole pixels of it are whole blocks of those
    it stands for, so that nothing is shifted. Regions are given in pixels of the full picture."""

    __slots__ = ("eighths",)

    def __init__(self, frame: Frame, eighths: int):
        super().__init__(frame.data, frame.format)
        self.eighths = eighths

    def region(self, full: Region) -> Region:
        """The pixels of this frame that show the region `full` of the full-size picture."""
        x, y, width, height = (value * self.eighths // FULL for value in full)
        return x, y, width, height


def allows_reduction(spec: InputSpec) -> bool:
    """Whether a JPEG may be decoded smaller for this spec.

    The caller has to waive Pillow's bytes, and the resize has to average by a smooth filter: one
    without antialiasing, nearest, box and area show every pixel that is not there.
    """
    return spec.exact is False and spec.antialias and spec.interpolation in _REDUCIBLE


def sufficient_eighths(
    size: Tuple[int, int],
    region: Optional[Region],
    turned: bool,
    resized_size: Callable[[int, int], Tuple[int, int]],
    offered: Tuple[int, ...],
) -> int:
    """The fewest of the `offered` eighths that give the resize as many pixels as it needs.

    Args:
        size: the upright picture's width and height.
        region: (x, y, width, height) of it, or None for all.
        turned: whether width and height change places before the resize.
        resized_size: what a region of that width and height is resized to.
        offered: in rising order, FULL last.
    """
    x, y, width, height = region if region is not None else (0, 0, *size)
    if not (0 <= x <= x + width <= size[0] and 0 <= y <= y + height <= size[1]):
        return FULL  # an error, told in pixels of the full picture by who looks at the region
    if min(width, height) < _BLOCK:
        return FULL

    def resized(eighths: int) -> Tuple[int, int]:
        sides = width * eighths // FULL, height * eighths // FULL
        return resized_size(*sides[::-1])[::-1] if turned else resized_size(*sides)

    target = resized(FULL)
    for eighths in offered:
        whole = all(value * eighths % FULL == 0 for value in (*size, x, y, width, height))
        if (
            whole
            and _large_enough(width * eighths, target[0])
            and _large_enough(height * eighths, target[1])
            and resized(eighths) == target
        ):
            return eighths
    return FULL


def _large_enough(side_in_eighths: int, target: int) -> bool:
    return side_in_eighths * _MARGIN[1] >= target * FULL * _MARGIN[0]


def is_jpeg(image: "Image.Image") -> bool:
    return image.format in ("JPEG", "MPO")


def offered_eighths(image: "Image.Image") -> Tuple[int, ...]:
    """The sizes at which this opened JPEG can be decoded here, in rising order."""
    return (1, 2, 4, 8) if _simplejpeg(image) is None else (1, 2, 3, 4, 5, 6, 7, 8)


def decode_jpeg(
    content: bytes, image: "Image.Image", name: str, strict: bool, eighths: int
) -> Optional[np.ndarray]:
    """The pixels of a JPEG through simplejpeg, or None when Pillow has to do it.

    `image` is the JPEG, opened by Pillow and not loaded; where None is returned, loading it gives
    the picture at `eighths` / 8 of its size, which must be whole numbers of pixels.
    """
    width, height = (side * eighths // FULL for side in image.size)
    simplejpeg = _simplejpeg(image)
    if simplejpeg is None:
        if strict:
            _require_end_of_image(content, name)
        if eighths != FULL:
            image.draft(None, (width, height))
        return None
    gray = image.mode == "L"
    # simplejpeg takes the smallest n that gives this least size. From 8 pixels a side on it is ours.
    least = {} if eighths == FULL else {"min_width": width, "min_height": height}
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            content, "GRAY" if gray else "RGB", strict=strict, **least
        )
    except ValueError as exc:
        raise DecodeError(
            f"{name}: the JPEG is truncated or damaged ({first_line(exc)}). Copy it again, or "
            "accept what can be decoded with edgeclf.decode(path, strict=False)"
        ) from exc
    return pixels[:, :, 0] if gray else pixels


def _simplejpeg(image: "Image.Image") -> Any:
    """The module, where it is installed and reads such a JPEG as Pillow does; else None."""
    if image.mode not in ("RGB", "L"):
        return None
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg


def _require_end_of_image(content: bytes, name: str) -> None:
    # Pillow accepts a JPEG that lacks only its last bytes.
    if b"\xff\xd9" not in content[-1024:] and b"\xff\xd9" not in content:
        raise DecodeError(f"{name}: the JPEG has no end marker: it was cut off. Copy it again")


def first_line(exc: BaseException) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0]

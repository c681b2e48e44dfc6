"""Draws a prediction under the picture that it belongs to.

The caption stands below the picture, so that no pixel of the picture is hidden or changed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, List, Optional, Sequence, Tuple

import numpy as np

from edgeclf.errors import FrameError
from edgeclf.frame import Frame
from edgeclf.jpeg import ReducedFrame
from edgeclf.label_font import Font, drawable, font_for, is_scalable, zoom_for
from edgeclf.types import Category

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["annotate"]

MAX_ROWS = 5
MIN_WIDTH = 256  # a caption narrower than this has no room for a label and its score
MIN_TEXT = 14
# The picture's side, as the root of its area, for each pixel of the text's height.
PIXELS_PER_TEXT = 24

_GROUND = (24, 24, 27)
_FIRST = (255, 255, 255)
_OTHERS = (178, 178, 186)
_REGION = (255, 196, 0)


def annotate(
    frame: Frame,
    categories: Sequence[Category],
    *,
    region_of_interest: Optional[Tuple[int, int, int, int]] = None,
    rotation_degrees: int = 0,
) -> "Image.Image":
    """A copy of the frame, as the model saw it turned, with a caption below it.

    Args:
        frame: the picture; not changed.
        categories: the best first; at most five are drawn, one row each, label and score. A
            label that does not fit ends in an ellipsis.
        region_of_interest: (x, y, width, height) in pixels of the frame, outlined.
        rotation_degrees: clockwise, a multiple of 90.

    Returns:
        A new RGB image: the frame's (turned) pixels unchanged at the top, centred where it is
        narrower than 256 pixels, and the caption under them.

    Raises:
        FrameError: pixels of a format that has no conversion to RGB here, or a JPEG that
            `Classifier.frame_of` decoded smaller.
    """
    from PIL import Image

    picture = Image.fromarray(_rgb(frame))
    if region_of_interest is not None:
        _outline(picture, region_of_interest)
    if rotation_degrees % 360:
        turned = np.rot90(np.asarray(picture), k=-(rotation_degrees // 90))
        picture = Image.fromarray(np.ascontiguousarray(turned))
    width = max(picture.width, MIN_WIDTH)
    caption = _caption(_rows(categories), width, _text_height(picture.width, picture.height))
    whole = Image.new("RGB", (width, picture.height + caption.height), _GROUND)
    whole.paste(picture, ((width - picture.width) // 2, 0))
    whole.paste(caption, (0, picture.height))
    return whole


def _rgb(frame: Frame) -> np.ndarray:
    if isinstance(frame, ReducedFrame):
        raise FrameError(
            f"expected a frame with all its pixels, got a {frame.width}x{frame.height} JPEG "
            f"decoded {frame.reduction} times smaller. Draw on edgeclf.decode(picture)"
        )
    data = frame.data
    if frame.format == "gray":
        data = np.repeat(data[:, :, np.newaxis], 3, axis=2)
    elif frame.format in ("bgr", "bgra"):
        data = data[:, :, 2::-1]
    elif frame.format in ("rgb", "rgba"):
        data = data[:, :, :3]
    else:
        raise FrameError(
            f"expected a frame in bgr, rgb, bgra, rgba or gray to draw on, got {frame.format!r}"
        )
    return np.ascontiguousarray(data)


def _outline(picture: "Image.Image", region: Tuple[int, int, int, int]) -> None:
    from PIL import ImageDraw

    x, y, width, height = region
    line = max(2, min(picture.size) // 200)
    box = (x, y, x + width - 1, y + height - 1)
    ImageDraw.Draw(picture).rectangle(box, outline=_REGION, width=line)


def _rows(categories: Sequence[Category]) -> List[Tuple[str, str]]:
    if not categories:
        return [("nothing passed", "")]
    return [(_one_line(c.label), f"{c.score:.3f}") for c in categories[:MAX_ROWS]]


def _one_line(label: str) -> str:
    return "".join(c if c.isprintable() else " " for c in label).strip()


def _text_height(width: int, height: int) -> int:
    side = min(math.sqrt(width * height), 1.5 * width)
    return max(MIN_TEXT, round(side / PIXELS_PER_TEXT))


def _caption(rows: List[Tuple[str, str]], width: int, size: int) -> "Image.Image":
    from PIL import Image, ImageDraw

    zoom = zoom_for(size)
    line, margin = round(size / zoom * 1.4), round(size / zoom * 0.6)
    inner = -(-width // zoom)
    caption = Image.new("RGB", (inner, line * len(rows) + margin), _GROUND)
    draw = ImageDraw.Draw(caption)
    for row, (label, score) in enumerate(rows):
        colour = _FIRST if row == 0 else _OTHERS
        top = margin // 2 + row * line
        font = font_for(score, size)
        score_left = inner - margin - draw.textlength(score, font=font)
        draw.text((score_left, top), score, fill=colour, font=font)
        font = font_for(label, size)
        label = _fitting(draw, drawable(label, font), font, score_left - 2 * margin)
        draw.text((margin, top), label, fill=colour, font=font)
    if zoom > 1:
        caption = caption.resize((inner * zoom, caption.height * zoom), 0)  # 0: nearest
    return caption.crop((0, 0, width, caption.height))


def _fitting(draw: "ImageDraw.ImageDraw", text: str, font: Font, room: float) -> str:
    """The text, or as much of its beginning as leaves room for an ellipsis."""
    if draw.textlength(text, font=font) <= room:
        return text
    ellipsis = "\u2026" if is_scalable(font) else "..."
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if draw.textlength(text[:middle].rstrip() + ellipsis, font=font) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + ellipsis

"""Fonts for labels: which one has the letters, and what to draw where none has them."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from PIL import ImageFont

__all__ = ["Font", "drawable", "font_for", "is_scalable", "zoom_for"]

# One of Pillow's FreeTypeFont and ImageFont; Pillow is not imported before it is used.
Font = Any

# Pillow's own font draws ASCII only; these are looked for where a label needs more.
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "FreeSans.ttf",
    "Ubuntu-R.ttf",
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-zenhei.ttc",
)
# A code point that Unicode will never assign: every font shows its "missing" box for it.
_UNASSIGNED = "\U0010fffe"
_BITMAP_HEIGHT = 11  # of the font that Pillow < 10.1, or one without FreeType, falls back to


def zoom_for(size: int) -> int:
    """How many times larger than Pillow's bitmap font the text has to be; 1 where it scales."""
    return 1 if _default_font(size) else max(1, round(size / _BITMAP_HEIGHT))


def font_for(text: str, size: int) -> Font:
    """Pillow's own font, or the first of the system's that lacks the fewest of these letters."""
    from PIL import ImageFont

    best = _default_font(size)
    if best is None:
        return ImageFont.load_default()
    lacking = len(_missing(text, best))
    for name in _SYSTEM_FONTS if lacking else ():
        font = _system_font(name, size)
        if font is not None and len(_missing(text, font)) < lacking:
            best, lacking = font, len(_missing(text, font))
    return best


@lru_cache(maxsize=8)
def _default_font(size: int) -> Optional["ImageFont.FreeTypeFont"]:
    from PIL import ImageFont

    try:
        font = ImageFont.load_default(size)
    except (TypeError, ImportError):  # Pillow < 10.1, or one built without FreeType
        return None
    return font if isinstance(font, ImageFont.FreeTypeFont) else None


@lru_cache(maxsize=32)
def _system_font(name: str, size: int) -> Optional["ImageFont.FreeTypeFont"]:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size)
    except (OSError, ImportError):
        return None


def is_scalable(font: Font) -> bool:
    """Whether it is one of FreeType's, which have any size and more than Latin-1."""
    return hasattr(font, "getmask2")


def _missing(text: str, font: Font) -> str:
    """The characters of the text that the font would show as an empty box."""
    box = bytes(font.getmask(_UNASSIGNED))
    return "".join(c for c in set(text) if not c.isspace() and bytes(font.getmask(c)) == box)


def drawable(text: str, font: Font) -> str:
    """The text without what the font lacks: accents go, other unknown letters become "?"."""
    if not is_scalable(font):
        return _plain(text).encode("latin-1", "replace").decode("latin-1")
    missing = _missing(text, font)
    return "".join(_plain(c) if c in missing else c for c in text) if missing else text


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return "".join(c if c.isascii() else "?" for c in bare)

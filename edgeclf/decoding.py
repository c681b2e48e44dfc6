"""Encoded pictures to frames: one policy for every way in.

* The whole picture is decoded by libjpeg-turbo's accurate DCT and smooth upsampling (through
  simplejpeg where it is installed, else through Pillow: the same bytes), at full size: only for a
  spec with ``exact=False`` may a JPEG be decoded smaller, see jpeg.py.
* A truncated or damaged picture is a DecodeError. Damage in the middle of a JPEG can be seen only
  with simplejpeg (it comes with the runtimes' extras); Pillow alone decodes such a file silently.
* EXIF orientation is applied, by strides, without copying.
* Palette, CMYK, YCbCr and 1-bit pictures are converted; alpha is dropped; 16- and 32-bit ones are
  refused, because only the user knows their window.

Over 200 lines because Pillow's way and the one without it end in the same frame.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple, Union

import numpy as np

from edgeclf.errors import DecodeError, FrameError
from edgeclf.frame import Frame
from edgeclf.jpeg import ReducedFrame, decode_jpeg, decode_usual_jpeg, first_line, is_jpeg
from edgeclf.jpeg_header import read_header

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "decode", "decode_reduced", "frame_of_pil"]

Encoded = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview]
Size = Tuple[int, int]

# Pillow's own limit: above it, it warns of a decompression bomb.
MAX_PIXELS = 89_478_485

# Of all that Pillow can open: some of its other readers start programs (EPS) or are rarely tested.
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "GIF", "TIFF", "PPM")
_EXIF_ORIENTATION = 0x0112
# Of the pixels as they are seen, after the axes have changed places (5 and above).
_UPSIDE_DOWN, _MIRRORED = (3, 4, 7, 8), (2, 3, 6, 7)
# What each Pillow mode becomes before it is a frame; a mode that is missing here is refused.
_CONVERT = {
    "1": "L",
    "L": "L",
    "LA": "L",
    "La": "L",
    "P": "RGB",
    "PA": "RGB",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
}
_FORMAT = {"L": "gray", "RGB": "rgb", "RGBA": "rgba"}


def decode(
    source: Encoded,
    *,
    max_pixels: int = MAX_PIXELS,
    strict: bool = True,
) -> Frame:
    """Decode a picture file, or its bytes, into a Frame.

    Args:
        source: a path, or the encoded bytes (JPEG, PNG, BMP, WebP, GIF's first frame, TIFF, ...).
        max_pixels: more than this is refused before anything is allocated.
        strict: False accepts what can be decoded of a damaged JPEG.

    Returns:
        A Frame in "rgb", "rgba" or "gray" that owns its pixels, as seen after EXIF orientation.

    Raises:
        DecodeError: no such file, no known picture, truncated, damaged, or too large.
    """
    return _decode(source, max_pixels, strict, lambda size: 1)


def decode_reduced(source: Encoded, choose: Callable[[Size], int]) -> Frame:
    """As `decode`, but a JPEG may come as a ReducedFrame.

    `choose` is given the upright picture's size, and says by what to divide its sides: 8, 4, 2 or
    1, without a remainder. Only JPEGs ask it.
    """
    return _decode(source, MAX_PIXELS, True, choose)


def _decode(
    source: Encoded,
    max_pixels: int,
    strict: bool,
    choose: Callable[[Size], int],
) -> Frame:
    name, content = _content_of(source)
    frame = _decoded_usual_jpeg(content, max_pixels, strict, choose)
    if frame is not None:
        return frame
    image = _opened(content, name, max_pixels)
    reduction, pixels, orientation, upright = 1, None, 1, image.size
    if is_jpeg(image):
        orientation = _orientation(image)
        upright = image.size if orientation < 5 else image.size[::-1]
        reduction = choose(upright)
        pixels = decode_jpeg(content, image, name, strict, reduction)
    if pixels is not None:
        frame = _oriented(pixels, "gray" if pixels.ndim == 2 else "rgb", orientation)
    else:
        try:
            image.load()
        except Exception as exc:
            raise DecodeError(
                f"{name}: the picture is truncated or damaged ({first_line(exc)}). Copy it again"
            ) from exc
        frame = frame_of_pil(image, name)
    return _reduced(frame, reduction, upright, orientation)


def _decoded_usual_jpeg(
    content: bytes, max_pixels: int, strict: bool, choose: Callable[[Size], int]
) -> Optional[Frame]:
    """A JPEG whose header and pixels are read without Pillow, or None.

    None whenever anything is wrong: Pillow then looks at it, too, and the error is told there.
    """
    header = read_header(content)
    if header is None or header.width * header.height > min(max_pixels, MAX_PIXELS):
        return None
    size = header.width, header.height
    upright = size if header.orientation < 5 else size[::-1]
    reduction = choose(upright)
    pixels = decode_usual_jpeg(content, header, strict, reduction)
    if pixels is None:
        return None
    frame = _oriented(pixels, "gray" if pixels.ndim == 2 else "rgb", header.orientation)
    return _reduced(frame, reduction, upright, header.orientation)


def _opened(content: bytes, name: str, max_pixels: int) -> "Image.Image":
    """The picture with its header read; nothing of its size is allocated."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except Image.DecompressionBombError as exc:
        raise DecodeError(f"{name}: {first_line(exc)}. {_TOO_LARGE}") from exc
    except Exception as exc:
        raise DecodeError(
            f"{name}: not a picture, or one cut off in its header. Expected JPEG, PNG, BMP, WebP, "
            f"GIF, TIFF or PPM; got {len(content)} bytes starting with {content[:8]!r}"
        ) from exc
    width, height = image.size
    if width * height > max_pixels:
        raise DecodeError(
            f"{name}: {width}x{height} is more than {max_pixels} pixels. {_TOO_LARGE}"
        )
    return image


_TOO_LARGE = (
    "If the picture is trusted, decode it with edgeclf.decode(path, max_pixels=...), and above "
    "178 million pixels raise PIL.Image.MAX_IMAGE_PIXELS as well"
)


def frame_of_pil(image: "Image.Image", name: str = "PIL image") -> Frame:
    """A Frame of a PIL image, EXIF orientation applied.

    Raises:
        FrameError: a mode whose conversion to 8 bits is not defined ("I;16", "I", "F", ...).
    """
    wanted = _CONVERT.get(image.mode)
    if wanted is None:
        raise FrameError(
            f"{name}: mode {image.mode!r} has no defined conversion to 8-bit pixels. Choose a "
            "window and convert it yourself: ((pixels - low) / (high - low) * 255).astype('uint8')"
        )
    try:
        if image.mode in ("P", "PA") and "transparency" in image.info:
            image = image.convert("RGBA")  # keeps the palette's colours, alpha is dropped later
            wanted = "RGBA"
        elif image.mode in ("LA", "La"):
            image = image.getchannel(0)
        elif image.mode != wanted:
            image = image.convert(wanted)
        pixels = np.asarray(image)
    except Exception as exc:
        raise DecodeError(f"{name}: its pixels cannot be read ({first_line(exc)})") from exc
    return _oriented(pixels, _FORMAT[wanted], _orientation(image))


def _content_of(source: Any) -> "tuple[str, bytes]":
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "<bytes>", bytes(source)
    path = Path(source)
    try:
        return str(path), path.read_bytes()
    except (OSError, ValueError) as exc:
        raise DecodeError(
            f"{path}: cannot be read ({getattr(exc, 'strerror', None) or exc}). Expected the path "
            "of a picture"
        ) from exc


def _orientation(image: "Image.Image") -> int:
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return 1
    return value if value in range(1, 9) else 1


def _oriented(pixels: np.ndarray, format: str, orientation: int) -> Frame:
    """The frame as a person sees it; orientations as EXIF 2.3 numbers them."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in _UPSIDE_DOWN:
        pixels = pixels[::-1]
    if orientation in _MIRRORED:
        pixels = pixels[:, ::-1]
    return Frame(pixels, format)


def _reduced(frame: Frame, reduction: int, upright: Size, orientation: int) -> Frame:
    """`frame`, whose data was reduced and turned upright, as what it shows: all of `upright`."""
    if reduction == 1:
        return frame
    missing_x, missing_y = (-side % reduction for side in upright)  # of the last block
    phase = (
        missing_x if orientation in _MIRRORED else 0,
        missing_y if orientation in _UPSIDE_DOWN else 0,
    )
    return ReducedFrame(frame, reduction, upright, phase)

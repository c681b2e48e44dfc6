"""Encoded pictures: the same pixels as Pillow, one EXIF policy, and every damage told."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

import edgeclf
from edgeclf.errors import DecodeError, FrameError


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def picture(width=48, height=32, mode="RGB", seed=0):
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.BICUBIC).convert(mode)


@pytest.mark.parametrize("name", ["cat", "grace_hopper", "parrot", "sunflower", "hot_dog", "owl"])
def test_jpeg_pixels_are_pillows(decoder, photos, name):
    path = photos / f"{name}.jpg"
    frame = edgeclf.decode(path)
    assert frame.format == "rgb"
    np.testing.assert_array_equal(frame.data, np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (17, 9), (33, 64)])
def test_jpeg_kinds(decoder, subsampling, progressive, size):
    data = encoded(
        picture(*size), "JPEG", subsampling=subsampling, progressive=progressive, quality=80
    )
    np.testing.assert_array_equal(
        edgeclf.decode(data).data, np.asarray(Image.open(io.BytesIO(data)))
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_for_every_way_in(tmp_path, orientation, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(), format, exif=exif)
    path = tmp_path / "picture"
    path.write_bytes(data)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert upright.shape[:2] == ((48, 32) if orientation >= 5 else (32, 48))
    for source in (path, str(path), data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(edgeclf.decode(source).data, upright)
    from edgeclf.frame import as_frame

    np.testing.assert_array_equal(as_frame(Image.open(io.BytesIO(data))).data, upright)


@pytest.mark.parametrize("value", [0, 9, 255])
def test_unknown_orientation_is_upright(value):
    exif = Image.Exif()
    exif[0x0112] = value
    data = encoded(picture(), "JPEG", exif=exif)
    assert edgeclf.decode(data).data.shape == (32, 48, 3)


@pytest.mark.parametrize(
    ("mode", "format", "expected"),
    [
        ("1", "PNG", "gray"),
        ("L", "PNG", "gray"),
        ("L", "JPEG", "gray"),
        ("LA", "PNG", "gray"),
        ("P", "PNG", "rgb"),
        ("RGBA", "PNG", "rgba"),
        ("CMYK", "JPEG", "rgb"),
        ("CMYK", "TIFF", "rgb"),
    ],
)
def test_modes_become_what_pillow_makes_of_them(mode, format, expected):
    data = encoded(picture(mode=mode), format)
    frame = edgeclf.decode(data)
    assert frame.format == expected
    pillow_mode = {"gray": "L", "rgb": "RGB", "rgba": "RGBA"}[expected]
    oracle = Image.open(io.BytesIO(data))
    oracle = oracle.getchannel(0) if mode == "LA" else oracle.convert(pillow_mode)
    np.testing.assert_array_equal(frame.data, np.asarray(oracle))


def test_transparent_palette_keeps_its_colours():
    image = picture().quantize(8)
    data = encoded(image, "PNG", transparency=0)
    frame = edgeclf.decode(data)
    np.testing.assert_array_equal(frame.data[:, :, :3], np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_pixels_are_refused(mode):
    data = encoded(Image.new(mode, (4, 4)), "TIFF")
    with pytest.raises(FrameError, match="window"):
        edgeclf.decode(data)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_cut_at_every_byte(decoder, progressive):
    data = encoded(picture(), "JPEG", progressive=progressive, quality=70)
    assert len(data) < 4000
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            edgeclf.decode(data[:length])


@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Truncated File Read")
@pytest.mark.parametrize("format", ["PNG", "BMP", "GIF", "WEBP", "TIFF"])
def test_other_formats_cut_at_every_byte(format):
    data = encoded(picture(24, 16), format)
    upright = edgeclf.decode(data).data
    for length in range(len(data)):
        try:
            frame = edgeclf.decode(data[:length])
        except DecodeError:
            continue
        # A format may end in bytes that carry no pixels; then nothing is missing.
        np.testing.assert_array_equal(frame.data, upright)
        assert length >= len(data) - 160


def damaged(data, seed):
    rng = np.random.default_rng(seed)
    start = data.index(b"\xff\xda") + 14
    spoiled = bytearray(data)
    for at in rng.integers(start, len(data) - 2, 40):
        spoiled[at] ^= int(rng.integers(1, 256))
    return bytes(spoiled)


def test_jpeg_damaged_in_the_middle(photos):
    pytest.importorskip("simplejpeg")
    data = (photos / "cat.jpg").read_bytes()
    for seed in range(20):
        spoiled = damaged(data, seed)
        with pytest.raises(DecodeError, match="strict=False"):
            edgeclf.decode(spoiled)
        assert edgeclf.decode(spoiled, strict=False).data.shape == (720, 1280, 3)


def test_png_checksum_is_checked():
    data = bytearray(encoded(picture(), "PNG"))
    data[data.index(b"IDAT") + 20] ^= 1
    with pytest.raises(DecodeError):
        edgeclf.decode(bytes(data))


def test_pixel_cap_comes_before_allocation():
    bomb = encoded(Image.new("1", (10000, 10000)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(DecodeError, match="10000x10000"), pytest.warns(
        Image.DecompressionBombWarning
    ):
        edgeclf.decode(bomb)
    bigger = encoded(Image.new("1", (20000, 20000)), "PNG")
    with pytest.raises(DecodeError, match="400000000"):
        edgeclf.decode(bigger)
    with pytest.raises(DecodeError, match="48x32 is more than 100"):
        edgeclf.decode(encoded(picture()), max_pixels=100)


@pytest.mark.parametrize("junk", [b"", b"x", b"no picture at all" * 9, b"\xff\xd8\xff" + b"0" * 99])
def test_junk_is_no_picture(junk):
    with pytest.raises(DecodeError, match=f"got {len(junk)} bytes") as caught:
        edgeclf.decode(junk)
    assert " at 0x" not in str(caught.value)  # Pillow names its own buffer, which helps nobody


@pytest.mark.parametrize("format", ["EPS", "ICO", "PCX"])
def test_formats_outside_the_list_are_refused(format):
    with pytest.raises(DecodeError, match="not a picture"):
        edgeclf.decode(encoded(picture(), format))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DecodeError, match=r"no_such\.jpg"):
        edgeclf.decode(tmp_path / "no_such.jpg")
    with pytest.raises(DecodeError):
        edgeclf.decode(tmp_path)
    with pytest.raises(DecodeError):
        edgeclf.decode("bad\0name.jpg")

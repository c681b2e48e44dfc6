"""A JPEG's header read without Pillow says what Pillow says, or nothing; no answer changes."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from PIL import Image
from test_decoding import damaged, encoded, picture

import edgeclf
from edgeclf import decoding
from edgeclf.errors import DecodeError
from edgeclf.jpeg_header import JpegHeader, read_header

XMP = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'


def exif(orientation=None, byte_order="<", more=()):
    data = Image.Exif()
    data.endian = byte_order
    for tag, value in more:
        data[tag] = value
    if orientation is not None:
        data[0x0112] = orientation
    return data


def with_segment(data, marker, content):
    """`data` with one more segment behind the first."""
    size = (len(content) + 2).to_bytes(2, "big")
    return data[:2] + bytes([0xFF, marker]) + size + content + data[2:]


def of_pillow(data):
    """Size, components and orientation by Pillow; None where it opens nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=("JPEG",))
            found = image.getexif().get(0x0112, 1)
        except Exception:
            return None
    components = {"L": 1, "RGB": 3}.get(image.mode, image.mode)
    return (*image.size, components, found if found in range(1, 9) else 1)


def jpegs():
    usual = picture()
    for options in (
        {},
        {"progressive": True},
        {"comment": b"remark"},
        {"icc_profile": b"p" * 70000},
    ):
        for mode in ("RGB", "L"):
            yield encoded(usual.convert(mode), "JPEG", **options)
    for orientation in (1, 3, 6, 8):
        for order in "<>":
            more = ((0x010F, "a camera's maker"), (0x011A, 72.0), (0x8769, {0x9003: "2026"}))
            yield encoded(usual, "JPEG", exif=exif(orientation, order, more))


@pytest.mark.parametrize("data", list(jpegs()))
def test_the_usual_is_read(data):
    header = read_header(data)
    assert header is not None
    assert tuple(header) == of_pillow(data)


def test_photographs_are_usual(photos):
    files = [path.read_bytes() for path in sorted(photos.glob("*.jpg"))]
    headers = [read_header(data) for data in files]
    assert sum(header is not None for header in headers) > len(files) / 2
    for header, data in zip(headers, files):
        assert header is None or tuple(header) == of_pillow(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        encoded(picture(), "PNG"),
        encoded(picture(mode="CMYK"), "JPEG"),
        encoded(picture(), "MPO", save_all=True, append_images=[picture()]),
        with_segment(encoded(picture(), "JPEG"), 0xE1, XMP),
        with_segment(encoded(picture(), "JPEG", exif=exif(3)), 0xE1, b"Exif\0\0II*\0"),
        with_segment(encoded(picture(), "JPEG"), 0xED, b"Photoshop 3.0\0"),
        encoded(picture(), "JPEG", exif=exif(9)),
    ],
    ids=["none", "start", "png", "cmyk", "mpo", "xmp", "two exif", "photoshop", "orientation 9"],
)
def test_the_unusual_is_left_to_pillow(data):
    assert read_header(data) is None


def test_a_file_of_segments_is_given_up():
    data = encoded(picture(), "JPEG")

    def with_comments(count):
        return data[:2] + b"\xff\xfe\0\2" * count + data[2:]

    assert read_header(with_comments(200)) == read_header(data) is not None
    assert read_header(with_comments(256)) is None
    assert edgeclf.decode(with_comments(256)).data.shape == (32, 48, 3)


def test_an_orientation_in_xmp_counts_only_without_exif():
    data = with_segment(encoded(picture(), "JPEG", exif=exif(3)), 0xE1, XMP)
    assert read_header(data) == JpegHeader(48, 32, 3, 3)
    assert of_pillow(data) == (48, 32, 3, 3)


def spoiled_headers(count):
    """Bytes of headers changed, left out or doubled, a few at a time."""
    rng = np.random.default_rng(11)
    sources = [data for data in jpegs() if len(data) < 9000]
    for _ in range(count):
        data = bytearray(sources[rng.integers(len(sources))])
        end = data.index(b"\xff\xda") + 14
        for _ in range(rng.integers(1, 4)):
            at, kind = int(rng.integers(0, end)), rng.integers(10)
            if kind == 0:
                del data[at]
            elif kind == 1:
                data.insert(at, data[at])
            elif kind < 6:
                data[at] = int(rng.integers(256))
            else:
                data[at] ^= 1 << int(rng.integers(8))
        yield bytes(data)


def test_spoiled_headers_never_say_what_pillow_would_not():
    read = 0
    for data in spoiled_headers(6000):
        header = read_header(data)
        if header is not None:
            assert tuple(header) == of_pillow(data)
            read += 1
    assert read > 1000  # else this test would say nothing


def answer(data, strict):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = edgeclf.decode(data, strict=strict, max_pixels=100_000)
        except DecodeError as exc:
            return str(exc)
    return frame.format, frame.data.tobytes(), frame.data.shape


@pytest.mark.parametrize("strict", [True, False])
def test_answers_and_errors_are_those_of_pillows_way(decoder, monkeypatch, photos, strict):
    spoiled = list(spoiled_headers(400))
    spoiled += [damaged(encoded(picture(), "JPEG"), seed) for seed in range(40)]
    spoiled += [data[: len(data) * part // 7] for data in jpegs() for part in range(1, 7)]
    quick = [answer(data, strict) for data in spoiled]
    monkeypatch.setattr(decoding, "read_header", lambda content: None)
    slow = [answer(data, strict) for data in spoiled]
    assert quick == slow
    assert {type(one) for one in slow} == {str, tuple}

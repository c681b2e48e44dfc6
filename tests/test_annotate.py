"""The caption under a picture: what is drawn where, on every kind of frame."""

from __future__ import annotations

import unicodedata
from typing import List

import numpy as np
import pytest

from edgeclf import label_font
from edgeclf.annotate import annotate
from edgeclf.errors import FrameError
from edgeclf.frame import Frame
from edgeclf.jpeg import ReducedFrame
from edgeclf.types import Category

PIL_FONT = pytest.importorskip("PIL.ImageFont")

CATEGORIES = [Category(0, "tiger cat", 0.75), Category(1, "tabby", 0.125)]


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.RandomState(5).randint(0, 256, shape).astype(np.uint8)


def rows_written(image: object, top: int) -> List[int]:
    """The first pixel row of each line of text below `top`."""
    light = np.asarray(image.convert("L"))[top:].max(axis=1) > 100  # type: ignore[attr-defined]
    return [int(y) for y in np.flatnonzero(light & ~np.r_[False, light[:-1]])]


def test_the_picture_stays_as_it_is_and_the_caption_stands_below() -> None:
    pixels = noise(300, 400)
    image = annotate(Frame(pixels, "rgb"), CATEGORIES)
    drawn = np.asarray(image)
    assert image.mode == "RGB"
    assert np.array_equal(drawn[:300], pixels)
    assert drawn.shape[1] == 400
    assert 300 + 2 * 14 <= drawn.shape[0] <= 400
    # The best is brighter than the other; both have a label on the left, a score on the right.
    middle = 300 + (drawn.shape[0] - 300) // 2
    best, other = drawn[300:middle], drawn[middle:]
    assert best.max() > other.max() + 40
    for line in (best, other):
        assert line[:, :120].max() > 150
        assert line[:, 150:330].max() < 60
        assert line[:, 340:].max() > 150


@pytest.mark.parametrize("format", ["bgr", "rgb", "bgra", "rgba", "gray"])
def test_every_format(format: str) -> None:
    pixels = noise(64, 300, {"gray": 1, "bgra": 4, "rgba": 4}.get(format, 3))
    expected = {
        "gray": lambda: np.stack([pixels] * 3, axis=2),
        "bgr": lambda: pixels[:, :, ::-1],
        "bgra": lambda: pixels[:, :, [2, 1, 0]],
        "rgb": lambda: pixels,
        "rgba": lambda: pixels[:, :, :3],
    }[format]()
    assert np.array_equal(np.asarray(annotate(Frame(pixels, format), CATEGORIES))[:64], expected)


def test_a_jpeg_decoded_smaller_is_refused() -> None:
    reduced = ReducedFrame(Frame(noise(30, 40), "rgb"), 8, (320, 240), (0, 0))
    with pytest.raises(FrameError, match=r"320x240.*edgeclf\.decode"):
        annotate(reduced, CATEGORIES)


def test_strided_frames() -> None:
    pixels = noise(600, 600)[::-2, ::2]
    assert np.array_equal(np.asarray(annotate(Frame(pixels, "rgb"), CATEGORIES))[:300], pixels)


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, -1), (180, 2), (270, 1), (-90, 1)])
def test_rotation_is_clockwise(degrees: int, turns: int) -> None:
    pixels = noise(300, 400)
    image = annotate(Frame(pixels, "rgb"), CATEGORIES, rotation_degrees=degrees)
    turned = np.rot90(pixels, turns)
    assert np.array_equal(np.asarray(image)[: turned.shape[0], : turned.shape[1]], turned)


def test_the_region_is_outlined() -> None:
    pixels = np.full((300, 400, 3), 128, np.uint8)
    region = (50, 60, 100, 80)
    drawn = np.asarray(annotate(Frame(pixels, "rgb"), CATEGORIES, region_of_interest=region))[:300]
    changed = (drawn != 128).any(axis=2)
    ys, xs = np.nonzero(changed)
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (50, 60, 149, 139)
    assert not changed[70:130, 60:140].any()
    assert (pixels == 128).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 32), (10, 2000), (2000, 10)])
def test_odd_sizes_have_room_for_a_caption(height: int, width: int) -> None:
    pixels = np.full((height, width, 3), 200, np.uint8)
    image = annotate(Frame(pixels, "rgb"), CATEGORIES)
    assert image.width == max(width, 256)
    left = (image.width - width) // 2
    assert (np.asarray(image)[:height, left : left + width] == 200).all()
    assert len(rows_written(image, height)) >= 2


def test_the_text_grows_with_the_picture() -> None:
    small = annotate(Frame(noise(300, 400), "rgb"), CATEGORIES[:1])
    large = annotate(Frame(noise(3000, 4000), "rgb"), CATEGORIES[:1])
    assert 5 <= (large.height - 3000) / (small.height - 300) <= 15


def test_at_most_five_rows_and_a_word_when_nothing_passed() -> None:
    many = [Category(n, "HHHH", 0.5) for n in range(9)]
    assert len(rows_written(annotate(Frame(noise(300, 400), "rgb"), many), 300)) == 5
    none = annotate(Frame(noise(300, 400), "rgb"), [])
    assert len(rows_written(none, 300)) >= 1


def test_a_long_label_leaves_the_score_alone() -> None:
    short = annotate(Frame(noise(300, 400), "rgb"), [Category(0, "x", 0.5)])
    long = annotate(Frame(noise(300, 400), "rgb"), [Category(0, "x" * 500, 0.5)])
    assert short.size == long.size
    one, other = np.asarray(short)[300:, :, 0], np.asarray(long)[300:, :, 0]
    score = 200 + int(np.flatnonzero(one[:, 200:].max(axis=0) > 60)[0])
    assert np.array_equal(one[:, score - 5 :], other[:, score - 5 :])
    assert other[:, 100:300].max() > 200
    # The label ends in an ellipsis: its last lit pixels lie on the line, low in the row.
    end = int(np.flatnonzero(other[:, : score - 5].max(axis=0) > 100)[-1])
    lit = np.flatnonzero(other[:, end - 2 : end + 1].max(axis=1) > 100)
    letters = np.flatnonzero(other[:, 10:100].max(axis=1) > 100)
    assert lit.min() > letters.mean()


LABELS = [
    "Stra\u00dfe caf\u00e9",
    "\u0416\u0443\u043a",
    "\u732b",
    "\u0642\u0637",
    "a\nb\x1b[0m",
    "",
    "\U0001f408",
]


@pytest.mark.parametrize("label", LABELS)
def test_any_label_can_be_drawn(label: str) -> None:
    image = annotate(Frame(noise(64, 300), "rgb"), [Category(0, label, 0.5)])
    assert image.height > 64
    if label:
        assert np.asarray(image)[64:, :100].max() > 150


@pytest.mark.parametrize("label", LABELS)
def test_any_label_can_be_drawn_with_the_old_bitmap_font(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with Pillow before 10.1, or one without FreeType.
    bitmap = (
        PIL_FONT.load_default_imagefont()
        if hasattr(PIL_FONT, "load_default_imagefont")
        else PIL_FONT.load_default()
    )
    monkeypatch.setattr(label_font, "_default_font", lambda size: None)
    monkeypatch.setattr(PIL_FONT, "load_default", lambda: bitmap)
    image = annotate(Frame(noise(640, 900), "rgb"), [Category(0, label, 0.5)])
    assert image.width == 900
    if label:
        assert np.asarray(image)[640:, :200].max() > 150


def test_letters_that_no_font_has_become_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_font, "_SYSTEM_FONTS", ())
    font = label_font.font_for("caf\u00e9", 20)
    if not label_font.is_scalable(font):
        pytest.skip("Pillow without FreeType")
    drawn = label_font.drawable("caf\u00e9 \u732b", font)
    missing = {
        c for c in "\u00e9\u732b" if bytes(font.getmask(c)) == bytes(font.getmask("\U0010fffe"))
    }
    expected = unicodedata.normalize("NFKD", "\u00e9")[0] if "\u00e9" in missing else "\u00e9"
    assert drawn.startswith("caf" + expected)
    assert drawn.endswith("?" if "\u732b" in missing else "\u732b")

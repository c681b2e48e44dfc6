"""JPEGs decoded smaller for specs with exact=False: when, that nothing shifts, and every damage.

How far the tensor is from that of a full decode: test_jpeg_accuracy.py. Longer than 300 lines: most
are tables of cases.
"""

from __future__ import annotations

import io
import sys
import tracemalloc

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_decoding import damaged, encoded

import edgeclf
from edgeclf.backends.fake import FakeBackend
from edgeclf.errors import ArgumentError, DecodeError, FrameError, SpecMismatch
from edgeclf.jpeg import ReducedFrame, sufficient_reduction
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import TensorInfo


def spec(width=20, height=14, **fields):
    return InputSpec(width, height, **{"exact": False, "antialias": True, **fields})


def ramp(width, height):
    """Red grows to the right, green downwards: a shift by a pixel shows as a change of level."""
    x, y = np.meshgrid(np.linspace(10, 245, width), np.linspace(245, 10, height))
    return Image.fromarray(np.stack([x, y, (x + y) / 2], axis=2).round().astype(np.uint8))


def photo(photos, width, height, name="cat"):
    return Image.open(photos / f"{name}.jpg").convert("RGB").crop((0, 0, width, height))


def reduction_of(frame):
    return frame.reduction if isinstance(frame, ReducedFrame) else 1


# -- the pixels of a reduced picture ----------------------------------------------------------


def averages(gray, reduction):
    height, width = (side // reduction for side in gray.shape)
    return gray.astype(float).reshape(height, reduction, width, reduction).mean(axis=(1, 3))


@pytest.mark.parametrize(("side", "reduction"), [(90, 2), (50, 4), (24, 8)])
@pytest.mark.parametrize("progressive", [False, True])
def test_reduced_pixels_are_averages(decoder, photos, side, reduction, progressive):
    gray = photo(photos, 320, 240).convert("L").point(lambda level: 40 + level // 2)
    data = encoded(gray, "JPEG", quality=95, progressive=progressive)
    frame = Preprocessor(spec(side, side)).frame_of(data)
    assert frame.format == "gray"
    assert reduction_of(frame) == reduction
    full = np.asarray(Image.open(io.BytesIO(data)))
    # Both pictures are rounded to whole levels.
    assert np.abs(frame.data - averages(full, reduction)).max() < 0.8


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "MPO"])
@pytest.mark.parametrize("size", [(256, 192), (253, 187)])
def test_every_kind_is_what_pillow_drafts(decoder, photos, mode, subsampling, size):
    picture = photo(photos, *size)
    if mode == "MPO":
        data = encoded(picture, "MPO", save_all=True, append_images=[picture])
    else:
        data = encoded(picture.convert(mode), "JPEG", subsampling=subsampling)
    frame = Preprocessor(spec(40, 40)).frame_of(data)
    assert reduction_of(frame) == 4
    draft = Image.open(io.BytesIO(data))
    draft.draft(None, (size[0] // 4, size[1] // 4))
    assert draft.size == (64, -(-size[1] // 4))
    np.testing.assert_array_equal(frame.data, draft.convert("L" if mode == "L" else "RGB"))


# -- nothing shifts ---------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("region", [None, (0, 32, 256, 192), (61, 67, 197, 233)])
@pytest.mark.parametrize("size", [(384, 320), (377, 315)])
def test_orientation_region_and_rotation_in_full_pixels(
    decoder, orientation, degrees, region, size
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(ramp(*size), "JPEG", exif=exif, quality=95, subsampling=0)
    preprocessor = Preprocessor(spec())
    how = {"region_of_interest": region, "rotation_degrees": degrees}
    assert reduction_of(preprocessor.frame_of(data, *how.values())) == 8
    expected = preprocessor(edgeclf.decode(data), **how)
    # Half a reduced pixel is 2.4 levels at least.
    assert np.abs(preprocessor(data, **how) - expected).max() < 1.6


@pytest.mark.parametrize(
    "fields",
    [
        {"resize_mode": "stretch"},
        {"resize_mode": "letterbox"},
        {"resize_mode": "center-crop", "resize_size": 20},
        {"resize_mode": "center-crop", "resize_size": 10, "crop_rounding": "floor"},
    ],
)
@pytest.mark.parametrize(
    "size", [(640, 480), (480, 640), (1024, 256), (200, 1600), (637, 473), (243, 1601), (487, 640)]
)
def test_geometry_is_that_of_the_full_picture(fields, size):
    data = encoded(ramp(*size), "JPEG", quality=95, subsampling=0)
    preprocessor = Preprocessor(spec(**fields))
    assert reduction_of(preprocessor.frame_of(data)) == 8
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.abs(preprocessor(data) - oracle.tensor(pixels, spec(**fields))).max() < 1.3


sides = st.integers(1, 700)


@given(
    st.tuples(sides, sides),
    st.one_of(st.none(), st.tuples(st.integers(0, 99), st.integers(0, 99), sides, sides)),
    st.booleans(),
    st.sampled_from(["stretch", "letterbox", "center-crop"]),
    st.sampled_from([1, 2, 4, 8]),
)
def test_a_reduction_keeps_what_it_promises(size, region, turned, mode, grid):
    size = tuple(side * grid for side in size)
    if region is not None:
        region = tuple(value * grid for value in region)
    wanted = InputSpec(60, 50, resize_mode=mode, resize_size=55 if mode == "center-crop" else None)

    def resized_size(width, height):
        return oracle.resized_size(width, height, wanted)

    chosen = sufficient_reduction(size, region, turned, resized_size)
    if chosen == 1:
        return
    x, y, width, height = region or (0, 0, *size)
    assert 0 <= x <= x + width <= size[0]
    assert 0 <= y <= y + height <= size[1]
    upright = (height, width) if turned else (width, height)
    goals = resized_size(*upright)
    assert all(20 * side >= 21 * goal * chosen for side, goal in zip(upright, goals))


# -- when a picture is decoded in full --------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 8),
        ({"interpolation": "bicubic"}, 8),
        ({"interpolation": "lanczos"}, 8),
        ({"exact": None}, 1),
        ({"exact": True}, 1),
        ({"antialias": False}, 1),
        ({"interpolation": "nearest"}, 1),
        ({"interpolation": "box"}, 1),
        ({"interpolation": "area"}, 1),
        ({"width": 38}, 8),  # 320 / 8 = 40 pixels for 38: more than 21/20
        ({"width": 39}, 4),
        ({"width": 153}, 1),
        ({"height": 29}, 4),
        ({"width": 400, "height": 400}, 1),
        ({"resize_mode": "center-crop", "resize_size": 28, "width": 8, "height": 8}, 8),
        ({"resize_mode": "center-crop", "resize_size": 29, "width": 8, "height": 8}, 4),
    ],
)
def test_which_specs_reduce_by_how_much(fields, expected):
    preprocessor = Preprocessor(spec(**fields))
    data = encoded(ramp(320, 240), "JPEG")
    frame = preprocessor.frame_of(data)
    assert reduction_of(frame) == expected
    if expected == 1:
        np.testing.assert_array_equal(preprocessor(data), preprocessor(edgeclf.decode(data)))


@pytest.mark.parametrize(
    ("size", "region", "expected"),
    [
        ((320, 240), None, 8),
        ((321, 247), None, 8),
        ((321, 240), (0, 0, 321, 240), 8),
        ((320, 240), (8, 16, 240, 200), 8),
        ((320, 240), (7, 15, 242, 199), 8),
        ((320, 240), (7, 15, 167, 199), 4),
        ((320, 240), (8, 16, 64, 40), 2),
        ((320, 240), (8, 16, 32, 16), 1),
        ((4, 4), None, 1),
    ],
)
def test_sizes_and_regions_decide_and_not_where_they_begin(size, region, expected):
    data = encoded(ramp(*size), "JPEG")
    frame = Preprocessor(spec()).frame_of(data, region)
    assert reduction_of(frame) == expected
    assert (frame.width, frame.height) == size
    assert frame.data.shape[:2] == (-(-size[1] // expected), -(-size[0] // expected))


@pytest.mark.parametrize("orientation", [1, 6])
def test_what_stands_upright_is_what_must_be_large_enough(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(ramp(192, 144), "JPEG", exif=exif)  # 24 x 18 at 1/8, for a tensor of 20 x 14
    by_turn = [reduction_of(Preprocessor(spec()).frame_of(data, None, turn)) for turn in (0, 90)]
    assert by_turn == ([8, 4] if orientation == 1 else [4, 8])


def test_other_pictures_are_decoded_in_full():
    preprocessor = Preprocessor(spec(), frame_format="rgb")
    picture = ramp(320, 240)
    expected = preprocessor(np.asarray(picture))
    for data in (encoded(picture, "PNG"), encoded(picture, "BMP"), encoded(picture, "TIFF")):
        np.testing.assert_array_equal(preprocessor(data), expected)
    jpeg = encoded(picture, "JPEG")
    opened = preprocessor(Image.open(io.BytesIO(jpeg)))
    np.testing.assert_array_equal(opened, preprocessor(edgeclf.decode(jpeg)))


def test_the_same_tensor_with_and_without_simplejpeg(photos, monkeypatch):
    pytest.importorskip("simplejpeg")
    preprocessor = Preprocessor(spec(100, 60))
    with_it = preprocessor(photos / "cat.jpg")
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    np.testing.assert_array_equal(preprocessor(photos / "cat.jpg"), with_it)


def test_a_classifier_asks_for_what_its_spec_needs():
    jpeg, array = encoded(ramp(320, 240), "JPEG"), np.asarray(ramp(320, 240))[:, :, ::-1]
    how = {"region_of_interest": (64, 32, 128, 96), "rotation_degrees": 90}
    seen = []

    def answer(tensor):
        seen.extend(tensor.copy())
        return np.zeros((len(tensor), 2), np.float32)

    backend = FakeBackend(
        TensorInfo("image", (None, 3, 14, 20), "float32"),
        [TensorInfo("scores", (None, 2), "float32")],
        answer,
    )
    stated = {"exact": False, "antialias": True, "interpolation": "bilinear", "mean": 0, "std": 1}
    stated.update(resize_mode="stretch", activation="none")
    with edgeclf.Classifier(spec=stated, labels=("a", "b"), backend=backend) as classifier:
        classifier.predict(jpeg, **how)
        classifier.predict_batch([jpeg, array], **how)  # one reduced, one not; one region for both
        preprocessor = Preprocessor(classifier.input_spec)
    assert reduction_of(preprocessor.frame_of(jpeg, *how.values())) == 4  # without a region 8
    expected = [preprocessor(frame, **how)[0] for frame in (jpeg, jpeg, array)]
    np.testing.assert_array_equal(seen, expected)
    np.testing.assert_array_equal(preprocessor.batch([jpeg, array], **how), expected[1:])


# -- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize("progressive", [False, True])
def test_cut_at_every_byte(decoder, progressive):
    data = encoded(ramp(192, 144), "JPEG", progressive=progressive, quality=60)
    preprocessor = Preprocessor(spec())
    assert reduction_of(preprocessor.frame_of(data)) == 8
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            preprocessor(data[:length])


def test_damaged_in_the_middle(photos):
    pytest.importorskip("simplejpeg")
    data = (photos / "cat.jpg").read_bytes()
    preprocessor = Preprocessor(spec())
    assert reduction_of(preprocessor.frame_of(data)) == 8
    for seed in range(20):
        with pytest.raises(DecodeError, match="damaged"):
            preprocessor(damaged(data, seed))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pixel_cap_is_that_of_the_full_picture(decoder):
    data = bytearray(encoded(ramp(320, 240), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = (12000).to_bytes(2, "big") * 2
    tracemalloc.start()
    with pytest.raises(DecodeError, match="12000x12000"):
        Preprocessor(spec())(bytes(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000  # an eighth of each side would be 6.75 million bytes


@pytest.mark.parametrize("region", [(312, 0, 16, 16), (-8, 0, 64, 64), (0, 232, 8, 16)])
def test_a_region_outside_is_told_in_full_pixels(region):
    with pytest.raises(FrameError, match="320x240"):
        Preprocessor(spec())(encoded(ramp(320, 240), "JPEG"), region_of_interest=region)


def test_simplejpeg_is_looked_for_once(monkeypatch):
    class Finder:
        looked = 0

        def find_spec(self, name, path=None, target=None):
            if name == "simplejpeg":
                self.looked += 1
                raise ModuleNotFoundError(name)

    finder = Finder()
    monkeypatch.setattr("edgeclf.jpeg._missing", False, raising=False)
    monkeypatch.delitem(sys.modules, "simplejpeg", raising=False)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    for _ in range(3):
        edgeclf.decode(encoded(ramp(32, 24), "JPEG"))
    assert finder.looked == 1


def test_bad_arguments_are_told():
    preprocessor, data = Preprocessor(spec()), encoded(ramp(320, 240), "JPEG")
    with pytest.raises(ArgumentError, match="multiple of 90"):
        preprocessor(data, rotation_degrees=45)
    with pytest.raises(FrameError, match="whole pixels"):
        preprocessor(data, region_of_interest=(0.5, 0, 8, 8))


@pytest.mark.parametrize(
    "fields",
    [{"exact": None}, {"exact": True}, {"antialias": False}, {"interpolation": "nearest"}],
)
def test_a_reduced_frame_is_refused_where_every_pixel_counts(fields):
    frame = Preprocessor(spec()).frame_of(encoded(ramp(320, 240), "JPEG"))
    assert reduction_of(frame) == 8
    with pytest.raises(SpecMismatch, match=r"edgeclf\.decode"):
        Preprocessor(spec(**fields))(frame)

"""The exact path, byte for byte against Pillow: sizes, filters, resize modes, colours."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from PIL import Image

from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

FILTERS = sorted(oracle.PILLOW_FILTERS)

# (source width, source height, width, height)
SIZES = [
    (640, 480, 224, 224),  # down
    (61, 47, 224, 200),  # up
    (300, 40, 64, 96),  # down across, up down
    (40, 300, 96, 64),  # up across, down down: the order of the passes shows
    (224, 224, 224, 224),  # nothing to do
    (224, 500, 224, 224),  # down only
    (500, 224, 224, 224),  # across only
    (1, 1, 17, 5),
    (1, 90, 30, 7),
    (90, 1, 7, 30),
    (33, 65, 1, 1),
    (2, 3, 3, 2),
    (1023, 767, 331, 257),
    (100, 100, 99, 101),
]


def picture(width, height, channels=3, seed=0):
    """Noise of black, white and anything between: what rounds and what saturates."""
    rng = np.random.default_rng([seed, width, height, channels])
    shape = (height, width, channels) if channels > 1 else (height, width)
    noise = rng.integers(0, 256, shape, dtype=np.uint8)
    extreme = rng.choice(np.array([0, 255], np.uint8), shape)
    return np.where(rng.random(shape) < 0.5, noise, extreme)


def as_pixels(spec_fields):
    """A spec whose tensor is the pixels themselves."""
    return InputSpec(dtype="uint8", layout="nhwc", **spec_fields)


def resized_by_us(rgb, width, height, interpolation, **fields):
    spec = as_pixels(dict(width=width, height=height, interpolation=interpolation, **fields))
    return Preprocessor(spec, frame_format="rgb")(rgb)[0]


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_stretch_gives_pillows_bytes(interpolation, size):
    source_width, source_height, width, height = size
    rgb = picture(source_width, source_height)
    expected = oracle.pillow_resize(rgb, width, height, interpolation)
    np.testing.assert_array_equal(resized_by_us(rgb, width, height, interpolation), expected)


@pytest.mark.parametrize("interpolation", FILTERS)
def test_random_sizes_give_pillows_bytes(interpolation):
    rng = np.random.default_rng(7)
    for seed in range(60):
        longest = int(rng.choice([8, 60, 300]))
        source_width, source_height, width, height = (int(n) for n in rng.integers(1, longest, 4))
        rgb = picture(source_width, source_height, seed=seed)
        expected = oracle.pillow_resize(rgb, width, height, interpolation)
        np.testing.assert_array_equal(resized_by_us(rgb, width, height, interpolation), expected)


@pytest.mark.parametrize("interpolation", FILTERS)
def test_one_call_of_pillow_gives_the_same_where_its_order_is_ours(interpolation):
    # From version 13 on Pillow goes down first where the height shrinks far more than the width.
    rgb = picture(321, 240)
    filter_ = oracle.PILLOW_FILTERS[interpolation]
    expected = np.asarray(Image.fromarray(rgb).resize((96, 80), filter_))
    np.testing.assert_array_equal(resized_by_us(rgb, 96, 80, interpolation), expected)


@pytest.mark.parametrize("interpolation", ["nearest", "box"])
def test_antialias_is_of_no_effect_on_nearest_and_box(interpolation):
    rgb = picture(97, 61)
    expected = oracle.pillow_resize(rgb, 40, 50, interpolation)
    got = resized_by_us(rgb, 40, 50, interpolation, antialias=False, exact=True)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("interpolation", FILTERS)
def test_sizes_beyond_sixteen_bits_of_a_product(interpolation):
    wide = picture(65535, 2)
    expected = oracle.pillow_resize(wide, 7, 3, interpolation)
    np.testing.assert_array_equal(resized_by_us(wide, 7, 3, interpolation), expected)
    tall = picture(2, 65535)
    expected = oracle.pillow_resize(tall, 3, 7, interpolation)
    np.testing.assert_array_equal(resized_by_us(tall, 3, 7, interpolation), expected)
    dot = picture(1, 1)
    expected = oracle.pillow_resize(dot, 16384, 2, interpolation)
    np.testing.assert_array_equal(resized_by_us(dot, 16384, 2, interpolation), expected)


def test_a_wide_tensor_is_made_in_strips():
    rgb = picture(3, 4000)
    expected = oracle.pillow_resize(rgb, 5000, 2, "lanczos")
    np.testing.assert_array_equal(resized_by_us(rgb, 5000, 2, "lanczos"), expected)


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("crop_rounding", ["round", "floor"])
@pytest.mark.parametrize("source", [(640, 480), (375, 501), (40, 31), (300, 100), (99, 100)])
def test_center_crop(interpolation, crop_rounding, source):
    rgb = picture(*source)
    # The crop is larger than some of the resized pictures, in one direction or in both.
    for resize_size, width, height in [(96, 80, 80), (97, 80, 81), (60, 80, 63), (50, 51, 90)]:
        spec = as_pixels(
            {
                "width": width,
                "height": height,
                "resize_mode": "center-crop",
                "resize_size": resize_size,
                "crop_rounding": crop_rounding,
                "interpolation": interpolation,
            }
        )
        got = Preprocessor(spec, frame_format="rgb")(rgb)
        np.testing.assert_array_equal(got, oracle.tensor(rgb, spec))


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("source", [(640, 480), (480, 640), (30, 31), (1, 50), (50, 1), (65, 64)])
@pytest.mark.parametrize("pad_value", [None, (7,), (1, 2, 255)])
def test_letterbox(interpolation, source, pad_value):
    rgb = picture(*source)
    for width, height in [(64, 64), (97, 40), (41, 90)]:
        spec = as_pixels(
            {
                "width": width,
                "height": height,
                "resize_mode": "letterbox",
                "interpolation": interpolation,
                "pad_value": pad_value,
            }
        )
        got = Preprocessor(spec, frame_format="rgb")(rgb)
        np.testing.assert_array_equal(got, oracle.tensor(rgb, spec))


@pytest.mark.parametrize("color_mode", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("frame_format", ["rgb", "bgr", "rgba", "bgra", "gray"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_formats(color_mode, frame_format, layout):
    rgb = picture(75, 63, 1 if frame_format == "gray" else 3)
    spec = InputSpec(40, 50, color_mode=color_mode, layout=layout, dtype="uint8")
    data = rgb if frame_format in ("gray", "rgb", "rgba") else rgb[:, :, ::-1]
    if frame_format.endswith("a"):
        alpha = picture(75, 63, 1, seed=1)[:, :, None]
        data = np.concatenate([data, alpha], axis=2)
    got = Preprocessor(spec)(Frame(data, frame_format))
    np.testing.assert_array_equal(got, oracle.tensor(rgb, spec))


def test_every_colour_becomes_pillows_grey():
    green, blue = np.meshgrid(np.arange(256), np.arange(256))
    spec = InputSpec(256, 256, color_mode="gray", layout="nhwc", dtype="uint8")
    preprocessor = Preprocessor(spec, frame_format="rgb")
    for red in range(256):
        rgb = np.stack([np.full_like(green, red), green, blue], axis=2).astype(np.uint8)
        expected = np.asarray(Image.fromarray(rgb).convert("L"))
        np.testing.assert_array_equal(preprocessor(rgb)[0, :, :, 0], expected)


@pytest.mark.parametrize("fields", [{}, {"exact": False}, {"antialias": False}], ids=str)
@pytest.mark.parametrize("color_mode", ["rgb", "gray"])
def test_a_frame_of_the_right_size_is_not_resampled(fields, color_mode):
    rgb = picture(224, 224)
    for interpolation in [*FILTERS, "area"]:
        spec = as_pixels(
            dict(
                width=224, height=224, interpolation=interpolation, color_mode=color_mode, **fields
            )
        )
        expected = rgb
        if color_mode == "gray":
            expected = np.asarray(Image.fromarray(rgb).convert("L"))[:, :, None]
        np.testing.assert_array_equal(Preprocessor(spec, frame_format="rgb")(rgb)[0], expected)


@pytest.mark.parametrize("interpolation", FILTERS)
def test_photographs(interpolation, shared_data):
    for path in sorted((shared_data / "imagenet").glob("*.JPEG"))[:8]:
        rgb = np.asarray(Image.open(path).convert("RGB"))
        spec = as_pixels(
            {
                "width": 224,
                "height": 224,
                "resize_mode": "center-crop",
                "resize_size": 256,
                "interpolation": interpolation,
            }
        )
        got = Preprocessor(spec, frame_format="rgb")(rgb)
        np.testing.assert_array_equal(got, oracle.tensor(rgb, spec))

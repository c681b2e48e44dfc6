"""The arithmetic without rounding between the passes: float64 says what is right, and OpenCV and
Pillow how far their own rounding may lie from it."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from test_preprocess import SIZES, picture

from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

ANTIALIASED = ["bilinear", "bicubic", "lanczos", "box"]
PLAIN = ["bilinear", "bicubic", "lanczos"]
TOLERANCE = 0.05  # of a level, DESIGN's promise for every filter

SMALL_SIZES = [size for size in SIZES if size[0] * size[1] < 400_000]


def float_levels(rgb, spec):
    got = Preprocessor(spec, frame_format="rgb")(rgb)
    assert got.dtype == np.float32
    return got[0]


def level_spec(width, height, **fields):
    return InputSpec(width, height, layout="nhwc", **fields)


@pytest.mark.parametrize("interpolation", ANTIALIASED)
@pytest.mark.parametrize("size", SMALL_SIZES, ids=str)
def test_antialiased(interpolation, size):
    source_width, source_height, width, height = size
    rgb = picture(source_width, source_height)
    spec = level_spec(width, height, interpolation=interpolation, exact=False)
    expected = oracle.float_resize(rgb, width, height, spec)
    np.testing.assert_allclose(float_levels(rgb, spec), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("interpolation", PLAIN)
@pytest.mark.parametrize("size", SMALL_SIZES, ids=str)
def test_without_antialiasing(interpolation, size):
    source_width, source_height, width, height = size
    rgb = picture(source_width, source_height)
    spec = level_spec(width, height, interpolation=interpolation, antialias=False)
    expected = oracle.float_resize(rgb, width, height, spec)
    np.testing.assert_allclose(float_levels(rgb, spec), expected, rtol=0, atol=TOLERANCE)


# Lengths and levels where one float32 sum over all taps would be up to 0.18 of a level off.
@pytest.mark.parametrize("length_and_value", [(30001, 252), (50000, 243), (50000, 214), (65535, 1)])
@pytest.mark.parametrize("interpolation", ANTIALIASED)
def test_very_many_taps_do_not_drift(length_and_value, interpolation):
    length, value = length_and_value
    spec = level_spec(1, 1, interpolation=interpolation, exact=False)
    for shape in [(1, length, 3), (length, 1, 3)]:
        flat = np.full(shape, value, np.uint8)
        np.testing.assert_allclose(float_levels(flat, spec), value, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("interpolation", ["bilinear", "box"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_within_one_level_of_pillow(interpolation, size):
    source_width, source_height, width, height = size
    rgb = picture(source_width, source_height)
    spec = level_spec(width, height, interpolation=interpolation, exact=False)
    expected = oracle.pillow_resize(rgb, width, height, interpolation).astype(float)
    np.testing.assert_allclose(float_levels(rgb, spec), expected, rtol=0, atol=1.0)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_plain_bilinear_is_opencvs(size):
    cv2 = pytest.importorskip("cv2")
    source_width, source_height, width, height = size
    rgb = picture(source_width, source_height)
    expected = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR).astype(float)
    spec = level_spec(width, height, antialias=False)
    np.testing.assert_allclose(float_levels(rgb, spec), expected, rtol=0, atol=1.0)


def test_plain_bicubic_is_opencvs_kernel():
    cv2 = pytest.importorskip("cv2")
    rgb = picture(90, 70)
    expected = cv2.resize(rgb.astype(np.float32), (64, 101), interpolation=cv2.INTER_CUBIC)
    spec = level_spec(64, 101, interpolation="bicubic", antialias=False)
    np.testing.assert_allclose(
        float_levels(rgb, spec), np.clip(expected, 0, 255), rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_area_is_opencvs(size):
    cv2 = pytest.importorskip("cv2")
    source_width, source_height, width, height = size
    rgb = picture(source_width, source_height)
    spec = level_spec(width, height, interpolation="area")
    exact = cv2.resize(rgb.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    # OpenCV's own weights are float32 and leave out slivers below a thousandth of a pixel.
    np.testing.assert_allclose(float_levels(rgb, spec), exact, rtol=0, atol=0.3)
    rounded = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(float)
    np.testing.assert_allclose(float_levels(rgb, spec), rounded, rtol=0, atol=1.0)


@pytest.mark.parametrize("size", [(640, 480, 224, 224), (97, 61, 40, 61), (1000, 3, 7, 2)], ids=str)
def test_area_averages_where_both_sides_shrink(size):
    source_width, source_height, width, height = size
    rgb = picture(source_width, source_height)
    spec = level_spec(width, height, interpolation="area")
    expected = oracle.float_resize(rgb, width, height, spec)
    np.testing.assert_allclose(float_levels(rgb, spec), expected, rtol=0, atol=TOLERANCE)


def test_area_at_many_ratios():
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(3)
    for seed in range(200):
        source_width, source_height, width, height = (int(n) for n in rng.integers(1, 70, 4))
        rgb = picture(source_width, source_height, seed=seed)
        exact = cv2.resize(rgb.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        spec = level_spec(width, height, interpolation="area")
        message = f"{source_width}x{source_height} to {width}x{height}"
        np.testing.assert_allclose(
            float_levels(rgb, spec), exact.reshape(height, width, 3), atol=0.3, err_msg=message
        )


@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos"])
@pytest.mark.parametrize("antialias", [True, False])
def test_overshoot_is_clamped_after_both_passes(interpolation, antialias):
    edge = np.zeros((20, 20, 3), np.uint8)
    edge[8:, 8:] = 255
    spec = level_spec(64, 64, interpolation=interpolation, antialias=antialias, exact=False)
    got = float_levels(edge, spec)
    assert got.min() == 0.0
    assert got.max() == 255.0
    np.testing.assert_allclose(got, oracle.float_resize(edge, 64, 64, spec), atol=TOLERANCE)


@pytest.mark.parametrize("mode", [{"resize_mode": "letterbox"}, {"resize_mode": "center-crop"}])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "area"])
def test_resize_modes(mode, interpolation):
    rgb = picture(130, 99)
    fields = dict(mode, interpolation=interpolation, antialias=False)
    if mode["resize_mode"] == "center-crop":
        fields["resize_size"] = 60
    spec = level_spec(56, 48, **fields)
    expected = oracle.levels(rgb, spec)
    np.testing.assert_allclose(float_levels(rgb, spec), expected, rtol=0, atol=TOLERANCE)

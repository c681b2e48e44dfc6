"""exact=False: fixed point within its promises of float64, on random sizes and forms of frames."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from test_preprocess import picture

from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

CASES = 500
ANTIALIASED = ["bilinear", "bicubic", "lanczos", "box", "area"]


def random_spec(rng, **fields):
    width, height = (int(n) for n in rng.integers(1, 50, 2))
    mode = str(rng.choice(["stretch", "letterbox", "center-crop"]))
    if mode == "center-crop":
        fields["resize_size"] = max(width, height) + int(rng.integers(0, 9))
    layout = str(rng.choice(["nchw", "nhwc"]))
    return InputSpec(width, height, resize_mode=mode, layout=layout, exact=False, **fields)


def random_rgb(rng):
    most = int(rng.choice([20, 60, 220]))
    width, height = (int(n) for n in rng.integers(1, most, 2))
    return picture(width, height, seed=int(rng.integers(1000)))


def in_any_form(rgb, rng):
    """The same picture: with padded rows, a fourth byte, backwards, or turned on its side."""
    kind = int(rng.integers(6))
    height, width = rgb.shape[:2]
    if kind == 0:
        wide = np.zeros((height, width + 3, 3), np.uint8)
        wide[:, :width] = rgb
        return wide[:, :width]
    if kind == 1:
        return np.ascontiguousarray(rgb[:, ::-1])[:, ::-1]
    if kind == 2:
        return np.ascontiguousarray(rgb.transpose(1, 0, 2)).transpose(1, 0, 2)
    if kind == 3:
        four = np.dstack([rgb, np.full((height, width), 7, np.uint8)])
        return Frame(np.ascontiguousarray(four), "rgba")
    if kind == 4:
        return Frame(np.ascontiguousarray(rgb[:, :, ::-1]), "bgr")
    return rgb


def levels(tensor, spec):
    got = tensor[0].astype(float)
    return got if spec.layout == "nhwc" else got.transpose(1, 2, 0)


@pytest.mark.parametrize(
    ("interpolation", "antialias", "tolerance"),
    [("bilinear", False, 0.03), ("bicubic", False, 0.05), ("lanczos", False, 0.05)]
    + [(name, True, 0.05) for name in ANTIALIASED[:-1]],
)
def test_levels(interpolation, antialias, tolerance):
    rng = np.random.default_rng(len(interpolation) + 100 * antialias)
    for _ in range(CASES):
        spec = random_spec(rng, interpolation=interpolation, antialias=antialias)
        rgb = random_rgb(rng)
        got = Preprocessor(spec, frame_format="rgb")(in_any_form(rgb, rng))
        expected = oracle.levels(rgb, spec)
        np.testing.assert_allclose(levels(got, spec), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("interpolation", ["bilinear", "box"])
def test_pillow_is_within_a_level(interpolation):
    rng = np.random.default_rng(5)
    for _ in range(CASES):
        spec = random_spec(rng, interpolation=interpolation)
        rgb = random_rgb(rng)
        got = Preprocessor(spec, frame_format="rgb")(rgb)
        exact = oracle.levels(rgb, InputSpec(**{**vars(spec), "exact": None}))
        np.testing.assert_allclose(levels(got, spec), exact, rtol=0, atol=1.0)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float16"])
@pytest.mark.parametrize("antialias", [False, True])
def test_codes(dtype, antialias):
    rng = np.random.default_rng(6)
    for _ in range(CASES // 2):
        normalised = rng.integers(3) > 0
        fields = {"mean": (120.0, 115.5, 104.25), "std": (58.4, 57.1, 57.4)} if normalised else {}
        spec = random_spec(rng, dtype=dtype, antialias=antialias, **fields)
        quantization = Quantization(0.0186, int(rng.integers(-20, 20)) + 128 * (dtype == "uint8"))
        rgb = random_rgb(rng)
        got = Preprocessor(spec, quantization, frame_format="rgb")(in_any_form(rgb, rng))
        expected = oracle.tensor(rgb, spec, quantization)
        if dtype == "float16":
            assert_within_a_float16_step(got, expected, 0.05 / (57.1 if normalised else 1.0))
        else:
            assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1


def assert_within_a_float16_step(got, expected, level_tolerance):
    step = np.spacing(np.maximum(np.abs(expected), np.abs(got))).astype(float)
    apart = np.abs(got.astype(float) - expected.astype(float))
    assert (apart <= step + level_tolerance).all()


def test_a_flat_picture_stays_flat():
    for interpolation in ANTIALIASED:
        for level in (0, 1, 77, 128, 254, 255):
            flat = np.full((97, 131, 3), level, np.uint8)
            spec = InputSpec(40, 33, interpolation=interpolation, exact=False)
            assert (Preprocessor(spec)(flat) == level).all()

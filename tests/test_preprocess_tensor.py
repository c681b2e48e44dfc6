"""From levels to the tensor's elements: normalisation, quantisation, dtypes, layouts."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from test_preprocess import picture

from edgeclf.errors import SpecMismatch
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

IMAGENET = {"rescale_factor": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
NORMALISATIONS = [
    {},
    {"mean": 127.5, "std": 127.5},
    {"rescale_factor": 1 / 255},
    IMAGENET,
    {"mean": (1, 2, 3)},
    {"std": 58.0},
    {"rescale_factor": -2.0, "mean": 5.0, "std": 1e-3},
]
RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
LEVELS = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=2)  # every level, different in each channel


def tensor_of(rgb, spec, quantization=None):
    return Preprocessor(spec, quantization, frame_format="rgb")(rgb)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("color_mode", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("fields", NORMALISATIONS, ids=str)
def test_float_tensors_are_float64_rounded_once(layout, dtype, color_mode, fields):
    if color_mode == "gray":
        fields = {k: v[:1] if isinstance(v, tuple) else v for k, v in fields.items()}
    spec = InputSpec(16, 16, layout=layout, dtype=dtype, color_mode=color_mode, **fields)
    with np.errstate(over="ignore"):
        expected = oracle.tensor(LEVELS, spec)
    got = tensor_of(LEVELS, spec)
    assert got.shape == spec.shape
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("std", [1e-4, 3e-3, 1.0, 1e5, 3e9, 1e12])
def test_float16_at_both_ends_of_its_range(std):
    spec = InputSpec(16, 16, dtype="float16", mean=100.3, std=std)
    with np.errstate(over="ignore"):
        expected = oracle.tensor(LEVELS, spec)
    np.testing.assert_array_equal(tensor_of(LEVELS, spec), expected)


QUANTIZATIONS = [
    Quantization(1 / 127.5, 127),
    Quantization(0.00784313725490196, 128),
    Quantization(1.0, 0),
    Quantization(0.018658448, 114),
    Quantization(2.0, 3),
    Quantization(1e-30, 0),
    Quantization(1e30, 9),
]


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("fields", NORMALISATIONS, ids=str)
@pytest.mark.parametrize("quantization", QUANTIZATIONS, ids=str)
def test_quantised_tensors(dtype, fields, quantization):
    if dtype == "int8":
        quantization = quantization._replace(zero_point=quantization.zero_point - 128)
    spec = InputSpec(16, 16, dtype=dtype, **fields)
    expected = oracle.tensor(LEVELS, spec, quantization)
    np.testing.assert_array_equal(tensor_of(LEVELS, spec, quantization), expected)


@pytest.mark.parametrize(("dtype", "low"), [("uint8", 0), ("int8", -128)])
def test_eight_bit_pixels_as_they_are(dtype, low):
    expected = np.moveaxis(LEVELS.astype(int) + low, -1, 0)[None]
    plain = InputSpec(16, 16, dtype=dtype)
    # mean 127.5, std 127.5 with scale 1/127.5 and zero point 127 rounds to one code beside.
    nearly = InputSpec(16, 16, dtype=dtype, mean=127.5, std=127.5)
    for spec, quantization in [
        (plain, None),
        (plain, Quantization(0.5, 3)),
        (nearly, Quantization(1 / 127.5, 127 + low)),
        (nearly, Quantization(1 / 127.5, 128 + low)),
    ]:
        assert Preprocessor(spec, quantization).takes_pixels
        np.testing.assert_array_equal(tensor_of(LEVELS, spec, quantization), expected)
    # Two codes off at one end is another normalisation.
    two_off = Quantization(1 / 127.5, 129 + low)
    assert not Preprocessor(nearly, two_off).takes_pixels
    expected = oracle.tensor(LEVELS, nearly, two_off)
    np.testing.assert_array_equal(tensor_of(LEVELS, nearly, two_off), expected)


def test_one_channel_that_differs_makes_all_channels_follow_the_formula():
    spec = InputSpec(16, 16, dtype="uint8", mean=(0.0, 0.0, 10.0))
    quantization = Quantization(1.0, 0)
    assert not Preprocessor(spec, quantization).takes_pixels
    expected = oracle.tensor(LEVELS, spec, quantization)
    np.testing.assert_array_equal(tensor_of(LEVELS, spec, quantization), expected)


def test_halves_go_to_even():
    spec = InputSpec(16, 16, dtype="uint8", rescale_factor=0.5)
    got = tensor_of(LEVELS, spec, Quantization(1.0, 0))
    # 1/2, 3/2, 5/2, 7/2 of a code.
    assert [int(got[0, 0].ravel()[level]) for level in (1, 3, 5, 7)] == [0, 2, 2, 4]


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int8"])
@pytest.mark.parametrize("fields", [{}, IMAGENET], ids=["pixels", "normalised"])
def test_the_arithmetic_without_rounding_ends_in_every_dtype(dtype, fields):
    rgb = picture(90, 70)
    zero_point = 114 if dtype == "uint8" else -14
    quantization = Quantization(0.018658448, zero_point)
    spec = InputSpec(40, 31, dtype=dtype, antialias=False, **fields)
    got = tensor_of(rgb, spec, quantization).astype(float)
    expected = oracle.tensor(rgb, spec, quantization).astype(float)
    if dtype == "float16":
        np.testing.assert_allclose(got, expected, rtol=2e-3, atol=1e-3)
    else:
        # 0.05 of a level may tip a half to the other side.
        assert np.abs(got - expected).max() <= 1
        assert (got == expected).mean() > 0.97


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int8"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_padding_is_normalised_like_pixels(dtype, layout):
    rgb = picture(30, 10)
    spec = InputSpec(
        20,
        20,
        resize_mode="letterbox",
        pad_value=(3, 4, 250),
        dtype=dtype,
        layout=layout,
        **IMAGENET,
    )
    zero_point = -14 if dtype == "int8" else 114
    quantization = Quantization(0.018658448, zero_point)
    expected = oracle.tensor(rgb, spec, quantization)
    np.testing.assert_array_equal(tensor_of(rgb, spec, quantization), expected)


def test_float_normalisation_after_float_resampling():
    rgb = picture(120, 77)
    spec = InputSpec(50, 40, exact=False, **IMAGENET)
    expected = oracle.tensor(rgb, spec)
    # 0.05 of a level, in the tensor's units.
    np.testing.assert_allclose(tensor_of(rgb, spec), expected, rtol=0, atol=0.05 / 255 / 0.224)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_a_normalised_eight_bit_tensor_needs_its_quantisation(dtype):
    spec = InputSpec(8, 8, dtype=dtype, mean=127.5, std=127.5)
    with pytest.raises(SpecMismatch, match=f"normalised {dtype}.*scale and zero point"):
        Preprocessor(spec)


@pytest.mark.parametrize(
    ("dtype", "quantization"),
    [
        ("uint8", Quantization(0.0, 0)),
        ("uint8", Quantization(-1.0, 0)),
        ("uint8", Quantization(float("nan"), 0)),
        ("uint8", Quantization(1.0, 256)),
        ("int8", Quantization(1.0, 128)),
        ("int8", Quantization(1.0, -129)),
    ],
)
def test_an_impossible_quantisation_is_refused(dtype, quantization):
    with pytest.raises(SpecMismatch, match="quantization: expected a scale above 0"):
        Preprocessor(InputSpec(8, 8, dtype=dtype), quantization)

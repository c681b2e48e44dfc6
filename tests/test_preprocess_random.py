"""Any spec, any frame: Hypothesis looks for the one that the core and the oracle disagree on."""

from __future__ import annotations

import dataclasses

import numpy as np
import oracle
import yuv
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

SIDES = st.one_of(st.integers(1, 9), st.integers(1, 80))
LEVEL = st.integers(0, 255)


@st.composite
def specs(draw):
    fields = {
        "width": draw(SIDES),
        "height": draw(SIDES),
        "color_mode": draw(st.sampled_from(["rgb", "bgr", "gray"])),
        "resize_mode": draw(st.sampled_from(["stretch", "letterbox", "center-crop"])),
        "crop_rounding": draw(st.sampled_from(["round", "floor"])),
        "interpolation": draw(
            st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos", "box", "area"])
        ),
        "antialias": draw(st.booleans()),
        "exact": draw(st.sampled_from([None, False])),
        "layout": draw(st.sampled_from(["nchw", "nhwc"])),
        "dtype": draw(st.sampled_from(["float32", "float16", "uint8", "int8"])),
        "pad_value": draw(st.none() | LEVEL.map(lambda level: (level,))),
    }
    if fields["resize_mode"] == "center-crop":
        fields["resize_size"] = draw(SIDES)
    if draw(st.booleans()):
        fields["rescale_factor"] = draw(st.sampled_from([1 / 255, 2.0, 1.0]))
        fields["mean"] = (draw(st.floats(-300, 300)),)
        fields["std"] = (draw(st.floats(0.01, 300)),)
    return InputSpec(**fields)


@st.composite
def frames(draw):
    width, height = draw(SIDES), draw(SIDES)
    shape = (height, width, 3) if draw(st.booleans()) else (height, width)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.choice(np.array([0, 255], np.uint8), shape)


@st.composite
def parts(draw, width, height):
    """A region of interest and a rotation of a frame of that size."""
    degrees = draw(st.sampled_from([0, 90, 180, 270]))
    if draw(st.booleans()):
        return {"region_of_interest": None, "rotation_degrees": degrees}
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    region = x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y))
    return {"region_of_interest": region, "rotation_degrees": degrees}


def fitting(spec, height, width):
    """The spec; but bilinear where area would enlarge, for which the oracle has no formula."""
    size = oracle.resized_size(width, height, spec)
    if spec.interpolation == "area" and (size[0] > width or size[1] > height):
        return dataclasses.replace(spec, interpolation="bilinear")
    return spec


def quantization_of(spec, scale, zero_point):
    return Quantization(scale, zero_point + (128 if spec.dtype == "uint8" else 0))


def agree(got, expected, spec, scale, levels=0.05):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    tolerance = tolerance_of(spec, scale, levels)
    np.testing.assert_allclose(
        without_infinity(got), without_infinity(expected), rtol=1.5e-3, atol=tolerance
    )


def without_infinity(tensor):
    """float16 ends at 65504: of two numbers around that, one may be infinite. It counts as 2^16."""
    return np.nan_to_num(tensor.astype(float), posinf=2.0**16, neginf=-(2.0**16), nan=np.nan)


@settings(max_examples=400, deadline=None)
@given(specs(), frames(), st.floats(1e-3, 10), st.integers(-128, 127), st.data())
def test_core_and_oracle_agree(spec, rgb, scale, zero_point, data):
    part = data.draw(parts(rgb.shape[1], rgb.shape[0]))
    seen = yuv.seen(rgb, *part.values())
    spec = fitting(spec, *seen.shape[:2])
    quantization = quantization_of(spec, scale, zero_point)
    got = Preprocessor(spec, quantization, frame_format="rgb")(rgb, **part)
    expected = oracle.tensor(seen, spec, quantization)
    if spec.takes_pillow_bytes or spec.interpolation == "nearest":
        np.testing.assert_array_equal(got, expected)
    else:
        agree(got, expected, spec, scale)


# Of a level: docs/spec.md says 0.1 of noise and photographs, and this of the worst picture.
CONVERTED = 0.15


@settings(max_examples=400, deadline=None)
@given(
    specs(),
    st.sampled_from(yuv.FORMATS),
    st.sampled_from(["bt601", "bt709"]),
    st.sampled_from(["limited", "full"]),
    st.integers(0, 2**32 - 1),
    st.floats(1e-3, 10),
    st.integers(-128, 127),
    st.data(),
)
def test_yuv_and_oracle_agree(spec, format, matrix, range_, seed, scale, zero_point, data):
    width, height = data.draw(SIDES), data.draw(SIDES)
    part = data.draw(parts(width, height))
    samples = yuv.random_samples(np.random.default_rng(seed), format, width, height)
    spec = fitting(spec, *yuv.seen(samples.y, *part.values()).shape)
    encoding = {"color_matrix": matrix, "color_range": range_}
    padding = data.draw(st.sampled_from([(0, 0, 0), (3, 1, 2), (64, 64, 64)]))
    buffer, strides = yuv.flat(yuv.planes(samples, format), padding)
    frame = Frame(buffer, format, width=width, height=height, strides=strides, **encoding)
    quantization = quantization_of(spec, scale, zero_point)
    got = Preprocessor(spec, quantization)(frame, **part)
    levels = yuv.levels(samples, spec, matrix, range_, *part.values())
    agree(got, oracle.tensor_of(levels, spec, quantization), spec, scale, CONVERTED)


@settings(max_examples=200, deadline=None)
@given(
    specs(),
    st.tuples(st.integers(-1000, 30000), st.integers(31000, 70000), st.booleans()),
    st.integers(0, 2**32 - 1),
    st.floats(1e-3, 10),
    st.integers(-128, 127),
    st.data(),
)
def test_gray16_and_oracle_agree(spec, window, seed, scale, zero_point, data):
    width, height = data.draw(SIDES), data.draw(SIDES)
    part = data.draw(parts(width, height))
    values = np.random.default_rng(seed).integers(0, 65536, (height, width), dtype=np.uint16)
    spec = fitting(spec, *yuv.seen(values, *part.values()).shape)
    low, high, negative = window
    ends = (float(high), float(low)) if negative else (float(low), float(high))
    quantization = quantization_of(spec, scale, zero_point)
    got = Preprocessor(spec, quantization)(Frame(values, "gray16", window=ends), **part)
    levels = yuv.levels16(values, spec, ends, *part.values())
    agree(got, oracle.tensor_of(levels, spec, quantization), spec, scale, CONVERTED)


def tolerance_of(spec, scale, levels):
    """`levels` in the tensor's units; for codes one more, where a half may tip."""
    per_level = abs(spec.rescale_factor) / (spec.std[0] if spec.std else 1.0)
    if spec.dtype in ("float32", "float16"):
        return levels * per_level
    if not spec.normalised:
        return 1
    return 1 + levels * max(per_level / scale, 1)

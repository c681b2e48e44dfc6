"""Any spec, any frame: Hypothesis looks for the one that the core and the oracle disagree on."""

from __future__ import annotations

import numpy as np
import oracle
from hypothesis import given, settings
from hypothesis import strategies as st

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
            st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos", "box"])
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


@settings(max_examples=400, deadline=None)
@given(specs(), frames(), st.floats(1e-3, 10), st.integers(-128, 127))
def test_core_and_oracle_agree(spec, rgb, scale, zero_point):
    quantization = Quantization(scale, zero_point + (128 if spec.dtype == "uint8" else 0))
    got = Preprocessor(spec, quantization, frame_format="rgb")(rgb)
    expected = oracle.tensor(rgb, spec, quantization)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    if spec.takes_pillow_bytes or spec.interpolation == "nearest":
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_allclose(
            got.astype(float), expected.astype(float), rtol=1.5e-3, atol=tolerance(spec, scale)
        )


def tolerance(spec, scale):
    """0.05 of a level in the tensor's units; for codes one more, where a half may tip."""
    per_level = abs(spec.rescale_factor) / (spec.std[0] if spec.std else 1.0)
    if spec.dtype in ("float32", "float16"):
        return 0.05 * per_level
    if not spec.normalised:
        return 1
    return 1 + 0.05 * max(per_level / scale, 1)

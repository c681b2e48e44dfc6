"""YUV and 16-bit frames: float64 says what is right, other libraries that it is what they mean."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import yuv
from PIL import Image

from edgeclf.errors import SpecMismatch
from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

TOLERANCE = 0.1  # of a level
FILTERS = ["nearest", "bilinear", "bicubic", "lanczos", "box", "area"]


def side(rng):
    return int(rng.integers(1, 10) if rng.random() < 0.4 else rng.integers(1, 90))


def random_region(rng, width, height):
    if rng.random() < 0.3:
        return None
    x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
    return x, y, int(rng.integers(1, width - x + 1)), int(rng.integers(1, height - y + 1))


def random_spec(rng, width, height):
    """For a picture of that size; OpenCV's area is a mean only where both sides shrink."""
    fields = {
        "width": side(rng),
        "height": side(rng),
        "color_mode": str(rng.choice(["rgb", "bgr", "gray"])),
        "resize_mode": str(rng.choice(["stretch", "letterbox", "center-crop"])),
        "interpolation": str(rng.choice(FILTERS)),
        "antialias": bool(rng.integers(2)),
        "exact": [None, False][rng.integers(2)],
        "layout": "nhwc",
    }
    if fields["resize_mode"] == "center-crop":
        fields["resize_size"] = side(rng)
    spec = InputSpec(**fields)
    size = oracle.resized_size(width, height, spec)
    if spec.interpolation == "area" and (size[0] > width or size[1] > height):
        spec = InputSpec(**{**fields, "interpolation": "bilinear"})
    return spec


def random_frame(rng, samples, format, **encoding):
    """The samples in one of the ways that a Frame takes them."""
    rows = yuv.planes(samples, format)
    height, width = samples.y.shape
    even = width % 2 == 0 and (height % 2 == 0 or format in yuv.FORMATS_422)
    way = rng.choice(["flat", "padded", "parts", "padded parts"] + ["array"] * even)
    size = {"width": width, "height": height}
    if way == "array":
        array = np.frombuffer(yuv.flat(rows, (0, 0, 0))[0], np.uint8)
        shape = (height, width, 2) if format in yuv.FORMATS_422 else (height * 3 // 2, width)
        return Frame(array.reshape(shape), format, **encoding)
    padding = [int(n) for n in rng.integers(0, 20, 3)] if "padded" in way else (0, 0, 0)
    if way == "parts" and format not in yuv.FORMATS_422:
        return Frame(rows, format, **encoding)
    buffer, strides = yuv.flat(rows, padding)
    if way != "padded parts":
        return Frame(buffer, format, strides=strides, **size, **encoding)
    parts = [yuv.flat([row], [extra])[0] for row, extra in zip(rows, padding)]
    return Frame(parts, format, strides=strides, **size, **encoding)


def run(frame, spec, region, degrees):
    return Preprocessor(spec)(frame, region_of_interest=region, rotation_degrees=degrees)[0]


@pytest.mark.parametrize("format", yuv.FORMATS)
@pytest.mark.parametrize("seed", range(100))
def test_random_yuv_frames(format, seed):
    rng = np.random.default_rng([seed, yuv.FORMATS.index(format)])
    width, height = side(rng), side(rng)
    samples = yuv.random_samples(rng, format, width, height)
    region, degrees = random_region(rng, width, height), int(rng.integers(4)) * 90
    encoding = {
        "color_matrix": str(rng.choice(["bt601", "bt709"])),
        "color_range": str(rng.choice(["limited", "full"])),
    }
    w, h = (region or (0, 0, width, height))[2:]
    spec = random_spec(rng, *((w, h) if degrees % 180 == 0 else (h, w)))
    got = run(random_frame(rng, samples, format, **encoding), spec, region, degrees)
    expected = yuv.levels(samples, spec, **encoding, region=region, degrees=degrees)
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(100))
def test_random_gray16_frames(seed):
    rng = np.random.default_rng([seed, 16])
    width, height = side(rng), side(rng)
    values = rng.integers(0, 65536, (height, width), dtype=np.uint16)
    window = tuple(float(end) for end in rng.integers(-1000, 70000, 2))
    if abs(window[0] - window[1]) < 256:
        window = (0, 65535)
    region, degrees = random_region(rng, width, height), int(rng.integers(4)) * 90
    w, h = (region or (0, 0, width, height))[2:]
    spec = random_spec(rng, *((w, h) if degrees % 180 == 0 else (h, w)))
    padded = np.zeros((height, width + 3), np.uint16)
    padded[:, :width] = values
    ways = [
        Frame(values, "gray16", window=window),
        Frame(padded[:, :width], "gray16", window=window),
        Frame(values.tobytes(), "gray16", width=width, height=height, window=window),
        Frame(padded.tobytes(), "gray16", width=width, height=height, window=window,
              strides=(width * 2 + 6,)),
    ]  # fmt: skip
    got = run(ways[seed % 4], spec, region, degrees)
    expected = yuv.levels16(values, spec, window, region, degrees)
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE)


def smooth(width, height):
    """Soft waves of all three samples, well inside what RGB can show."""
    y, x = np.mgrid[0:height, 0:width]
    luma = 120 + 60 * np.sin(x / 31) * np.cos(y / 23)
    chroma = [128 + 25 * np.sin(x / 47 + turn) * np.sin(y / 41) for turn in (0.0, 1.5)]
    return luma.round().astype(np.uint8), [c.round().astype(np.uint8) for c in chroma]


def smooth_samples(width, height, format):
    y, (u, v) = smooth(width, height)
    down = 2 if format in yuv.FORMATS_420 else 1
    return yuv.Samples(y, u[::down, ::2], v[::down, ::2])


@pytest.mark.parametrize("format", yuv.FORMATS)
def test_opencv_means_the_same(format):
    cv2 = pytest.importorskip("cv2")
    samples = smooth_samples(320, 240, format)
    array = np.frombuffer(yuv.flat(yuv.planes(samples, format), (0, 0, 0))[0], np.uint8)
    shape = (240, 320, 2) if format in yuv.FORMATS_422 else (360, 320)
    code = {"yuyv": "YUY2"}.get(format, format.upper())
    rgb = cv2.cvtColor(array.reshape(shape), getattr(cv2, f"COLOR_YUV2RGB_{code}"))
    frame = Frame(array.reshape(shape), format)
    same_size = Preprocessor(InputSpec(320, 240, layout="nhwc"))(frame)[0]
    assert np.abs(same_size - rgb).max() < 1.1  # OpenCV rounds to whole levels
    spec = InputSpec(64, 48, layout="nhwc", exact=False)
    smaller = oracle.float_resize(rgb, 64, 48, spec)
    assert np.abs(Preprocessor(spec)(frame)[0] - smaller).mean() < 0.3


def test_pillow_means_the_same_by_full_range_bt601():
    samples = smooth_samples(64, 48, "i420")
    whole = np.stack(yuv.repeated(samples), axis=-1)
    rgb = np.asarray(Image.fromarray(whole, "YCbCr").convert("RGB")).astype(int)
    frame = Frame(yuv.planes(samples, "i420"), "i420", color_range="full")
    got = Preprocessor(InputSpec(64, 48, layout="nhwc"))(frame)[0]
    assert np.abs(got - rgb).max() < 1.1


# 100 % colour bars as 8-bit codes, from the standards' formulas, rounded.
BARS = {
    ("bt601", (255, 0, 0)): (81, 90, 240),
    ("bt601", (0, 255, 0)): (145, 54, 34),
    ("bt601", (0, 0, 255)): (41, 240, 110),
    ("bt709", (255, 0, 0)): (63, 102, 240),
    ("bt709", (0, 255, 0)): (173, 42, 26),
    ("bt709", (0, 0, 255)): (32, 240, 118),
}


@pytest.mark.parametrize(("matrix", "rgb"), BARS)
def test_colour_bars(matrix, rgb):
    y, u, v = (np.full((2, 2), code, np.uint8) for code in BARS[matrix, rgb])
    frame = Frame([y, u[:1, :1], v[:1, :1]], "i420", color_matrix=matrix)
    got = Preprocessor(InputSpec(2, 2, layout="nhwc"))(frame)[0]
    np.testing.assert_allclose(got, np.broadcast_to(rgb, (2, 2, 3)), atol=2)


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int8"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("color_mode", ["rgb", "gray"])
def test_every_tensor(dtype, layout, color_mode):
    samples = smooth_samples(90, 70, "nv12")
    quantization = Quantization(1 / 64, 3)
    fields = {"mean": 127.5, "std": 127.5, "layout": layout, "color_mode": color_mode}
    spec = InputSpec(40, 30, dtype=dtype, **fields)
    frame = Frame(yuv.planes(samples, "nv12"), "nv12")
    got = Preprocessor(spec, quantization)(frame).astype(float)
    real = oracle.real_tensor(yuv.levels(samples, spec), spec)
    if dtype != "float16":
        limits = np.iinfo(dtype)
        real = np.clip(np.rint(real * 64) + 3, limits.min, limits.max)
    if layout == "nchw":
        real = np.moveaxis(real, -1, 0)
    np.testing.assert_allclose(got[0], real, atol=2e-3 if dtype == "float16" else 1)


@pytest.mark.parametrize("format", [*yuv.FORMATS, "gray16"])
def test_pillows_bytes_cannot_be_had(format):
    if format == "gray16":
        frame = Frame(np.zeros((4, 4), np.uint16), format, window=(0, 4095))
    else:
        frame = Frame(bytes(64), format, width=4, height=4)
    with pytest.raises(SpecMismatch, match=f"no {format} frames"):
        Preprocessor(InputSpec(2, 2, exact=True))(frame)


def test_a_wide_tensor_is_made_in_strips():
    rng = np.random.default_rng(5)
    samples = yuv.random_samples(rng, "nv12", 61, 3001)
    spec = InputSpec(1900, 4, layout="nhwc", interpolation="lanczos")
    frame = Frame(yuv.planes(samples, "nv12"), "nv12")
    expected = yuv.levels(samples, spec)
    np.testing.assert_allclose(run(frame, spec, None, 0), expected, rtol=0, atol=TOLERANCE)

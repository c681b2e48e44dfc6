"""The CUDA kernel on random frames and specs: Pillow's bytes where the host has them, float64's
levels where it has not. 700 cases; the kernel runs on the host, thread after thread, and with
`-m gpu` on the device."""

from __future__ import annotations

import any_device
import host_kernel
import numpy as np
import oracle
import pytest
import yuv

from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

FILTERS = ["nearest", "bilinear", "bicubic", "lanczos", "box", "area"]
PACKED = {"bgr": 3, "rgb": 3, "bgra": 4, "rgba": 4, "gray": 1}
TIES = 255 * (1 + 2**-11)  # level 1 lies between two float16
LEVEL = 0.01  # how far from float64 a level may be
FIXED = 0.05  # how far the host's fixed point may be from it
FIXED_YUV = 0.1  # ... after its samples were converted


@pytest.fixture(params=["host", any_device.ON_GPU])
def tensor(request):
    """(frame, spec, quantization, region, degrees) -> the kernel's tensor."""
    if request.param == "host":
        return host_kernel.tensor
    return any_device.KernelOnDevice(any_device.real_cuda()).tensor


def side(rng):
    return int(rng.integers(1, 10) if rng.random() < 0.4 else rng.integers(1, 90))


def random_spec(rng, **fixed):
    fields = {
        "width": side(rng),
        "height": side(rng),
        "color_mode": str(rng.choice(["rgb", "bgr", "gray"])),
        "resize_mode": str(rng.choice(["stretch", "letterbox", "center-crop"])),
        "crop_rounding": str(rng.choice(["round", "floor"])),
        "interpolation": str(rng.choice(FILTERS)),
        "antialias": bool(rng.integers(2)),
        "layout": str(rng.choice(["nchw", "nhwc"])),
        "dtype": str(rng.choice(["float32", "float16", "uint8", "int8"])),
        "pad_value": [None, (int(rng.integers(256)),)][rng.integers(2)],
        "exact": [None, False][rng.integers(2)],
    }
    if rng.random() < 0.5:
        fields["rescale_factor"] = float(rng.choice([1 / 255, 1.0, 2.0]))
        channels = 1 if fields["color_mode"] == "gray" else 3
        fields["mean"] = tuple(float(v) for v in rng.uniform(-300, 300, channels))
        fields["std"] = tuple(float(v) for v in rng.uniform(0.1, 300, channels))
    fields.update(fixed)
    if fields["resize_mode"] == "center-crop":
        fields["resize_size"] = side(rng)
    return InputSpec(**fields)


def random_quantization(rng, spec):
    zero_point = int(rng.integers(-128, 128)) + (128 if spec.dtype == "uint8" else 0)
    return Quantization(float(rng.uniform(1e-3, 4)), zero_point)


def random_part(rng, width, height):
    degrees = int(rng.integers(4)) * 90
    if rng.random() < 0.4:
        return None, degrees
    x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
    return (
        x,
        y,
        int(rng.integers(1, width - x + 1)),
        int(rng.integers(1, height - y + 1)),
    ), degrees


def strided(rng, pixels):
    """The same pixels in another way to lie in memory."""
    way = rng.integers(5)
    if way == 1:
        return np.ascontiguousarray(pixels[::-1, ::-1])[::-1, ::-1]
    if way == 2:
        return np.asfortranarray(pixels)
    if way == 3:
        wide = np.zeros((pixels.shape[0], pixels.shape[1] * 7, *pixels.shape[2:]), np.uint8)
        wide[:, ::7] = pixels
        return wide[:, ::7]
    if way == 4 and pixels.ndim == 3:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(pixels, -1, 0)), 0, -1)
    return pixels


def within(got, expected, spec, quantization, level):
    """`level` in the tensor's units; codes may differ by one where a half tips."""
    std = np.array(spec.std or (1.0,)).min()
    unit = abs(spec.rescale_factor) / std
    if spec.dtype in ("float32", "float16"):
        relative = 1e-6 if spec.dtype == "float32" else 1.5e-3
        bound = level * unit + relative * 300 * (unit if spec.dtype == "float32" else 0)
        np.testing.assert_allclose(
            got.astype(float), expected.astype(float), rtol=relative, atol=bound
        )
        return
    unit = unit / quantization.scale if spec.normalised else 1.0
    distance = np.abs(got.astype(int) - expected.astype(int))
    assert distance.max() <= 1 + level * unit


@pytest.mark.parametrize("seed", range(300))
def test_packed_frames(tensor, seed):
    rng = np.random.default_rng([seed, 1])
    spec = random_spec(rng)
    quantization = random_quantization(rng, spec)
    format = str(rng.choice(list(PACKED)))
    shape = (side(rng), side(rng)) + ((PACKED[format],) if PACKED[format] > 1 else ())
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    if rng.random() < 0.3:
        pixels = rng.choice(np.array([0, 255], np.uint8), shape)
    frame = Frame(strided(rng, pixels), format)
    region, degrees = random_part(rng, frame.width, frame.height)
    got = tensor(frame, spec, quantization, region, degrees)
    expected = Preprocessor(spec, quantization)(
        frame, region_of_interest=region, rotation_degrees=degrees
    )
    if spec.takes_pillow_bytes or spec.interpolation == "nearest":
        assert got.tobytes() == expected.tobytes()
    else:
        within(got, expected, spec, quantization, LEVEL + (FIXED if spec.exact is False else 0))


def as_tensor(levels, spec):
    return np.moveaxis(levels, -1, 0)[None] if spec.layout == "nchw" else levels[None]


@pytest.mark.parametrize("format", yuv.FORMATS)
@pytest.mark.parametrize("seed", range(40))
def test_yuv_frames(tensor, seed, format):
    rng = np.random.default_rng([seed, 2, yuv.FORMATS.index(format)])
    width, height = side(rng), side(rng)
    samples = yuv.random_samples(rng, format, width, height)
    buffer, strides = yuv.flat(yuv.planes(samples, format), [int(n) for n in rng.integers(0, 9, 3)])
    how = {"color_matrix": str(rng.choice(["bt601", "bt709"])),
           "color_range": str(rng.choice(["limited", "full"]))}  # fmt: skip
    frame = Frame(buffer, format, width=width, height=height, strides=strides, **how)
    region, degrees = random_part(rng, width, height)
    spec = random_spec(rng)
    quantization = random_quantization(rng, spec)
    got = tensor(frame, spec, quantization, region, degrees)
    host = Preprocessor(spec, quantization)(
        frame, region_of_interest=region, rotation_degrees=degrees
    )
    within(got, host, spec, quantization, LEVEL + FIXED_YUV)
    # And float64, which knows nothing of the host's tables.
    plain = random_spec(rng, dtype="float32", layout="nhwc", **levels_alone(spec))
    got = tensor(frame, plain, None, region, degrees)
    part = region or (0, 0, width, height)
    seen = part[2:] if degrees % 180 == 0 else part[:1:-1]
    size = oracle.resized_size(*seen, plain)
    if plain.interpolation != "area" or (size[0] <= seen[0] and size[1] <= seen[1]):
        expected = yuv.levels(samples, plain, **how, region=region, degrees=degrees)
        np.testing.assert_allclose(got[0], expected, rtol=0, atol=LEVEL)


def levels_alone(spec):
    return {"rescale_factor": 1.0, "mean": None, "std": None, "color_mode": spec.color_mode}


@pytest.mark.parametrize("seed", range(160))
def test_gray16_frames(tensor, seed):
    rng = np.random.default_rng([seed, 3])
    values = rng.integers(0, 65536, (side(rng), side(rng)), dtype=np.uint16)
    low, width = float(rng.uniform(0, 60000)), float(np.exp(rng.uniform(0, np.log(65535))))
    window = (low, low + float(rng.choice([-1, 1])) * width)
    frame = Frame(strided_words(rng, values), "gray16", window=window)
    region, degrees = random_part(rng, frame.width, frame.height)
    spec = random_spec(rng)
    quantization = random_quantization(rng, spec)
    got = tensor(frame, spec, quantization, region, degrees)
    expected = Preprocessor(spec, quantization)(
        frame, region_of_interest=region, rotation_degrees=degrees
    )
    within(got, expected, spec, quantization, max(LEVEL, 10 / width))


def strided_words(rng, values):
    return (
        np.ascontiguousarray(values[::-1])[::-1] if rng.integers(2) else np.asfortranarray(values)
    )


@pytest.mark.parametrize("value", [0.0, 1e-8, 3e-8, 6e-5, 1e-3, 1.0, 65519.9, 65520.0, 1e6, TIES])
@pytest.mark.parametrize("sign", [1, -1])
def test_float16_is_numpys(tensor, value, sign):
    """Levels 0..255 as float16 through the formula, not the table: YUV."""
    y = np.arange(256, dtype=np.uint8).reshape(16, 16)
    neutral = np.full((8, 8), 128, np.uint8)
    frame = Frame([y, neutral, neutral], "i420", width=16, height=16, color_range="full")
    spec = InputSpec(width=16, height=16, color_mode="gray", dtype="float16", layout="nhwc",
                     rescale_factor=sign * max(value, 1e-30) / 255, std=(1.0,))  # fmt: skip
    got = tensor(frame, spec)[0, :, :, 0]
    gain = np.float32(spec.rescale_factor)
    with np.errstate(over="ignore"):
        expected = (y.astype(np.float32) * gain).astype(np.float16)
    np.testing.assert_array_equal(got.view(np.uint16), expected.view(np.uint16))


@pytest.mark.parametrize("turned", [False, True])
def test_sums_of_very_many_taps_do_not_drift(tensor, turned):
    pixels = np.full((3, 62241), 255, np.uint8)  # every addition rounds to the same side
    spec = InputSpec(width=1, height=1, color_mode="gray", interpolation="area")
    got = tensor(Frame(pixels.T if turned else pixels, "gray"), spec)
    np.testing.assert_allclose(got.ravel(), [pixels.mean()], rtol=0, atol=LEVEL)

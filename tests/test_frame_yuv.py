"""YUV and 16-bit frames: each way to hand them over is the same view; faults say what to do."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import yuv

from edgeclf.errors import FrameError
from edgeclf.frame import FORMATS, Frame

ODD = {"width": 7, "height": 5}


def samples_of(format, width=7, height=5):
    return yuv.random_samples(np.random.default_rng(3), format, width, height)


def check_planes(frame, format, samples):
    """The frame's planes have the samples, byte for byte."""
    expected = yuv.planes(samples, format)
    assert len(frame.data) == len(expected)
    for plane, rows in zip(frame.data, expected):
        np.testing.assert_array_equal(plane.reshape(plane.shape[0], -1), rows)
    assert (frame.height, frame.width) == samples.y.shape
    assert frame.format == format


@pytest.mark.parametrize("format", yuv.FORMATS)
@pytest.mark.parametrize("padding", [(0, 0, 0), (5, 9, 2)])
def test_a_flat_buffer(format, padding):
    samples = samples_of(format)
    buffer, strides = yuv.flat(yuv.planes(samples, format), padding)
    check_planes(Frame(buffer, format, strides=strides, **ODD), format, samples)
    if padding == (0, 0, 0):
        for same in (buffer, bytearray(buffer), memoryview(buffer), np.frombuffer(buffer, "u1")):
            check_planes(Frame(same, format, **ODD), format, samples)


# Luma's rows are 12 bytes apart: chroma's as many where U and V share a plane, else half as many.
@pytest.mark.parametrize(
    ("format", "padding"),
    [("nv12", (5, 4, 0)), ("nv21", (5, 4, 0)), ("i420", (5, 2, 2)), ("yv12", (5, 2, 2))],
)
def test_one_stride_for_all_planes(format, padding):
    samples = samples_of(format)
    buffer, _ = yuv.flat(yuv.planes(samples, format), padding)
    check_planes(Frame(buffer, format, strides=(12,), **ODD), format, samples)


@pytest.mark.parametrize("format", yuv.FORMATS)
def test_opencvs_array(format):
    samples = samples_of(format, 8, 6)
    flat = np.frombuffer(yuv.flat(yuv.planes(samples, format), (0, 0, 0))[0], np.uint8)
    array = flat.reshape((6, 8, 2) if format in yuv.FORMATS_422 else (9, 8))
    frame = Frame(array, format)
    check_planes(frame, format, samples)
    assert all(np.shares_memory(plane, array) for plane in frame.data)


@pytest.mark.parametrize("format", yuv.FORMATS_420)
def test_planes_apart(format):
    samples = samples_of(format)
    rows = yuv.planes(samples, format)
    frame = Frame(rows, format)
    check_planes(frame, format, samples)
    assert all(np.shares_memory(*pair) for pair in zip(frame.data, rows))
    strided = [np.repeat(plane, 2, axis=0)[::2] for plane in rows]
    check_planes(Frame(tuple(strided), format), format, samples)
    check_planes(Frame([plane.tobytes() for plane in rows], format, **ODD), format, samples)


def test_uv_may_have_an_axis_of_its_own():
    samples = samples_of("nv12")
    y, uv = yuv.planes(samples, "nv12")
    check_planes(Frame([y, uv.reshape(3, 4, 2)], "nv12"), "nv12", samples)


def test_rows_of_an_array_may_be_padded_where_chroma_keeps_to_rows():
    samples = samples_of("nv12", 8, 6)
    padded = np.zeros((9, 20), np.uint8)
    padded[:, :8] = np.concatenate(yuv.planes(samples, "nv12"))
    check_planes(Frame(padded[:, :8], "nv12"), "nv12", samples)
    with pytest.raises(FrameError, match="planes apart"):
        Frame(padded[:, :8], "i420")


def test_how_a_frame_was_made():
    frame = Frame(bytes(59), "nv12", timestamp_ns=7, **ODD)
    made = (frame.color_matrix, frame.color_range, frame.window, frame.timestamp_ns)
    assert made == ("bt601", "limited", None, 7)
    frame = Frame(bytes(59), "nv12", color_matrix="bt709", color_range="full", **ODD)
    assert (frame.color_matrix, frame.color_range) == ("bt709", "full")
    packed = Frame(np.zeros((4, 4, 3), np.uint8))
    assert (packed.color_matrix, packed.color_range, packed.window) == (None, None, None)


def zeros(*shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


BAD_YUV = {
    "one byte too few": (bytes(58), "nv12", ODD, "needs 59 bytes, got 58"),
    "padded, too few": (bytes(112), "nv12", {**ODD, "strides": (16, 16)}, "needs 120 bytes"),
    "third plane too few": (bytes(52), "i420", {**ODD, "height": 5}, "needs 59 bytes, got 52"),
    "interleaved, too few": (bytes(79), "yuyv", ODD, "needs 80 bytes, got 79"),
    "no size": (bytes(59), "nv12", {}, "width="),
    "no height": (bytes(59), "nv12", {"width": 7}, "width="),
    "size 0": (bytes(59), "nv12", {"width": 7, "height": 0}, "7x0"),
    "huge": (bytes(59), "nv12", {"width": 2**40, "height": 2**40}, "65535"),
    "no number": (bytes(59), "nv12", {"width": "7", "height": 5}, "width: expected a whole"),
    "luma stride": (bytes(999), "nv12", {**ODD, "strides": (6, 8)}, r"at least \(7, 8\)"),
    "chroma stride": (bytes(999), "nv12", {**ODD, "strides": (8, 7)}, r"at least \(7, 8\)"),
    "negative": (bytes(999), "nv12", {**ODD, "strides": (-8, -8)}, "strides"),
    "strides missing": (bytes(999), "i420", {**ODD, "strides": (8, 4)}, r"at least \(7, 4, 4\)"),
    "strides left over": (bytes(999), "yuyv", {**ODD, "strides": (16, 8)}, r"at least \(16,\)"),
    "no strides": (bytes(999), "yuyv", {**ODD, "strides": 16}, "tuple of whole numbers"),
    "dtype": (zeros(9, 8, dtype=np.float32), "nv12", {}, "expected uint8 bytes, got float32"),
    "flat dtype": (zeros(59, dtype=np.int16), "nv12", ODD, "expected bytes, got int16"),
    "rows no 3/2": (zeros(10, 8), "nv12", {}, r"\(H \* 3/2\) x W.*got 10x8"),
    "odd width": (zeros(9, 7), "i420", {}, "flat buffer with width="),
    "three axes": (zeros(9, 8, 3), "nv12", {}, "got 9x8x3"),
    "no rows": (zeros(0, 8), "nv12", {}, "8x0"),
    "no pairs": (zeros(4, 4, 3), "yuyv", {}, "HxWx2.*got 4x4x3"),
    "odd yuyv": (zeros(4, 5, 2), "uyvy", {}, "flat buffer with width="),
    "array and size": (zeros(9, 8), "nv12", {"width": 8, "height": 6}, "an array has its own"),
    "too few planes": ([zeros(4, 4), zeros(2, 2)], "i420", {}, "expected 3 planes, got 2"),
    "too many planes": ([zeros(4, 4)] * 3, "nv12", {}, "expected 2 planes, got 3"),
    "chroma size": ([zeros(5, 7), zeros(2, 8)], "nv12", {}, "plane 1: expected 3x4x2.*got 2x8"),
    "u size": ([zeros(5, 7), zeros(3, 3), zeros(3, 4)], "yv12", {}, "plane 1: expected 3x4"),
    "v dtype": ([zeros(4, 4), zeros(2, 2), zeros(2, 2, dtype=bool)], "i420", {}, "uint8"),
    "planes without size": ([bytes(35), bytes(24)], "nv12", {}, "width="),
    "short plane": ([bytes(35), bytes(23)], "nv12", ODD, "plane 1.*needs 24 bytes, got 23"),
    "parts and strides": ([zeros(4, 4), zeros(2, 4)], "nv12", {"strides": (4, 4)}, "its own"),
    "no planes": ([object(), object()], "nv12", ODD, "buffer of bytes"),
    "empty": ([], "nv12", {}, "expected 2 planes, got 0"),
    "matrix": (bytes(59), "nv12", {**ODD, "color_matrix": "bt2020"}, "'bt601' or 'bt709'"),
    "range": (bytes(59), "nv12", {**ODD, "color_range": "pc"}, "'limited' or 'full'"),
    "matrix of rgb": (zeros(4, 4, 3), "rgb", {"color_matrix": "bt601"}, "YUV formats only"),
    "window of yuv": (bytes(59), "nv12", {**ODD, "window": (0, 255)}, "'gray16' only"),
}


@pytest.mark.parametrize("name", sorted(BAD_YUV))
def test_yuv_that_cannot_be(name):
    data, format, options, message = BAD_YUV[name]
    with pytest.raises(FrameError, match=message):
        Frame(data, format, **options)


SWAPPED = ">u2" if sys.byteorder == "little" else "<u2"
GRAY16 = {"window": (0, 4095)}
BAD_GRAY16 = {
    "no window": (zeros(4, 4, dtype=np.uint16), {}, r"window=\(0, 65535\)"),
    "one end": (zeros(4, 4, dtype=np.uint16), {"window": (5,)}, "two numbers"),
    "no width": (zeros(4, 4, dtype=np.uint16), {"window": (5, 5)}, "at least 1 apart"),
    "no number": (zeros(4, 4, dtype=np.uint16), {"window": (0, float("nan"))}, "two numbers"),
    "infinite": (zeros(4, 4, dtype=np.uint16), {"window": (0, float("inf"))}, "two numbers"),
    "text": (zeros(4, 4, dtype=np.uint16), {"window": "low"}, "two numbers"),
    "8 bit": (zeros(4, 4), GRAY16, "uint16 pixels"),
    "signed": (zeros(4, 4, dtype=np.int16), GRAY16, "uint16 pixels"),
    "byte order": (zeros(4, 4, dtype=SWAPPED), GRAY16, "native byte order"),
    "colour": (zeros(4, 4, 3, dtype=np.uint16), GRAY16, "expected HxW for 'gray16', got 4x4x3"),
    "too few": (bytes(69), {**GRAY16, **ODD}, "needs 70 bytes, got 69"),
    "flat dtype": (zeros(70, dtype=np.float32), {**GRAY16, **ODD}, "expected bytes"),
    "stride": (bytes(99), {**GRAY16, **ODD, "strides": (13,)}, "at least 14"),
    "matrix": (zeros(4, 4, dtype=np.uint16), {**GRAY16, "color_matrix": "bt601"}, "YUV"),
}


@pytest.mark.parametrize("name", sorted(BAD_GRAY16))
def test_gray16_that_cannot_be(name):
    data, options, message = BAD_GRAY16[name]
    with pytest.raises(FrameError, match=message):
        Frame(data, "gray16", **options)


def test_gray16_in_every_way():
    values = np.arange(35, dtype=np.uint16).reshape(5, 7) * 1000
    padded = np.zeros((5, 15), np.uint8)
    padded[:, :14] = values.view(np.uint8)
    ways = [
        Frame(values, "gray16", window=(0, 4095)),
        Frame(values[:, :, np.newaxis], "gray16", window=(0, 4095)),
        Frame(values.reshape(-1), "gray16", window=(0, 4095), **ODD),
        Frame(values.tobytes(), "gray16", window=[0, 4095], **ODD),
        Frame(padded.tobytes(), "gray16", window=(0, 4095), strides=(15,), **ODD),
    ]
    for frame in ways:
        np.testing.assert_array_equal(frame.data, values)
        assert (frame.width, frame.height, frame.window) == (7, 5, (0.0, 4095.0))


def test_the_error_for_an_unknown_format_names_all():
    with pytest.raises(FrameError, match="nv12, nv21, i420, yv12, yuyv, uyvy, gray16"):
        Frame(bytes(10), "nv16", width=2, height=2)
    assert len(FORMATS) == len(set(FORMATS)) == 12

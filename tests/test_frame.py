"""Anything frame-like becomes the same pixels, and what cannot be a frame says why."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from edgeclf.errors import DecodeError, FrameError
from edgeclf.frame import Frame, as_frame


def pixels(height=5, width=7, channels=3):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_arrays_are_viewed_not_copied():
    array = pixels()
    frame = as_frame(array)
    assert frame.data is array
    assert (frame.width, frame.height, frame.format) == (7, 5, "bgr")


@pytest.mark.parametrize(
    ("shape", "frame_format", "expected"),
    [
        ((5, 7), "bgr", "gray"),
        ((5, 7, 1), "rgb", "gray"),
        ((5, 7, 3), "bgr", "bgr"),
        ((5, 7, 3), "rgb", "rgb"),
        ((5, 7, 4), "bgr", "bgra"),
        ((5, 7, 4), "rgb", "rgba"),
    ],
)
def test_the_shape_tells_the_format(shape, frame_format, expected):
    frame = as_frame(np.zeros(shape, np.uint8), frame_format)
    assert frame.format == expected
    assert frame.data.shape[:2] == (5, 7)


class Wrapped:
    """Only `__array__`: what many camera libraries hand out."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class Capsule:
    """Only DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_other_libraries_arrays():
    array = pixels()
    np.testing.assert_array_equal(as_frame(Wrapped(array)).data, array)
    if hasattr(np, "from_dlpack"):
        np.testing.assert_array_equal(as_frame(Capsule(array)).data, array)


def test_pil_images():
    array = pixels()
    frame = as_frame(Image.fromarray(array))
    assert frame.format == "rgb"
    np.testing.assert_array_equal(frame.data, array)


def test_flat_buffer_with_padded_rows():
    array = pixels()
    padded = np.zeros((5, 32), np.uint8)
    padded[:, :21] = array.reshape(5, 21)
    frame = Frame(padded.tobytes(), "rgb", width=7, height=5, strides=(32,))
    np.testing.assert_array_equal(frame.data, array)
    exact = padded.tobytes()[: 32 * 4 + 21]
    np.testing.assert_array_equal(Frame(exact, "rgb", width=7, height=5, strides=(32,)).data, array)
    with pytest.raises(FrameError, match="needs 149 bytes, got 148"):
        Frame(exact[:-1], "rgb", width=7, height=5, strides=(32,))


@pytest.mark.parametrize(
    "options",
    [
        {"width": 7},
        {"height": 5},
        {"width": 0, "height": 5},
        {"width": 7, "height": -5},
        {"width": 2**40, "height": 2**40},
        {"width": 7, "height": 5, "strides": (20,)},
        {"width": 7, "height": 5, "strides": (21, 3)},
        {"width": 7, "height": 5, "strides": (-21,)},
    ],
)
def test_flat_buffer_that_cannot_be(options):
    with pytest.raises(FrameError):
        Frame(bytes(105), "rgb", **options)


@pytest.mark.parametrize(
    ("array", "advice"),
    [
        (np.zeros((3, 224, 224), np.uint8), "moveaxis"),
        (np.zeros((1, 224, 224), np.uint8), "moveaxis"),
        (np.zeros((8, 224, 224, 3), np.uint8), "predict_batch"),
        (np.zeros((224, 224, 3), np.float32), "normalises itself"),
        (np.zeros((224, 224), np.uint16), "window"),
        (np.zeros((224, 224), ">u2"), "window"),
        (np.zeros((224, 224, 3), np.int64), "astype"),
        (np.zeros((224, 224, 3), bool), "astype"),
        (np.full((4, 4, 3), np.nan), "float64"),
        (np.zeros((0, 224, 3), np.uint8), "224x0"),
        (np.zeros((224, 0, 3), np.uint8), "0x224"),
        (np.zeros((224, 224, 2), np.uint8), "224x224x2"),
        (np.zeros((1, 70000, 3), np.uint8), "70000x1"),
        (np.zeros((), np.uint8), "a scalar"),
        (np.zeros(9, np.uint8), "width="),
        (np.array([[object()]]), "object"),
    ],
)
def test_arrays_that_are_no_frame(array, advice):
    with pytest.raises(FrameError, match=advice):
        as_frame(array)


@pytest.mark.parametrize("thing", [None, 3, 2.5, object(), {"a": 1}, ["a", "b"]])
def test_things_that_are_no_frame(thing):
    with pytest.raises(FrameError, match="expected a uint8 array"):
        as_frame(thing)


def test_text_is_a_path():
    with pytest.raises(DecodeError, match=r"no_such\.jpg"):
        as_frame("no_such.jpg")


def test_gpu_memory_is_told():
    class OnGpu:
        __cuda_array_interface__ = {"shape": (4, 4, 3), "typestr": "|u1", "data": (0, True)}

    with pytest.raises(FrameError, match="GPU memory"):
        as_frame(OnGpu())


def test_an_object_that_fails_to_give_its_pixels():
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("camera gone")

    with pytest.raises(FrameError, match="camera gone") as caught:
        as_frame(Broken())
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("dtype", [np.float64, np.uint16, np.int8])
def test_flat_buffers_of_other_numbers(dtype):
    with pytest.raises(FrameError, match="expected bytes"):
        Frame(np.zeros(64, dtype), "gray", width=8, height=8)


def test_unknown_format():
    with pytest.raises(FrameError, match="nv99"):
        Frame(pixels(), "nv99")


def test_asking_does_not_import_pil(monkeypatch):
    monkeypatch.delitem(sys.modules, "PIL.Image")
    as_frame(pixels())
    assert "PIL.Image" not in sys.modules

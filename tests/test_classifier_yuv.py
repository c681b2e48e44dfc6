"""The façade takes every format: one picture, one answer; regions, rotations, batches, faults."""

from __future__ import annotations

import numpy as np
import pytest
import yuv

import edgeclf
from edgeclf.backends.fake import FakeBackend
from edgeclf.errors import FrameError, SpecMismatch
from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import TensorInfo

SPEC = {"resize_mode": "stretch", "interpolation": "bilinear", "mean": 0, "std": 1}
# BT.601, limited range: Y, U, V of pure colours.
CODES = {"red": (81, 90, 240), "green": (145, 54, 34), "blue": (41, 240, 110)}


def channel_means(tensor):
    return tensor.reshape(len(tensor), 3, -1).mean(axis=2)


@pytest.fixture
def classifier():
    backend = FakeBackend(
        TensorInfo("image", (4, 3, 8, 8), "float32"),
        [TensorInfo("scores", (4, 3), "float32")],
        channel_means,
    )
    spec = {**SPEC, "activation": "none"}
    return edgeclf.Classifier(spec=spec, labels=tuple(CODES), backend=backend)


def striped(format):
    """17 x 13 pixels: red, but for the five last columns, which are blue."""
    y = np.full((13, 17), CODES["red"][0], np.uint8)
    rows = 7 if format in yuv.FORMATS_420 else 13
    u, v = (np.full((rows, 9), code, np.uint8) for code in CODES["red"][1:])
    y[:, 12:], u[:, 6:], v[:, 6:] = CODES["blue"]
    return Frame(yuv.flat(yuv.planes(yuv.Samples(y, u, v), format), (0, 0, 0))[0], format,
                 width=17, height=13)  # fmt: skip


@pytest.mark.parametrize("format", yuv.FORMATS)
def test_predict(classifier, format):
    frame = striped(format)
    assert classifier.predict(frame).label == "red"
    scores = classifier.predict(frame, region_of_interest=(13, 1, 4, 11), rotation_degrees=90)
    assert scores.label == "blue"
    np.testing.assert_allclose(scores.scores, [0, 0, 255], atol=2)
    scores = classifier.predict(frame, region_of_interest=(11, 3, 1, 5), rotation_degrees=180)
    np.testing.assert_allclose(scores.scores, [255, 0, 0], atol=2)


def test_predict_batch_of_all_formats(classifier):
    frames = [striped(format) for format in yuv.FORMATS]
    frames.append(Frame(np.full((9, 9), 3000, np.uint16), "gray16", window=(1000, 5000)))
    frames.append(np.full((9, 9, 3), 255, np.uint8))
    predictions = classifier.predict_batch(frames)
    assert [p.label for p in predictions[:6]] == ["red"] * 6
    np.testing.assert_allclose(predictions[6].scores, [127.5] * 3, atol=1e-3)
    np.testing.assert_allclose(predictions[7].scores, [255] * 3, atol=1e-3)


def test_a_region_outside_is_refused(classifier):
    for format in yuv.FORMATS:
        with pytest.raises(FrameError, match="inside the 17x13 frame"):
            classifier.predict(striped(format), region_of_interest=(0, 0, 18, 13))


def test_exact_is_a_mismatch():
    preprocessor = Preprocessor(InputSpec(8, 8, exact=True))
    preprocessor(np.zeros((9, 9), np.uint8))
    with pytest.raises(SpecMismatch, match="nv12"):
        preprocessor(striped("nv12"))


def test_one_preprocessor_for_regions_of_every_phase():
    rng = np.random.default_rng(8)
    spec = InputSpec(6, 5, layout="nhwc")
    preprocessor = Preprocessor(spec)
    samples = yuv.random_samples(rng, "nv12", 21, 19)
    frame = Frame(yuv.planes(samples, "nv12"), "nv12")
    for _ in range(2):
        for x, y in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 2), (3, 3)]:
            for degrees in (0, 180):
                region = (x, y, 15, 13)
                got = preprocessor(frame, region_of_interest=region, rotation_degrees=degrees)
                expected = yuv.levels(samples, spec, region=region, degrees=degrees)
                np.testing.assert_allclose(got[0], expected, rtol=0, atol=0.1)
    # Four phases, of rows that lie forwards or backwards in memory: no more plans than these.
    assert preprocessor._core.plans_made == 8


@pytest.mark.parametrize("format", yuv.FORMATS)
def test_out_must_not_overlap_any_plane(format):
    memory = np.zeros(4096, np.uint8)
    preprocessor = Preprocessor(InputSpec(4, 4, dtype="uint8"))
    frame = Frame(memory, format, width=40, height=30)
    used = sum(plane.size for plane in frame.data)
    with pytest.raises(FrameError, match="overlaps"):
        preprocessor(frame, memory[used - 1 : used + 47].reshape(1, 3, 4, 4))
    preprocessor(frame, memory[used : used + 48].reshape(1, 3, 4, 4))


def test_a_frame_changed_behind_our_back_is_checked_again():
    preprocessor = Preprocessor(InputSpec(4, 4))
    frame = striped("nv12")
    y, uv = frame.data
    for planes in [(y,), (y, uv[:-1]), (y[:, :-1], uv), (y, uv.astype(np.float32)), (y, "uv")]:
        frame.data = planes
        with pytest.raises(FrameError, match="nv12"):
            preprocessor(frame)
    frame.data = (y, uv)
    frame.width = 99
    with pytest.raises(FrameError, match="plane 0: expected uint8 bytes of 13x99"):
        preprocessor(frame)
    deep = Frame(np.zeros((4, 4), np.uint16), "gray16", window=(0, 1000))
    deep.window = (5.0, 5.0)
    with pytest.raises(FrameError, match="window"):
        preprocessor(deep)
    deep.data = np.zeros((4, 4), np.uint8)
    with pytest.raises(FrameError, match="uint16"):
        preprocessor(deep)

"""Scores and categories against NumPy's float64."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edgeclf.errors import ArgumentError, InferenceError, SpecMismatch
from edgeclf.postprocess import Postprocessor
from edgeclf.spec import OutputSpec, ScoreCalibration
from edgeclf.types import Category, Quantization, TensorInfo


def raw_info(dtype="float32", quantization=None):
    return TensorInfo("scores", (1, None), dtype, quantization)


def post(size, dtype="float32", quantization=None, options=(), **fields):
    return Postprocessor(OutputSpec(**fields), size, raw_info(dtype, quantization), **dict(options))


def noise(size, seed=0, spread=5.0):
    return (np.random.default_rng(seed).normal(size=size) * spread).astype(np.float32)


def expected_activation(x, activation):
    x = np.asarray(x, np.float64)
    if activation == "softmax":
        power = np.exp(x - x.max())
        return power / power.sum()
    if activation == "sigmoid":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-x))
    return x


def ranked(scores):
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000, 21843])
def test_float32(activation, size):
    raw = noise(size)
    scores, categories = post(size, activation=activation)(raw)
    assert scores.dtype == np.float32
    assert scores.shape == (size,)
    np.testing.assert_allclose(scores, expected_activation(raw, activation), rtol=1e-6, atol=1e-30)
    assert [c.index for c in categories] == ranked(scores)[:5]
    assert [c.score for c in categories] == [float(scores[c.index]) for c in categories]
    assert all(type(c.index) is int and type(c.score) is float for c in categories)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_far_out_values_do_not_overflow(activation):
    raw = np.array([-3e38, -1000, -89, -17, 0, 17, 89, 1000, 3e38], np.float32)
    scores, _ = post(9, activation=activation)(raw)
    np.testing.assert_allclose(scores, expected_activation(raw, activation), rtol=1e-6, atol=1e-37)


def test_a_large_softmax_sums_to_one():
    scores, _ = post(500_000, activation="softmax")(noise(500_000, spread=0.01))
    assert abs(scores.astype(np.float64).sum() - 1) < 1e-6


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
def test_float16(activation):
    raw = noise(1000).astype(np.float16)
    raw[:4] = [6e-8, -6e-5, 65504, 0] if activation == "none" else [6e-8, -6e-5, 5, -0.0]
    scores, _ = post(1000, "float16", activation=activation)(raw)
    np.testing.assert_allclose(scores, expected_activation(raw, activation), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize(("dtype", "low"), [("uint8", 0), ("int8", -128)])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
@pytest.mark.parametrize(("scale", "zero_point"), [(1 / 256, 0), (0.1, 77), (0.07, 255)])
def test_quantised(dtype, low, activation, scale, zero_point):
    raw = (np.arange(256) + low).astype(dtype)
    quantization = Quantization(float(np.float32(scale)), zero_point + low)
    scores, _ = post(256, dtype, quantization, activation=activation)(raw)
    real = quantization.scale * (raw.astype(np.float64) - quantization.zero_point)
    np.testing.assert_allclose(scores, expected_activation(real, activation), rtol=1e-6, atol=1e-30)


def test_codes_without_quantisation_are_numbers():
    scores, _ = post(3, "uint8")(np.array([3, 255, 0], np.uint8))
    assert scores.tolist() == [3.0, 255.0, 0.0]


def test_ties_come_in_the_order_of_their_index():
    raw = np.array([1, 3, 3, 2, 3, 1, 3], np.float32)
    _, categories = post(7, options={"top_k": 3})(raw)
    assert [c.index for c in categories] == [1, 2, 4]
    _, categories = post(1000, options={"top_k": None})(np.zeros(1000, np.float32))
    assert [c.index for c in categories] == list(range(1000))


@pytest.mark.parametrize("top_k", [1, 2, 999, 1000, 5000, None])
def test_top_k_is_the_head_of_the_full_order(top_k):
    raw = np.round(noise(1000), 1)  # with many ties
    _, categories = post(1000, options={"top_k": top_k})(raw)
    assert [c.index for c in categories] == ranked(raw)[:top_k]


def test_a_score_equal_to_the_threshold_passes():
    raw = np.array([0.25, 0.5, 0.75], np.float32)
    _, categories = post(3, options={"score_threshold": 0.5})(raw)
    assert [c.index for c in categories] == [2, 1]
    _, categories = post(3, options={"score_threshold": np.nextafter(0.5, 1)})(raw)
    assert [c.index for c in categories] == [2]
    _, categories = post(3, options={"score_threshold": 0.9})(raw)
    assert categories == []


def test_thresholds_of_the_spec_one_or_one_per_class():
    raw = np.array([0.25, 0.5, 0.75], np.float32)
    assert [c.index for c in post(3, thresholds=(0.5,))(raw)[1]] == [2, 1]
    assert [c.index for c in post(3, thresholds=(0.2, 0.6, 0.75))(raw)[1]] == [2, 0]


def test_the_calls_threshold_replaces_the_specs():
    raw = np.array([0.25, 0.5, 0.75], np.float32)
    both = post(3, thresholds=(0.9, 0.9, 0.9), options={"score_threshold": 0.0})
    assert len(both(raw)[1]) == 3


def test_multilabel_has_a_half_as_threshold():
    raw = np.array([-1.0, 0.0, 1.0], np.float32)
    _, categories = post(3, multilabel=True, activation="sigmoid")(raw)
    assert [c.index for c in categories] == [2, 1]
    lower = post(3, multilabel=True, activation="sigmoid", thresholds=(0.1,))
    assert len(lower(raw)[1]) == 3


LABELS = ("cat", "dog", "crane", "owl", "crane")


def test_labels_and_lists():
    raw = np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32)
    _, categories = post(5, labels=LABELS)(raw)
    assert categories[0] == Category(4, "crane", 0.5)
    assert categories[-1] == Category(0, "cat", float(np.float32(0.1)))
    allowed = post(5, labels=LABELS, options={"category_allowlist": ["crane", "cat"]})
    assert [c.index for c in allowed(raw)[1]] == [4, 2, 0]  # both classes of that name
    denied = post(5, labels=LABELS, options={"category_denylist": ("crane",)})
    assert [c.index for c in denied(raw)[1]] == [3, 1, 0]
    assert post(5, options={"category_allowlist": ["3"]})(raw)[1][0].label == "3"
    assert post(5, options={"category_allowlist": []})(raw)[1] == []


def test_scores_are_of_all_classes_whatever_is_reported():
    raw = np.array([0.1, 0.2], np.float32)
    options = {"category_allowlist": ["cat"], "top_k": 1, "score_threshold": 0.9}
    scores, categories = post(2, labels=("cat", "dog"), options=options)(raw)
    assert categories == []
    assert scores.tolist() == raw.tolist()


def test_label_offset():
    raw = np.array([0.3, 0.2], np.float32)
    with_background = post(2, labels=("background", "cat", "dog"), label_offset=1)
    assert [c.label for c in with_background(raw)[1]] == ["cat", "dog"]
    without = post(2, labels=("cat",), label_offset=-1)
    assert [c.label for c in without(raw)[1]] == ["0", "cat"]
    assert with_background.labels == ("cat", "dog")


@pytest.mark.parametrize("transformation", ["identity", "log", "inverse_logistic"])
def test_score_calibration(transformation):
    raw = np.array([0.0, 1e-20, 0.2, 0.5, 0.9, 1.0, 0.7, 0.7], np.float32)
    row = (0.8, 1.5, -0.3, None)
    rows = (row,) * 5 + (row, None, (1.0, 2.0, 0.0, float(raw[7])))
    calibration = ScoreCalibration(transformation, 0.05, rows)
    scores, _ = post(8, score_calibration=calibration)(raw)

    def guarded_log(x):
        return math.log(max(x, 1e-16))

    g = {
        "identity": lambda x: x,
        "log": guarded_log,
        "inverse_logistic": lambda x: guarded_log(x) - guarded_log(1 - x),
    }[transformation]
    expected = [0.8 / (1 + math.exp(-(1.5 * g(float(x)) - 0.3))) for x in raw[:6]]
    # No parameters, and a score that is not above its minimum.
    np.testing.assert_allclose(scores, [*expected, 0.05, 0.05], rtol=1e-6)


def test_calibration_comes_after_the_activation():
    raw = noise(10)
    calibration = ScoreCalibration("identity", 0.0, ((2.0, 3.0, 1.0, None),) * 10)
    scores, _ = post(10, activation="softmax", score_calibration=calibration)(raw)
    x = expected_activation(raw, "softmax")
    np.testing.assert_allclose(scores, 2 / (1 + np.exp(-(3 * x + 1))), rtol=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
def test_scores_that_are_no_numbers_are_an_error(value, dtype, activation):
    raw = noise(100).astype(dtype)
    raw[[41, 70]] = value
    with pytest.raises(InferenceError, match=r"NaN or infinity.*at index 41"):
        post(100, dtype, activation=activation)(raw)


def test_strides_and_ones_in_the_shape():
    raw = noise(40)
    processor = post(20, activation="softmax")
    scores, _ = processor(raw[::-2])
    np.testing.assert_array_equal(scores, processor(raw[::-2].copy())[0])
    for shape in [(1, 20), (1, 20, 1, 1)]:
        np.testing.assert_array_equal(processor(raw[:20].reshape(shape))[0], processor(raw[:20])[0])


@pytest.mark.parametrize(
    "raw",
    [noise(19), noise(20).reshape(4, 5), noise(20).astype(np.float64), noise(20).astype(">f4")],
)
def test_a_row_that_does_not_fit_is_an_error(raw):
    with pytest.raises(InferenceError, match="float32 with 20 values"):
        post(20)(raw)


@pytest.mark.parametrize(
    ("fields", "size", "message"),
    [
        ({"labels": LABELS}, 4, r"5.*set label_offset=1"),
        ({"labels": LABELS}, 6, r"6 classes.*got 5.*set label_offset=-1"),
        ({"labels": LABELS}, 1000, "1000 labels are expected; got 5"),
        ({"labels": LABELS, "label_offset": 1}, 5, "Set label_offset=0"),
        ({"thresholds": (0.1, 0.2)}, 3, "1 or 3.*got 2"),
        ({"score_calibration": ScoreCalibration()}, 3, "3 classes.*got 0"),
        ({}, 0, "at least one class"),
    ],
)
def test_a_spec_that_does_not_fit_the_model_is_refused(fields, size, message):
    with pytest.raises(SpecMismatch, match=message):
        post(size, **fields)


def test_an_output_that_holds_no_scores_is_refused():
    with pytest.raises(SpecMismatch, match="int64"):
        post(3, "int64")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "top_k: expected a whole number of at least 1"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 2.0}, "top_k"),
        ({"top_k": True}, "top_k"),
        ({"score_threshold": math.nan}, "score_threshold: expected a finite number"),
        ({"score_threshold": math.inf}, "score_threshold"),
        ({"score_threshold": "0.5"}, "score_threshold"),
        ({"score_threshold": False}, "score_threshold"),
        ({"category_allowlist": ["cat"], "category_denylist": ["dog"]}, "give only one"),
        ({"category_allowlist": ["crame"]}, "no label 'crame'. Near it: 'crane'"),
        ({"category_denylist": ["zzzzzz"]}, "No label is like it"),
        ({"category_allowlist": "cat"}, "sequence of labels"),
        ({"category_denylist": [3]}, "sequence of labels"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        post(5, labels=LABELS, options=options)


def test_pickled_and_used_by_many_threads():
    options = {"top_k": 2, "score_threshold": 0.01, "category_denylist": ["owl"]}
    first = post(5, labels=LABELS, activation="softmax", options=options)
    second = pickle.loads(pickle.dumps(first))
    rows = [noise(5, seed) for seed in range(20)]
    expected = [first(row)[1] for row in rows]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: second(rows[n % 20])[1], range(400))) == expected * 20

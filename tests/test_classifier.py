"""The façade: every way in gives one answer, many threads, clear ends, honest times.

Longer than 300 lines: one façade, and most tests are a few lines.
"""

from __future__ import annotations

import copy
import gc
import io
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import edgeclf
from edgeclf import models
from edgeclf.backends.fake import FakeBackend
from edgeclf.errors import (
    ArgumentError,
    BackendError,
    BackendUnavailable,
    FrameError,
    InferenceError,
    ManifestError,
    ModelError,
    SpecMismatch,
)
from edgeclf.types import Quantization, TensorInfo

BACKENDS = ("onnxruntime", "tflite")
PLAIN = {"resize_mode": "stretch", "interpolation": "nearest", "mean": 0, "std": 1}


@pytest.fixture(scope="module", params=BACKENDS)
def classifier(request):
    pytest.importorskip({"onnxruntime": "onnxruntime", "tflite": "ai_edge_litert"}[request.param])
    with edgeclf.Classifier(backend=request.param, num_threads=1) as made:
        yield made


def channel_means(tensor):
    return tensor.reshape(len(tensor), 3, -1).mean(axis=2)


def fake(answer=channel_means, classes=3, batch=1, **options):
    """A backend whose raw output is each channel's mean: R, G, B of the frame."""
    return FakeBackend(
        TensorInfo("image", (batch, 3, 8, 8), "float32"),
        [TensorInfo("scores", (batch, classes), "float32")],
        answer,
        **options,
    )


def fake_classifier(backend=None, spec=(), labels=("red", "green", "blue"), **options):
    spec = {**PLAIN, "activation": "none", **dict(spec)}
    return edgeclf.Classifier(spec=spec, labels=labels, backend=backend or fake(), **options)


def plain_frame(red=0, green=0, blue=0):
    return np.full((20, 30, 3), (blue, green, red), dtype=np.uint8)


# -- one picture, every way in ----------------------------------------------------------------


def test_the_same_picture_gives_the_same_categories(classifier, photos):
    path = photos / "cat.jpg"
    rgb = np.asarray(Image.open(path).convert("RGB"))
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    padded = np.zeros((rgb.shape[0], rgb.shape[1] + 13, 3), np.uint8)
    padded[:, : rgb.shape[1]] = bgr
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 7, np.uint8)])
    ways = {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "bytearray": bytearray(path.read_bytes()),
        "PIL": Image.open(path),
        "BGR": bgr,
        "BGR view of RGB": rgb[:, :, ::-1],
        "padded rows": padded[:, : rgb.shape[1]],
        "Fortran order": np.asfortranarray(bgr),
        "upside down twice": np.ascontiguousarray(bgr[::-1])[::-1],
        "BGR Frame": edgeclf.Frame(bgr, "bgr"),
        "RGB Frame": edgeclf.Frame(rgb, "rgb"),
        "RGBA Frame": edgeclf.Frame(rgba, "rgba"),
        "BGRA": rgba[:, :, [2, 1, 0, 3]],
        "flat": edgeclf.Frame(rgb.tobytes(), "rgb", width=rgb.shape[1], height=rgb.shape[0]),
    }
    expected = classifier.predict(ways.pop("path"))
    assert expected.score > 0.3
    for way, frame in ways.items():
        got = classifier.predict(frame)
        assert got.categories == expected.categories, way
        np.testing.assert_array_equal(got.scores, expected.scores, err_msg=way)


def test_rgb_arrays_need_to_be_said(photos):
    rgb = np.asarray(Image.open(photos / "hot_dog.jpg").convert("RGB"))
    with edgeclf.Classifier() as bgr_reader, edgeclf.Classifier(frame_format="rgb") as rgb_reader:
        right = bgr_reader.predict(photos / "hot_dog.jpg")
        assert rgb_reader.predict(rgb).categories == right.categories
        assert bgr_reader.predict(rgb).categories != right.categories


def test_grey_in_any_form(classifier, photos):
    grey = np.asarray(Image.open(photos / "cat.jpg").convert("L"))
    expected = classifier.predict(np.dstack([grey] * 3)).categories
    assert classifier.predict(grey).categories == expected
    assert classifier.predict(grey[:, :, None]).categories == expected
    assert classifier.predict(Image.fromarray(grey)).categories == expected


def test_region_and_rotation_are_those_of_pillow(classifier, photos):
    image = Image.open(photos / "cat.jpg").convert("RGB")
    region = (101, 53, 640, 480)
    box = (101, 53, 741, 533)
    for degrees, turn in ((90, Image.ROTATE_270), (180, Image.ROTATE_180), (270, Image.ROTATE_90)):
        expected = classifier.predict(image.crop(box).transpose(turn)).scores
        got = classifier.predict(image, region_of_interest=region, rotation_degrees=degrees)
        np.testing.assert_array_equal(got.scores, expected)
    with pytest.raises(FrameError, match="region"):
        classifier.predict(image, region_of_interest=(0, 0, 5000, 10))
    with pytest.raises(ArgumentError, match="90"):
        classifier.predict(image, rotation_degrees=45)


def test_exif_comes_before_region(photos):
    image = Image.open(photos / "cat.jpg").convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    region = (10, 20, 300, 500)
    expected = image.transpose(Image.ROTATE_270).crop((10, 20, 310, 520))
    with edgeclf.Classifier() as made:
        got = made.predict(buffer.getvalue(), region_of_interest=region)
        np.testing.assert_array_equal(got.scores, made.predict(expected).scores)


# -- predictions ------------------------------------------------------------------------------


def test_prediction_is_consistent(classifier, photos):
    prediction = classifier.predict(photos / "cat.jpg", timestamp_ms=12.5)
    assert len(prediction.categories) == 5
    assert prediction.scores.dtype == np.float32
    assert prediction.scores.shape == (1000,)
    assert float(prediction.scores.sum()) == pytest.approx(1.0, abs=1e-5)
    order = np.argsort(-prediction.scores, kind="stable")[:5]
    assert [c.index for c in prediction.categories] == order.tolist()
    best = prediction.categories[0]
    assert (prediction.index, prediction.label, prediction.score) == tuple(best)
    assert best.label == classifier.labels[best.index]
    assert prediction.feature_vector.shape == (1280,)
    assert prediction.timestamp_ms == 12.5
    assert all(ms > 0 for ms in prediction.speed)
    read = json.loads(prediction.to_json())
    assert read == json.loads(json.dumps(prediction.to_dict()))
    assert read["categories"][0]["label"] == best.label


def test_a_prediction_read_late_is_what_it_was():
    """Categories and speed are made when first read; frames and changes after it do not matter."""
    made = fake_classifier()
    early, late = made.predict(plain_frame()), made.predict(plain_frame())
    expected, scores = list(early.categories), late.scores.copy()
    assert expected
    made.predict(np.zeros((30, 40, 3), np.uint8))
    made.close()
    late.scores[:] = 0.0
    assert late.categories == expected
    assert late.categories is late.categories
    assert late.speed is late.speed
    assert all(ms >= 0 for ms in late.speed)
    assert [c.score for c in expected] == sorted(scores.tolist(), reverse=True)[: len(expected)]
    with pytest.raises(AttributeError, match="no_such"):
        late.no_such  # noqa: B018
    late.categories = []
    assert late.label is None


def test_threads_that_read_a_prediction_first_get_one_list():
    made, began = [], threading.Barrier(4, timeout=20)

    def categories_of(found):
        made.append(found)
        time.sleep(0.05)  # long enough for the others to ask
        return [edgeclf.Category(0, "red", 1.0)]

    prediction = edgeclf.Prediction.unread(
        np.ones(1, np.float32), None, None, (categories_of, b""), (0.0, 0.0, 0.0, 0.0)
    )

    def read(_):
        began.wait()
        return prediction.categories

    with ThreadPoolExecutor(4) as pool:
        lists = list(pool.map(read, range(4)))
    assert len(made) == 1
    assert all(each is prediction.categories for each in lists)


def test_a_prediction_that_was_read_keeps_nothing_else_alive():
    class Categories:
        def __call__(self, found):
            return []

    categories_of = Categories()
    gone = weakref.ref(categories_of)
    prediction = edgeclf.Prediction.unread(
        np.ones(1, np.float32), None, None, (categories_of, b""), (0.0, 0.0, 0.0, 0.0)
    )
    del categories_of
    assert prediction.categories == []
    gc.collect()
    assert gone() is None
    assert tuple(prediction.speed) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_a_prediction_is_copied_and_pickled_unread(duplicate):
    made = fake_classifier()
    prediction = made.predict(plain_frame(), timestamp_ms=3.5)
    again = duplicate(prediction)
    assert type(again) is edgeclf.Prediction
    assert again.to_dict() == prediction.to_dict()
    assert isinstance(again.categories[0], edgeclf.Category)
    assert again.speed == prediction.speed
    np.testing.assert_array_equal(again.scores, prediction.scores)


def test_feature_vector_is_the_models_second_output(photos):
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(str(models.DEFAULT_ONNX), providers=["CPUExecutionProvider"])
    with edgeclf.Classifier(models.DEFAULT_ONNX) as made:
        tensor = edgeclf.Preprocessor(made.input_spec)(photos / "cat.jpg")
        raw = session.run(None, {session.get_inputs()[0].name: tensor})[1][0]
        first = made.predict(photos / "cat.jpg").feature_vector
        made.predict(photos / "owl.jpg")
        np.testing.assert_array_equal(first, raw)


def test_quantised_feature_vector_is_dequantised():
    codes = np.arange(8, dtype=np.int8)[None]
    backend = FakeBackend(
        TensorInfo("image", (1, 3, 8, 8), "float32"),
        [
            TensorInfo("scores", (1, 3), "float32"),
            TensorInfo("embedding", (1, 8), "int8", Quantization(0.5, 2)),
        ],
        [np.zeros((1, 3), np.float32), codes],
    )
    vector = fake_classifier(backend).predict(plain_frame()).feature_vector
    np.testing.assert_array_equal(vector, (np.arange(8) - 2) * 0.5)


def backend_with_embedding(embedding, dtype="float32"):
    outputs = [TensorInfo("scores", (1, 3), "float32"), TensorInfo("embedding", (1, 4), dtype)]
    return FakeBackend(
        TensorInfo("image", (1, 3, 8, 8), "float32"), outputs, [np.zeros((1, 3), "f4"), embedding]
    )


def test_an_embedding_of_a_strange_type_is_refused_at_load():
    with pytest.raises(edgeclf.SpecMismatch, match=r"embedding of dtype .*got int64"):
        fake_classifier(backend_with_embedding(np.zeros((1, 4), np.int64), "int64"))


class Convertible:
    """No array, but NumPy could make one of it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, *_, **__):
        return self.values.copy()


@pytest.mark.parametrize("at", [0, 1])
def test_outputs_that_are_no_arrays_are_refused(at):
    made = fake_classifier(backend_with_embedding(np.ones((1, 4), np.float32)))
    outputs = [np.zeros((1, 3), np.float32), np.ones((1, 4), np.float32)]
    scores, _, vector = made._postprocessor.of_item(outputs, 0)  # a list will do
    assert scores.tolist() == [0, 0, 0]
    assert vector.tolist() == [1, 1, 1, 1]
    assert made._postprocessor.of_item(outputs[:1], 0)[2] is None
    for wrong in (Convertible(outputs[at]), outputs[at].tolist(), None):
        with pytest.raises(edgeclf.InferenceError, match="as NumPy arrays, got"):
            made._postprocessor.of_item([*outputs[:at], wrong, *outputs[at + 1 :]], 0)
    with pytest.raises(edgeclf.InferenceError, match=r"expected an output 1 .*got 0"):
        made._postprocessor.of_item([], 0)


def test_a_bad_array_gives_its_request_back():
    made = fake_classifier(fake(max_requests=1))
    for _ in range(2):  # with the request gone, the second would wait for ever
        with ThreadPoolExecutor(1) as other, pytest.raises(edgeclf.FrameError, match="HxWx3"):
            other.submit(made.predict, np.zeros((4, 4, 7), np.uint8)).result(timeout=20)
    assert made.predict(plain_frame(9, 8, 7)).label == "red"


def test_a_picture_is_decoded_before_it_waits_for_a_request():
    made = fake_classifier(fake(max_requests=1))
    with ThreadPoolExecutor(1) as other:
        request = made._pool.take(1)
        try:
            with pytest.raises(edgeclf.DecodeError):
                other.submit(made.predict, b"no picture").result(timeout=20)
        finally:
            made._pool.give(request, 1)
    assert made.predict(plain_frame(9, 8, 7)).label == "red"


def test_frame_timestamp_is_kept():
    frame = edgeclf.Frame(plain_frame(), timestamp_ns=7_000_000)
    assert fake_classifier().predict(frame).timestamp_ms == 7.0
    assert fake_classifier().predict(frame, timestamp_ms=1.0).timestamp_ms == 1.0


def test_nothing_passes():
    prediction = fake_classifier(score_threshold=300).predict(plain_frame(9, 8, 7))
    assert prediction.categories == []
    assert (prediction.label, prediction.score, prediction.index) == (None, None, None)
    assert json.loads(prediction.to_json())["categories"] == []
    assert "nothing passed" in repr(prediction)


def test_lists_thresholds_and_top_k():
    frame = plain_frame(red=10, green=20, blue=30)
    labels = lambda **options: [  # noqa: E731
        c.label for c in fake_classifier(**options).predict(frame).categories
    ]
    assert labels() == ["blue", "green", "red"]
    assert labels(top_k=1) == ["blue"]
    assert labels(top_k=None) == ["blue", "green", "red"]
    assert labels(score_threshold=20) == ["blue", "green"]
    assert labels(category_allowlist=["red", "green"]) == ["green", "red"]
    assert labels(category_denylist=["blue"]) == ["green", "red"]
    with pytest.raises(ArgumentError):
        labels(category_allowlist=["red"], category_denylist=["blue"])
    with pytest.raises(ArgumentError, match="rad"):
        labels(category_allowlist=["rad"])
    with pytest.raises(ArgumentError, match="top_k"):
        labels(top_k=0)


def test_multilabel():
    answer = np.array([[2.0, -2.0, 0.0]], np.float32)
    made = fake_classifier(fake(answer), {"activation": "sigmoid", "multilabel": True})
    prediction = made.predict(plain_frame())
    assert [c.label for c in prediction.categories] == ["red", "blue"]
    np.testing.assert_allclose(prediction.scores, 1 / (1 + np.exp(-answer[0])), rtol=1e-6)


def test_html_is_escaped():
    made = fake_classifier(labels=("<b>", "&", '"x"'))
    text = made.predict(plain_frame(3, 2, 1))._repr_html_()
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers(value):
    answer = np.array([[0.0, value, 0.0]], np.float32)
    with pytest.raises(InferenceError, match="1"):
        fake_classifier(fake(answer)).predict(plain_frame())


# -- batches ----------------------------------------------------------------------------------


def test_batch_equals_one_by_one(classifier, photos):
    paths = sorted(photos.glob("*.jpg"))
    one_by_one = [classifier.predict(path) for path in paths]
    together = classifier.predict_batch(paths)
    assert len(together) == len(paths)
    for single, batched in zip(one_by_one, together):
        assert batched.label == single.label
        np.testing.assert_allclose(batched.scores, single.scores, atol=1e-5)
        np.testing.assert_allclose(batched.feature_vector, single.feature_vector, atol=1e-4)
    assert classifier.predict_batch([]) == []


@pytest.mark.parametrize("batch", [1, 3, None])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 40])
def test_batches_of_every_length(batch, count):
    frames = [plain_frame(red=index, green=1, blue=2) for index in range(count)]
    made = fake_classifier(fake(batch=batch))
    predictions = made.predict_batch(frames, timestamps_ms=list(range(count)))
    assert [p.scores[0] for p in predictions] == list(range(count))
    assert [p.timestamp_ms for p in predictions] == list(range(count))
    assert [made.predict(frame).scores[0] for frame in frames] == list(range(count))


def test_batch_with_a_bad_frame_and_wrong_times():
    with pytest.raises(FrameError):
        fake_classifier().predict_batch([plain_frame(), np.zeros((3, 4, 2), np.uint8)])
    with pytest.raises(ArgumentError, match="timestamps_ms"):
        fake_classifier().predict_batch([plain_frame()], timestamps_ms=[1, 2])


def test_stream():
    answers = fake_classifier().stream(plain_frame(red=n) for n in (1, 200))
    assert [p.scores[0] for p in answers] == [1, 200]


# -- threads, processes, ends -----------------------------------------------------------------


def test_many_threads_right_answers(classifier, photos):
    paths = sorted(photos.glob("*.jpg"))
    expected = {path: classifier.predict(path).categories for path in paths}
    jobs = paths * 6
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(classifier.predict, jobs))
    for path, answer in zip(jobs, answers):
        assert answer.categories == expected[path]


def test_threads_of_the_preprocessor_give_the_same_answers(photos):
    with edgeclf.Classifier() as alone, edgeclf.Classifier(preprocess_threads=3) as helped:
        expected = alone.predict(photos / "cat.jpg").scores
        np.testing.assert_array_equal(helped.predict(photos / "cat.jpg").scores, expected)
    with pytest.raises(ArgumentError, match="num_threads"):
        edgeclf.Classifier(preprocess_threads=0)


def test_threads_wait_where_the_backend_allows_one():
    backend = fake(max_requests=1, latency_s=0.01)
    made = fake_classifier(backend)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(made.predict, [plain_frame(red=n) for n in range(24)]))
    assert [a.scores[0] for a in answers] == list(range(24))


def test_an_error_gives_the_request_back():
    made = fake_classifier(fake(max_requests=1))
    for _ in range(3):
        with pytest.raises(FrameError):
            made.predict(plain_frame(), region_of_interest=(0, 0, 99, 99))
    assert made.predict(plain_frame(red=5)).scores[0] == 5


def test_close_waits_and_then_refuses():
    backend = fake(latency_s=0.2)
    made = fake_classifier(backend)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(made.predict(plain_frame(red=4))))
    thread.start()
    while backend.infers == 0:
        pass
    made.close()
    made.close()
    thread.join()
    assert answers[0].scores[0] == 4
    with pytest.raises(BackendError, match="closed"):
        made.predict(plain_frame())


def test_close_while_a_thread_waits_for_its_turn():
    made = fake_classifier(fake(max_requests=1, latency_s=0.2))
    outcomes = []

    def predict():
        try:
            outcomes.append(made.predict(plain_frame()))
        except BackendError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=predict, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    while made.backend.infers == 0:
        pass
    made.close()
    for thread in threads:
        thread.join(timeout=10)
    assert len(outcomes) == 4
    assert any(isinstance(outcome, edgeclf.Prediction) for outcome in outcomes)


def test_generators_as_lists():
    allowed = (label for label in ("red", "green"))
    made = fake_classifier(category_allowlist=allowed)
    assert {c.label for c in made.predict(plain_frame()).categories} == {"red", "green"}


def test_a_backend_object_takes_no_other_arguments():
    for option in ({"device": "cpu"}, {"precision": "int8"}, {"num_threads": 2}):
        with pytest.raises(ArgumentError, match="Backend object"):
            fake_classifier(**option)


@pytest.mark.parametrize("timestamp", [float("nan"), float("inf"), "now"])
def test_timestamps_are_numbers(timestamp):
    with pytest.raises(ArgumentError, match="timestamp_ms"):
        fake_classifier().predict(plain_frame(), timestamp_ms=timestamp)
    prediction = fake_classifier().predict(plain_frame(), timestamp_ms=np.float32(3))
    assert json.loads(prediction.to_json())["timestamp_ms"] == 3.0


def test_context_manager_closes():
    with fake_classifier() as made:
        made.predict(plain_frame())
    with pytest.raises(BackendError, match="closed"):
        made.predict(plain_frame())


def test_pickled_by_path(photos, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(models.DEFAULT_ONNX.read_bytes())
    with edgeclf.Classifier(path, top_k=3) as made:
        expected = made.predict(photos / "cat.jpg").categories
        text = pickle.dumps(made)
    assert len(text) < 2000
    with pickle.loads(text) as again:
        assert again.predict(photos / "cat.jpg").categories == expected
    content = path.read_bytes()
    with edgeclf.Classifier(content) as made, pytest.raises(ArgumentError, match="path"):
        pickle.dumps(made)
    with pytest.raises(ArgumentError, match="Backend object"):
        pickle.dumps(fake_classifier())


@pytest.mark.parametrize("backend", BACKENDS)
def test_forked_child_gets_a_clear_error(backend, photos):
    code = (
        "import os, sys, edgeclf\n"
        f"made = edgeclf.Classifier(backend={backend!r})\n"
        f"made.predict({str(photos / 'cat.jpg')!r})\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        f"        made.predict({str(photos / 'cat.jpg')!r})\n"
        "    except edgeclf.BackendError as error:\n"
        "        os._exit(42 if 'fork' in str(error) else 1)\n"
        "    os._exit(2)\n"
        "print(os.waitpid(child, 0)[1] >> 8)\n"
        f"made.predict({str(photos / 'cat.jpg')!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "42"), done.stderr


def test_warmup():
    backend = fake()
    fake_classifier(backend).warmup(3)
    assert backend.infers == 3


# -- what is refused at load ------------------------------------------------------------------


def test_arguments_out_of_range():
    for options, word in (
        ({"frame_format": "yuv"}, "frame_format"),
        ({"precision": "fp8"}, "precision"),
        ({"device": "gpu"}, "device"),
        ({"num_threads": 0}, "num_threads"),
        ({"backend": "caffe"}, "backend"),
        ({"backend_options": {"typo": 1}}, "typo"),
    ):
        with pytest.raises(ArgumentError, match=word):
            edgeclf.Classifier(**options)


def test_precision_is_a_demand():
    edgeclf.Classifier(precision="int8").close()
    with pytest.raises(BackendUnavailable, match="int8"):
        edgeclf.Classifier(precision="fp16")


def test_device_that_is_not_there():
    with pytest.raises(BackendUnavailable, match="cuda"):
        edgeclf.Classifier(models.DEFAULT_TFLITE, device="cuda:0")


def test_no_runtime_says_what_to_install(monkeypatch):
    for module in ("onnxruntime", "ai_edge_litert", "tflite_runtime", "tensorflow"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendUnavailable, match=r"edgeclf\[(onnx|tflite)\]"):
        edgeclf.Classifier()


@pytest.mark.parametrize(
    ("spec", "labels", "error", "word"),
    [
        ({}, ("red", "green"), SpecMismatch, "label"),
        ({}, ("none", "red", "green", "blue"), SpecMismatch, "label_offset=1"),
        ({"width": 9}, ("red", "green", "blue"), SpecMismatch, "width"),
        ({"layout": "nhwc"}, ("red", "green", "blue"), SpecMismatch, "layout"),
        ({"dtype": "uint8"}, ("red", "green", "blue"), SpecMismatch, "dtype"),
        ({"mean": (1, 2)}, ("red", "green", "blue"), ModelError, "mean"),
        ({"mean": float("nan")}, ("red", "green", "blue"), ModelError, "mean"),
        ({"wdith": 8}, ("red", "green", "blue"), ManifestError, "width"),
    ],
)
def test_specs_that_do_not_fit(spec, labels, error, word):
    with pytest.raises(error, match=word):
        fake_classifier(spec=spec, labels=labels)


def test_label_offset_is_explicit():
    made = fake_classifier(spec={"label_offset": 1}, labels=("none", "red", "green", "blue"))
    assert made.predict(plain_frame(red=9)).label == "red"


def test_what_is_missing_is_named():
    with pytest.raises(ManifestError) as caught:
        edgeclf.Classifier(backend=fake())
    for field in ("mean", "std", "resize_mode", "interpolation", "activation"):
        assert field in str(caught.value)


def test_missing_model(tmp_path):
    with pytest.raises(ModelError, match=r"no\.onnx"):
        edgeclf.Classifier(tmp_path / "no.onnx")
    with pytest.raises(ModelError):
        edgeclf.Classifier(tmp_path)
    with pytest.raises(ModelError):
        edgeclf.Classifier("bad\0name.onnx")
    for content in (b"", b"PK\x03\x04" + bytes(100), b"\x89PNG" * 10):
        with pytest.raises(ModelError):
            edgeclf.Classifier(content)


def test_models_as_bytes_and_path_agree(photos):
    path = models.DEFAULT_ONNX
    with edgeclf.Classifier(path) as of_path, edgeclf.Classifier(path.read_bytes()) as of_bytes:
        photo = photos / "owl.jpg"
        assert of_path.predict(photo).categories == of_bytes.predict(photo).categories


def test_a_model_that_changed_is_refused(tmp_path):
    content = bytearray(models.DEFAULT_ONNX.read_bytes())
    import hashlib

    good = hashlib.sha256(content).hexdigest()
    content[len(content) // 2] ^= 4
    (tmp_path / "model.onnx").write_bytes(content)
    (tmp_path / "model.json").write_text(
        json.dumps({"schema_version": 1, "model": {"sha256": good}})
    )
    with pytest.raises(ManifestError, match="sha256"):
        edgeclf.Classifier(tmp_path / "model.onnx")


def test_failed_load_leaves_no_threads_behind():
    code = (
        "import edgeclf, threading, os\n"
        "for _ in range(5):\n"
        "    try: edgeclf.Classifier(top_k=0)\n"
        "    except edgeclf.ArgumentError: pass\n"
        "import gc; gc.collect()\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(done.stdout) <= 2 + (os.cpu_count() or 1)

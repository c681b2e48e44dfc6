"""The SDK's answers against a pipeline that shares nothing with it.

Pillow or float64 NumPy resamples, NumPy normalises, the vendor's own call infers. On a hundred
photographs, where they are at hand, and on the project's own always, the first class must be the
same one for every photograph.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

import edgeclf
from edgeclf import models

MOBILENETS = (
    "mobilenet_v2_1.0_224_quant.tflite",
    "tf2_mobilenet_v2_1.0_224_ptq.tflite",
    "mobilenet_v1_0.25_224_float_with_metadata.tflite",
)


def upright(path):
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def imagenet_crop(path):
    """Shorter side 256 (bicubic, antialiased), centre crop 224: what the default model wants."""
    image = upright(path)
    short, long = sorted(image.size)
    longer = int(256 * long / short)
    size = (256, longer) if image.width <= image.height else (longer, 256)
    # Across, then down, as one call does up to Pillow 12; 13 may take a tall picture down first.
    resized = image.resize((size[0], image.height), Image.BICUBIC).resize(size, Image.BICUBIC)
    left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    return np.asarray(resized.crop((left, top, left + 224, top + 224)))


def bilinear_weights(source, target):
    """Half-pixel centres, edges replicated, no antialiasing, as a (target, source) matrix."""
    centre = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    left = np.minimum(np.floor(centre).astype(int), max(source - 2, 0))
    matrix = np.zeros((target, source))
    matrix[np.arange(target), left] = 1 - (centre - left)
    matrix[np.arange(target), np.minimum(left + 1, source - 1)] += centre - left
    return matrix


def stretched(path):
    """224x224 by bilinear without antialiasing, in float64, 0..255."""
    pixels = np.asarray(upright(path), dtype=np.float64)
    rows = bilinear_weights(pixels.shape[0], 224)
    columns = bilinear_weights(pixels.shape[1], 224)
    resized = np.einsum("yi,ijc,xj->yxc", rows, pixels, columns, optimize=True)
    # The weights are fractions, so a pixel can be exactly n + 1/2, and an 8-bit tensor then takes
    # the even one: this clears the 1e-13 by which float64 misses such a half.
    return np.round(resized, 9)


class RawOnnx:
    def __init__(self, path):
        ort = pytest.importorskip("onnxruntime")
        self.session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name

    def __call__(self, tensor):
        return self.session.run(None, {self.name: tensor})[0][0]


class RawTflite:
    def __init__(self, path):
        litert = pytest.importorskip("ai_edge_litert.interpreter")
        self.interpreter = litert.Interpreter(str(path))
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def __call__(self, tensor):
        self.interpreter.set_tensor(self.input["index"], tensor)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output["index"])[0]


def default_onnx():
    raw = RawOnnx(models.DEFAULT_ONNX)
    return lambda path: raw(imagenet_crop(path).transpose(2, 0, 1)[None].copy())


def default_tflite():
    raw = RawTflite(models.DEFAULT_TFLITE)
    return lambda path: raw((imagenet_crop(path).astype(np.int16) - 128).astype(np.int8)[None])


def mobilenet(path):
    raw = RawTflite(path)
    if raw.input["dtype"] == np.float32:
        return lambda photo: raw(((stretched(photo) - 127.5) / 127.5).astype(np.float32)[None])
    # These 8-bit inputs take the pixels as they are, within one code of the formula.
    return lambda photo: raw(np.rint(stretched(photo)).astype(np.uint8)[None])


def compare(classifier, independent, photos):
    """The photographs whose first class differs, as (name, ours, theirs)."""
    different = []
    for photo in photos:
        ours, theirs = classifier.predict(photo).index, int(np.argmax(independent(photo)))
        if ours != theirs:
            different.append((photo.name, ours, theirs))
    return different


@pytest.fixture(scope="module")
def hundred(shared_data):
    found = sorted((shared_data / "imagenet").glob("*.JPEG"))
    assert len(found) == 100
    return found


@pytest.mark.parametrize(
    ("backend", "pipeline"), [("onnxruntime", default_onnx), ("tflite", default_tflite)]
)
def test_default_model_on_own_photographs(photos, backend, pipeline):
    independent = pipeline()
    with edgeclf.Classifier(backend=backend) as classifier:
        assert compare(classifier, independent, sorted(photos.glob("*.jpg"))) == []


@pytest.mark.parametrize(
    ("backend", "pipeline"), [("onnxruntime", default_onnx), ("tflite", default_tflite)]
)
def test_default_model_on_a_hundred_photographs(hundred, backend, pipeline):
    independent = pipeline()
    with edgeclf.Classifier(backend=backend) as classifier:
        assert compare(classifier, independent, hundred) == []
        right = sum(classifier.predict(p).index == int(p.name[:3]) for p in hundred)
    assert right >= 87  # 89 in float32; INT8 may lose two


@pytest.mark.parametrize("name", MOBILENETS)
def test_models_that_carry_tflite_metadata(hundred, shared_data, name):
    path = shared_data / "models" / name
    independent = mobilenet(path)
    with edgeclf.Classifier(path) as classifier:
        assert len(classifier.labels) == 1001
        assert compare(classifier, independent, hundred) == []

"""The project's photographs against recorded facts that Pillow, NumPy and the raw runtime gave.

`tests/goldens/make.py` writes them. They hold on every machine: tensors to the bit, classes and
scores within what runtimes differ by from one processor to the next.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import edgeclf
from edgeclf import backends

FOLDER = Path(__file__).parent / "goldens"
GOLDENS = json.loads((FOLDER / "goldens.json").read_text(encoding="utf-8"))
sys.path.insert(0, str(FOLDER))

from make import CASES  # noqa: E402


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_every_photograph_has_a_golden(photos):
    assert sorted(GOLDENS) == sorted(path.name for path in photos.glob("*.jpg"))


@pytest.mark.parametrize("name", sorted(GOLDENS))
def test_decoded_pixels(photos, name):
    assert sha256(edgeclf.decode(photos / name).data) == GOLDENS[name]["pixels"]


@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("name", sorted(GOLDENS))
def test_tensors(photos, name, case):
    fields = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in CASES[case].items()
    }
    tensor = edgeclf.Preprocessor(edgeclf.InputSpec(**fields))(photos / name)
    assert sha256(tensor) == GOLDENS[name]["tensors"][case]


@pytest.mark.parametrize("backend", ["onnxruntime", "tflite"])
def test_categories(photos, backend):
    usable = {found.name: found.usable for found in backends.available()}
    if not usable[backend]:
        pytest.skip(f"no runtime for {backend} is installed")
    with edgeclf.Classifier(backend=backend) as classifier:
        for name, golden in GOLDENS.items():
            best = golden["categories"][0]
            prediction = classifier.predict(photos / name)
            assert (prediction.index, prediction.label) == (best["index"], best["label"]), name
            assert prediction.score == pytest.approx(best["score"], abs=0.05), name

"""Ultralytics' exports: what their metadata leads to, against their own transform."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any, Optional, Tuple

import numpy as np
import pytest
from reference_transforms import BILINEAR, PICTURE, crop, normalised, shorter_side, tensor_of
from small_models import PROBABILITIES, SCORES, image, onnx_model

from edgeclf.errors import ManifestError
from edgeclf.manifest import Resolved, read, resolve
from edgeclf.model_file import ModelFile

# As version 8.4 writes it into metadata_props: every value as Python prints it.
ULTRALYTICS = {
    "author": "Ultralytics", "version": "8.4.190", "task": "classify", "stride": "1",
    "imgsz": "[32, 32]", "names": "{0: 'cat', 1: \"dog's\", 2: 'eel, {young}: 2', 3: 'f\\nx'}",
    "channels": "3", "args": "{'batch': 1}",
}  # fmt: skip
NAMES = ("cat", "dog's", "eel, {young}: 2", "f\nx")


def ultralytics(shape: Tuple[int, ...] = (1, 3, 32, 32), **changes: Optional[str]) -> Resolved:
    entries = {key: value for key, value in {**ULTRALYTICS, **changes}.items() if value is not None}
    sources = read(ModelFile(onnx_model(metadata=entries)))
    return resolve(sources, image(*shape), SCORES, PROBABILITIES, "yolo.onnx")


def test_a_square_export() -> None:
    found = ultralytics()
    picture = crop(shorter_side(32, BILINEAR), 32, 32, round)
    np.testing.assert_allclose(tensor_of(found), normalised(picture, 0, 1), atol=1e-6)
    assert found.output_spec.labels == NAMES
    assert found.provenance["labels"] == found.provenance["width"] == "Ultralytics metadata"
    for field in ("resize_mode", "interpolation", "mean", "rescale_factor"):
        assert found.provenance[field] == "convention (Ultralytics metadata)"


def test_other_forms_of_the_size() -> None:
    assert ultralytics(imgsz="32").input_spec.resize_size == 32
    found = ultralytics((1, 3, 24, 40), imgsz="(24, 40)")
    picture = PICTURE.resize((40, 24), BILINEAR)
    np.testing.assert_allclose(tensor_of(found), normalised(picture, 0, 1), atol=1e-6)


def test_metadata_in_an_archive_and_other_peoples() -> None:
    pytest.importorskip("flatbuffers")
    import tflite_models

    stream = io.BytesIO(tflite_models.float_classifier())
    document = {**ULTRALYTICS, "imgsz": [4, 4], "names": {str(i): str(i) for i in range(5)}}
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps(document))
    (source,) = read(ModelFile(stream.getvalue()))
    assert source.fields == {"width": 4, "height": 4, "labels": ("0", "1", "2", "3", "4")}
    assert read(ModelFile(onnx_model(metadata={"task": "detect", "author": "me"}))) == []


def test_old_exports_imply_nothing() -> None:
    with pytest.raises(ManifestError, match="nothing says resize_mode"):
        ultralytics(version="8.0.200", author=None)
    with pytest.raises(ManifestError, match="nothing says resize_mode"):
        ultralytics(version=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "detect"}, {"task": None}, {"imgsz": None}, {"imgsz": "[1, 2, 3]"},
        {"imgsz": "[0, 4]"}, {"channels": "4"}, {"names": "{1: 'a'}"}, {"names": "{}"},
        {"names": "{0: 'a', 0: 'b'}"}, {"names": "['a']"}, {"names": "{0: a}"},
        {"names": "{0: 'a' 1: 'b'}"}, {"names": "{0: 'a'} or 1"}, {"names": "{0: exit()}"},
        {"names": "{" * 100_000 + "}"}, {"names": "{0: '" + "x" * 3_000_000 + "'}"},
        {"names": "{0: '\\N{no such}'}"},
    ],
)  # fmt: skip
def test_metadata_that_is_refused(changes: Any) -> None:
    with pytest.raises(ManifestError, match="Ultralytics"):
        ultralytics(**changes)

"""Hugging Face and timm: what their files lead to, against their transforms.

The settings below are such as transformers 5 and timm 1 save.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
import pytest
from PIL import Image
from reference_transforms import (
    BICUBIC,
    BILINEAR,
    FACTOR,
    PICTURE,
    crop,
    normalised,
    resolved,
    shorter_side,
    tensor_of,
)
from small_models import (
    LABELS,
    write_json,
)

from edgeclf.errors import ManifestError
from edgeclf.manifest import read
from edgeclf.model_file import ModelFile

HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def efficientnet(offset: bool, top: bool) -> Tuple[Dict[str, Any], np.ndarray]:
    mean, std = np.array(IMAGENET["image_mean"]), np.array(IMAGENET["image_std"])
    settings = {
        "image_processor_type": "EfficientNetImageProcessor", "resample": 0, **IMAGENET,
        "size": {"height": 32, "width": 32}, "rescale_factor": FACTOR * (2 if offset else 1),
        "do_center_crop": False, "crop_size": {"height": 289, "width": 289},
        "rescale_offset": offset, "include_top": top,
    }  # fmt: skip
    pixels = np.asarray(PICTURE.resize((32, 32), Image.NEAREST), np.float64)
    scaled = pixels * settings["rescale_factor"] - (1 if offset else 0)
    tensor = (scaled - mean) / std
    return settings, np.moveaxis(tensor / std if top else tensor, -1, 0)[None]


MOBILENET = {
    "image_processor_type": "MobileNetV2ImageProcessor", **HALF, "resample": 2, "do_resize": True,
    "size": {"shortest_edge": 37}, "do_center_crop": True, "rescale_factor": FACTOR,
    "crop_size": {"height": 32, "width": 32}, "do_rescale": True, "do_normalize": True,
}  # fmt: skip
HUGGING_FACE = {
    "ViT": (
        {"image_processor_type": "ViTImageProcessorFast", "size": {"height": 32, "width": 40},
         "resample": 2, "rescale_factor": FACTOR, **HALF, "do_convert_rgb": None},
        normalised(PICTURE.resize((40, 32), BILINEAR), [0.5] * 3, [0.5] * 3),
    ),
    "ViT of old, by its class's defaults": (
        {"feature_extractor_type": "ViTFeatureExtractor", "size": 32},
        normalised(PICTURE.resize((32, 32), BILINEAR), [0.5] * 3, [0.5] * 3),
    ),
    "MobileNetV2": (
        MOBILENET,
        normalised(crop(shorter_side(37, BILINEAR), 32, 32, math.floor), [0.5] * 3, [0.5] * 3),
    ),
    "a crop larger than the picture": (
        {**MOBILENET, "size": {"shortest_edge": 28}},
        normalised(crop(shorter_side(28, BILINEAR), 32, 32, math.floor), [0.5] * 3, [0.5] * 3),
    ),
    "ConvNext below 384": (
        {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32},
         "crop_pct": 0.875, "resample": 3, **IMAGENET},
        normalised(crop(shorter_side(36, BICUBIC), 32, 32, math.floor),
                   IMAGENET["image_mean"], IMAGENET["image_std"]),
    ),
    "ConvNext from 384 on": (
        {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 384}},
        normalised(PICTURE.resize((384, 384), BICUBIC), [0.5] * 3, [0.5] * 3),
    ),
    "EfficientNet": efficientnet(False, True),
    "EfficientNet with an offset": efficientnet(True, False),
    "EfficientNet with both": efficientnet(True, True),
    "MobileViT": (
        {"image_processor_type": "MobileViTImageProcessor", "size": {"shortest_edge": 36},
         "crop_size": {"height": 32, "width": 32}, "do_flip_channel_order": True},
        normalised(crop(shorter_side(36, BICUBIC), 32, 32, math.floor), 0, 1)[:, ::-1],
    ),
    "not rescaled": (
        {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32},
         "do_rescale": False, "image_mean": [127.5], "image_std": 127.5},
        normalised(PICTURE.resize((32, 32), BILINEAR), 127.5, 127.5, 1.0),
    ),
    "not normalised": (
        {"image_processor_type": "ViTImageProcessor", "size": [32, 32], "do_normalize": False},
        normalised(PICTURE.resize((32, 32), BILINEAR), 0, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HUGGING_FACE)
def test_hugging_face_processors(tmp_path: Path, name: str) -> None:
    settings, wanted = HUGGING_FACE[name]
    write_json(tmp_path / "preprocessor_config.json", settings)
    found = resolved(tmp_path, wanted.shape, activation="softmax")
    np.testing.assert_allclose(tensor_of(found), wanted, atol=1e-5)


def timm_crop(size: int, resize: int, resample: int, mean: Any, std: Any) -> np.ndarray:
    return normalised(crop(shorter_side(resize, resample), size, size, round), mean, std)


TIMM = {
    "mobilenetv3": (
        {"input_size": [3, 32, 32], "interpolation": "bicubic", "crop_pct": 0.875,
         "crop_mode": "center", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
         "test_input_size": [3, 64, 64], "num_classes": 4, "classifier": "fc"},
        timm_crop(32, 36, BICUBIC, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ),
    "a ratio that does not divide": (
        {"input_size": [3, 33, 33], "interpolation": "bilinear", "crop_pct": 0.95,
         "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        timm_crop(33, 34, BILINEAR, 0.5, 0.5),
    ),
    "timm's own defaults": (
        {"input_size": [3, 32, 32]},
        timm_crop(32, 36, BICUBIC, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ),
    "squash": (
        {"input_size": [3, 32, 40], "crop_mode": "squash", "crop_pct": 1.0, "mean": [0.5] * 3,
         "std": [0.25] * 3},
        normalised(PICTURE.resize((40, 32), BICUBIC), 0.5, 0.25),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMM)
def test_timm_configurations(tmp_path: Path, name: str) -> None:
    config, wanted = TIMM[name]
    for document in ({"pretrained_cfg": config}, {**config, "architecture": "x"}):
        write_json(tmp_path / "config.json", {**document, "label_names": list(LABELS)})
        found = resolved(tmp_path, wanted.shape)
        np.testing.assert_allclose(tensor_of(found), wanted, atol=1e-5)
        assert found.output_spec.labels == LABELS
        assert found.provenance["activation"] == "convention (config.json)"


def test_labels_and_problem_of_hugging_face(tmp_path: Path) -> None:
    config: Dict[str, Any] = {
        "architectures": ["ViTForImageClassification"],
        "id2label": {str(i): label for i, label in reversed(list(enumerate(LABELS)))},
    }
    write_json(tmp_path / "preprocessor_config.json", HUGGING_FACE["ViT"][0])
    write_json(tmp_path / "config.json", config)
    output = resolved(tmp_path, (1, 3, 32, 40)).output_spec
    assert (output.labels, output.activation, output.multilabel) == (LABELS, "softmax", False)
    write_json(tmp_path / "config.json", {**config, "problem_type": "multi_label_classification"})
    output = resolved(tmp_path, (1, 3, 32, 40)).output_spec
    assert (output.activation, output.multilabel) == ("sigmoid", True)
    for change in ({"problem_type": "regression"}, {"id2label": {"0": "a", "2": "b"}},
                   {"id2label": ["a"]}, {"id2label": {}}):  # fmt: skip
        write_json(tmp_path / "config.json", {**config, **change})
        with pytest.raises(ManifestError, match="config"):
            read(ModelFile(tmp_path / "model.onnx"))
    # Some other program's file of that name is not ours to judge.
    write_json(tmp_path / "config.json", {"port": 8080})
    assert len(read(ModelFile(tmp_path / "model.onnx"))) == 1


VIT = {"image_processor_type": "ViTImageProcessor"}
CONVNEXT = {"image_processor_type": "ConvNextImageProcessor"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"image_processor_type": "LlavaImageProcessor"}, "Llava"),
        ({"image_processor_type": "DeiTImageProcessor"}, "do_center_crop"),
        ({**VIT, "do_pad": True}, "do_pad"),
        ({**VIT, "do_resize": False}, "do_resize"),
        ({**VIT, "resample": 5}, "resample"),
        ({**VIT, "crop_pct": 0.9}, "crop_pct"),
        ({**VIT, "rescale_offset": True}, "rescale_offset"),
        ({**VIT, "size": {"shortest_edge": 8}}, "size"),
        ({**VIT, "size": {"longest_edge": 8}}, "size"),
        ({**VIT, "size": {"shortest_edge": 8, "longest_edge": 9}}, "size"),
        ({**VIT, "size": "8"}, "size"),
        ({**VIT, "size": {"height": 8.5, "width": 8}}, "size"),
        ({**VIT, "image_mean": [0.5, 0.5]}, "image_mean"),
        ({**VIT, "image_std": [0.5, 0, 0.5]}, "image_std"),
        ({**VIT, "image_std": "x"}, "image_std"),
        ({**VIT, "rescale_factor": True}, "rescale_factor"),
        ({**VIT, "some_new_switch": {"a": 1}}, "some_new_switch"),
        ({**CONVNEXT, "size": {"height": 8, "width": 8}}, "size"),
        ({**CONVNEXT, "size": {"shortest_edge": 8}, "crop_pct": 0}, "crop_pct"),
        ({**CONVNEXT, "do_center_crop": True}, "do_center_crop"),
        ({"image_processor_type": "MobileViTImageProcessor", "do_normalize": True}, "do_norm"),
        ([], "object"),
    ],
)
def test_settings_that_cannot_be_carried_out(tmp_path: Path, settings: Any, says: str) -> None:
    write_json(tmp_path / "preprocessor_config.json", settings)
    with pytest.raises(ManifestError, match=says):
        resolved(tmp_path, (1, 3, 8, 8))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"crop_mode": "border"}, "crop_mode"),
        ({"crop_mode": "squash"}, "crop_mode"),
        ({"crop_pct": 0}, "crop_pct"),
        ({"crop_pct": "1"}, "crop_pct"),
        ({"input_size": [3, 8, 16]}, "square"),
        ({"input_size": [4, 8, 8]}, "input_size"),
        ({"input_size": 8}, "input_size"),
        ({"interpolation": "random"}, "interpolation"),
        ({"mean": [1, 2]}, "mean"),
        ({"std": [0, 1, 1]}, "std"),
        ({"label_names": [1]}, "label_names"),
    ],
)
def test_timm_transforms_that_cannot_be_expressed(tmp_path: Path, config: Any, says: str) -> None:
    whole = {"input_size": [3, 8, 8], **config}
    write_json(tmp_path / "config.json", {"pretrained_cfg": whole})
    with pytest.raises(ManifestError, match=says):
        resolved(tmp_path, (1, 3, 8, 8))

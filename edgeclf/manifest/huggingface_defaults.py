"""The defaults of Hugging Face's image processors, as transformers 5 has them."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, Tuple

from edgeclf.errors import ManifestError

__all__ = ["defaults_of", "refuse_unknown"]

_HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_BILINEAR, _BICUBIC = {"resample": 2}, {"resample": 3}
_STRETCH_224: Dict[str, Any] = {"size": {"height": 224, "width": 224}}
_CROP_224: Dict[str, Any] = {
    "default_to_square": False,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
}
_SHORTEST_224: Dict[str, Any] = {"size": {"shortest_edge": 224}, **_CROP_224}
_SHORTEST_256: Dict[str, Any] = {"size": {"shortest_edge": 256}, **_CROP_224}

# By the class's name without its ending. What an entry leaves out: do_resize, do_rescale and
# do_normalize true, do_center_crop false, rescale_factor 1/255.
_PROCESSORS: Dict[str, Dict[str, Any]] = {
    "ViT": {**_STRETCH_224, **_BILINEAR, **_HALF},
    "Beit": {
        **_STRETCH_224,
        **_BICUBIC,
        **_HALF,
        "crop_size": {"height": 224, "width": 224},
    },
    "DeiT": {
        "size": {"height": 256, "width": 256},
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
        **_BICUBIC,
        **_HALF,
    },
    "Pvt": {**_STRETCH_224, **_BICUBIC, **_IMAGENET},
    "Siglip": {**_STRETCH_224, **_BICUBIC, **_HALF, "default_to_square": False},
    "Bit": {**_SHORTEST_224, **_BICUBIC, **_CLIP},
    "CLIP": {**_SHORTEST_224, **_BICUBIC, **_CLIP},
    "MobileNetV1": {**_SHORTEST_256, **_BILINEAR, **_HALF},
    "MobileNetV2": {**_SHORTEST_256, **_BILINEAR, **_HALF},
    "MobileViT": {
        "size": {"shortest_edge": 224},
        "default_to_square": False,
        "do_center_crop": True,
        "crop_size": {"height": 256, "width": 256},
        "do_normalize": False,
        "do_flip_channel_order": True,
        **_BICUBIC,
    },
    "ConvNext": {
        "size": {"shortest_edge": 384},
        "default_to_square": False,
        "crop_pct": 224 / 256,
        **_BICUBIC,
        **_HALF,
    },
    "EfficientNet": {
        "size": {"height": 346, "width": 346},
        "crop_size": {"height": 289, "width": 289},
        "include_top": True,
        **_BICUBIC,
        **_HALF,
    },
}

_EFFECTIVE = (
    "do_resize",
    "size",
    "resample",
    "do_center_crop",
    "crop_size",
    "default_to_square",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
)
# Settings of one kind of processor; elsewhere they would be read by nobody.
_OF_ONE_KIND = {
    "crop_pct": "ConvNext",
    "rescale_offset": "EfficientNet",
    "include_top": "EfficientNet",
    "do_flip_channel_order": "MobileViT",
}
# No effect on the tensor of one RGB frame.
_WITHOUT_EFFECT = (
    "image_processor_type",
    "feature_extractor_type",
    "processor_class",
    "do_convert_rgb",
    "data_format",
    "input_data_format",
    "device",
    "return_tensors",
    "disable_grouping",
    "do_reduce_labels",
    "reduce_labels",
    "transformers_version",
    "_name_or_path",
    "_processor_class",
    "_valid_processor_keys",
)


def defaults_of(settings: Mapping[str, Any], where: str) -> Tuple[str, Dict[str, Any]]:
    """The kind of processor that the settings are for, and its defaults.

    Settings that name no processor are those of the common base class: no defaults.

    Raises:
        ManifestError: a processor that is not known here.
    """
    name = settings.get("image_processor_type") or settings.get("feature_extractor_type")
    if name is None:
        return "", {}
    kind = re.sub("(ImageProcessor(Fast|Pil)?|FeatureExtractor)$", "", str(name))
    if kind not in _PROCESSORS:
        raise ManifestError(
            f"{where}: image_processor_type {str(name)[:60]!r}: known are "
            f"{', '.join(_PROCESSORS)}. Give the preprocessing as spec=, or in a sidecar, and "
            f"move {where} away"
        )
    return kind, _PROCESSORS[kind]


def refuse_unknown(settings: Mapping[str, Any], kind: str, where: str) -> None:
    """A setting with an effect that is not known must not be passed over.

    Raises:
        ManifestError: there is one that is switched on.
    """
    for name, value in settings.items():
        if name in _EFFECTIVE or name in _WITHOUT_EFFECT or _OF_ONE_KIND.get(name) == kind:
            continue
        # A switch that is off does nothing, whatever it is.
        if value is False:
            continue
        raise ManifestError(
            f"{where}: {name} = {str(value)[:60]}: what it does to the tensor is not known here. "
            f"Give the preprocessing as spec=, or in a sidecar, and move {where} away"
        )
    if kind == "MobileViT" and settings.get("do_normalize"):
        raise ManifestError(f"{where}: do_normalize: MobileViT's processor does not normalise")

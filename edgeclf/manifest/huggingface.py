"""Hugging Face: ``preprocessor_config.json`` and ``config.json`` in the model's folder.

The former holds an image processor's settings. A setting it leaves out has the default of the
processor's class; that is then a convention, not a statement. Only processors whose effect is
known are accepted, and of their settings only those that an InputSpec can say.
Source of the formulas: the image processors of transformers 5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from edgeclf.errors import ManifestError
from edgeclf.manifest.base import Source
from edgeclf.manifest.huggingface_defaults import defaults_of, refuse_unknown
from edgeclf.manifest.huggingface_geometry import PROCESSOR, geometry, number, refusal
from edgeclf.manifest.sidecar import sidecar_path
from edgeclf.manifest.strict_json import parse_json, read_small_file
from edgeclf.model_file import ModelFile

__all__ = ["processor_source", "read", "read_json_beside"]

CONFIG = "config.json"

# PIL.Image.Resampling; 5 is Hamming, which no InputSpec names.
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}
_GEOMETRY = ("do_resize", "size", "do_center_crop", "crop_size", "crop_pct", "default_to_square")
_SCALING = ("do_rescale", "rescale_factor")
_NORMALISING = ("do_normalize", "image_mean", "image_std", "rescale_offset", "include_top")


def read(model: ModelFile) -> Optional[Source]:
    """Both files as one source; None when the folder has neither.

    Raises:
        ManifestError: unreadable, or a setting whose effect cannot be had.
    """
    processor, config = read_json_beside(model, PROCESSOR), read_json_beside(model, CONFIG)
    if config is not None and not _is_transformers(config):
        config = None
    if processor is None and config is None:
        return None
    source = Source(CONFIG) if processor is None else processor_source(processor)
    if config is not None:
        _add_config(source, config)
    return source


def read_json_beside(model: ModelFile, name: str) -> Optional[Dict[str, Any]]:
    """The JSON object in a file in the model's folder; None when there is no such file."""
    if model.path is None:
        return None
    path: Path = model.path.parent / name
    # A model called config.onnx has a sidecar of that name.
    if not path.exists() or path == sidecar_path(model):
        return None
    document = parse_json(read_small_file(path), name)
    if not isinstance(document, dict):
        raise ManifestError(f"{name}: expected a JSON object, got {type(document).__name__}")
    return document


def processor_source(settings: Mapping[str, Any]) -> Source:
    """The facts in an image processor's settings.

    Raises:
        ManifestError: an unknown processor, or a setting that cannot be carried out.
    """
    # A null asks for the class's default, in transformers too.
    given = {key: value for key, value in settings.items() if value is not None}
    kind, defaults = defaults_of(given, PROCESSOR)
    refuse_unknown(given, kind, PROCESSOR)
    merged = {**defaults, **given}
    source = Source(PROCESSOR, conventions={"antialias": True, "color_mode": "rgb"})
    for names, fields in (
        (_GEOMETRY, geometry(merged, kind)),
        (("resample",), _interpolation(merged)),
        (_SCALING + _NORMALISING, _normalisation(merged)),
    ):
        stated = any(name in given for name in names)
        (source.fields if stated else source.conventions).update(fields)
    if merged.get("do_flip_channel_order"):
        source.fields["color_mode"] = "bgr"
    return source


def _interpolation(merged: Mapping[str, Any]) -> Dict[str, Any]:
    value = merged.get("resample")
    if value is None:
        return {}
    if isinstance(value, bool) or value not in _RESAMPLE:
        raise refusal("resample", value, f"one of {sorted(_RESAMPLE)} (Pillow's numbers)")
    return {"interpolation": _RESAMPLE[value]}


def _normalisation(merged: Mapping[str, Any]) -> Dict[str, Any]:
    """``(pixel * rescale_factor - mean) / std``, with EfficientNet's two extras folded in."""
    fields: Dict[str, Any] = {"rescale_factor": 1.0, "mean": (0.0,), "std": (1.0,)}
    if merged.get("do_rescale", True):
        fields["rescale_factor"] = number(merged.get("rescale_factor", 1 / 255), "rescale_factor")
    if merged.get("do_normalize", True):
        if "image_mean" not in merged or "image_std" not in merged:
            return {"rescale_factor": fields["rescale_factor"]}
        fields["mean"] = _numbers(merged["image_mean"], "image_mean")
        fields["std"] = _numbers(merged["image_std"], "image_std")
    if merged.get("rescale_offset"):
        # pixel * factor - 1, which a mean larger by 1 says too.
        fields["mean"] = tuple(value + 1.0 for value in fields["mean"])
    if merged.get("include_top"):
        _fold_second_division(fields, merged)
    return fields


def _fold_second_division(fields: Dict[str, Any], merged: Mapping[str, Any]) -> None:
    # EfficientNet divides by image_std once more, and does so without do_normalize too.
    again = _numbers(merged["image_std"], "image_std")
    stds = fields["std"] * len(again) if len(fields["std"]) == 1 else fields["std"]
    fields["std"] = tuple(one * other for one, other in zip(stds, again))


def _numbers(value: Any, name: str) -> Tuple[float, ...]:
    values = value if isinstance(value, (list, tuple)) else [value]
    if len(values) not in (1, 3):
        raise refusal(name, value, "1 or 3 numbers")
    numbers = tuple(number(item, name) for item in values)
    if name == "image_std" and any(number <= 0 for number in numbers):
        raise refusal(name, value, "numbers above 0")
    return numbers


def _is_transformers(config: Mapping[str, Any]) -> bool:
    # timm's config.json has a home of its own.
    return "pretrained_cfg" not in config and any(
        key in config for key in ("id2label", "architectures", "model_type")
    )


def _add_config(source: Source, config: Mapping[str, Any]) -> None:
    if "id2label" in config:
        source.fields["labels"] = _labels(config["id2label"])
    problem = config.get("problem_type")
    if problem == "multi_label_classification":
        source.fields["multilabel"] = True
        source.conventions["activation"] = "sigmoid"
    elif problem == "regression":
        raise ManifestError(f"{CONFIG}: problem_type 'regression': expected a classifier")
    elif any("ImageClassification" in str(a) for a in config.get("architectures") or ()):
        # These architectures give logits.
        source.conventions["activation"] = "softmax"


def _labels(value: Any) -> Tuple[str, ...]:
    if not isinstance(value, dict) or not value:
        raise ManifestError(f"{CONFIG}: id2label: expected an object with a text per index")
    labels = []
    for index in range(len(value)):
        label = value.get(str(index))
        if not isinstance(label, str):
            raise ManifestError(f"{CONFIG}: id2label: expected a text for index {index}")
        labels.append(label)
    return tuple(labels)

"""The contract between training and device: frame -> tensor, and tensor -> scores.

``InputSpec`` exists once more in C++ (``cpp/include/edgeclf/spec.h``), field for field. Longer
than 200 lines, because the contract is one thing to read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence, Tuple, Union

from edgeclf.errors import SpecMismatch

__all__ = ["InputSpec", "OutputSpec", "ScoreCalibration"]

COLOR_MODES = ("rgb", "bgr", "gray")
RESIZE_MODES = ("stretch", "letterbox", "center-crop")
CROP_ROUNDINGS = ("round", "floor")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "area")
LAYOUTS = ("nchw", "nhwc")
DTYPES = ("float32", "float16", "uint8", "int8")
ACTIVATIONS = ("softmax", "sigmoid", "none")
SCORE_TRANSFORMATIONS = ("identity", "log", "inverse_logistic")

MAX_SIDE = 16384
LETTERBOX_PAD_VALUE = 114

# Pillow has these filters; nearest and box it applies the same way with or without antialias.
_PILLOW_ALWAYS = ("nearest", "box")
_PILLOW_ANTIALIASED = ("bilinear", "bicubic", "lanczos")


@dataclass(frozen=True)
class InputSpec:
    """How a frame becomes the model's input tensor.

    ``tensor = (pixel * rescale_factor - mean) / std`` with pixels 0..255; an 8-bit tensor is then
    ``round(tensor / scale) + zero_point``, half to even, saturated, with the model's own
    quantisation.

    Attributes:
        width, height: the tensor's size in pixels, 1..16384.
        color_mode: the tensor's channel order, "rgb", "bgr" or "gray" (Pillow's L weights).
        resize_mode: "stretch" (to width x height), "letterbox" (keep the aspect ratio, centre,
            pad; may enlarge) or "center-crop" (torchvision's Resize(resize_size), CenterCrop).
        resize_size: pixels of the shorter side before the crop; "center-crop" needs it, the
            other modes refuse it.
        crop_rounding: where the crop starts, ``round((W - w) / 2)`` half to even (torchvision)
            or "floor" (Hugging Face).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" (Pillow's) or "area"
            (OpenCV's).
        antialias: scale the filter's support when shrinking (Pillow, torchvision). False is
            OpenCV's way. Of no effect on nearest, box and area.
        exact: None gives Pillow's bytes wherever Pillow has the filter; True demands them; False
            takes 16-bit fixed point, the fastest: within 0.05 of a level (0..255) of float64,
            bilinear and box within 1 level of Pillow; a JPEG may be decoded no larger than
            needed (docs/spec.md has the bounds of both). YUV frames always get it, in full.
        rescale_factor: multiplies the pixel first.
        mean, std: per channel of the tensor, in the tensor's channel order; one value serves all
            channels. None: not normalised.
        pad_value: 0..255, one value or one per channel of the tensor. None means 114 for
            letterbox and 0 where a crop is larger than the resized picture.
        layout: "nchw" or "nhwc".
        dtype: "float32", "float16", "uint8" or "int8".

    Raises:
        SpecMismatch: a field is out of its range or two fields exclude each other.
    """

    width: int
    height: int
    color_mode: str = "rgb"
    resize_mode: str = "stretch"
    resize_size: Optional[int] = None
    crop_rounding: str = "round"
    interpolation: str = "bilinear"
    antialias: bool = True
    exact: Optional[bool] = None
    rescale_factor: float = 1.0
    mean: Optional[Tuple[float, ...]] = None
    std: Optional[Tuple[float, ...]] = None
    pad_value: Optional[Tuple[int, ...]] = None
    layout: str = "nchw"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            _require_int(name, getattr(self, name), 1, MAX_SIDE)
        _require_choice("color_mode", self.color_mode, COLOR_MODES)
        _require_choice("resize_mode", self.resize_mode, RESIZE_MODES)
        _require_choice("crop_rounding", self.crop_rounding, CROP_ROUNDINGS)
        _require_choice("interpolation", self.interpolation, INTERPOLATIONS)
        _require_choice("layout", self.layout, LAYOUTS)
        _require_choice("dtype", self.dtype, DTYPES)
        _require_bool("antialias", self.antialias)
        if self.exact is not None:
            _require_bool("exact", self.exact)
        self._check_resize_size()
        self._check_normalisation()
        self._check_exact()

    @property
    def channels(self) -> int:
        """1 for gray, else 3."""
        return 1 if self.color_mode == "gray" else 3

    @property
    def shape(self) -> Tuple[int, int, int, int]:
        """The tensor's shape with a batch of one."""
        if self.layout == "nchw":
            return (1, self.channels, self.height, self.width)
        return (1, self.height, self.width, self.channels)

    @property
    def normalised(self) -> bool:
        """Whether anything but the pixels as they are was asked for."""
        return self.mean is not None or self.std is not None or self.rescale_factor != 1.0

    @property
    def takes_pillow_bytes(self) -> bool:
        """Whether the resampled pixels are Pillow's, byte for byte."""
        return self.exact is not False and self._pillow_has_it()

    def _pillow_has_it(self) -> bool:
        if self.interpolation in _PILLOW_ALWAYS:
            return True
        return self.antialias and self.interpolation in _PILLOW_ANTIALIASED

    def _check_resize_size(self) -> None:
        if self.resize_mode == "center-crop":
            if self.resize_size is None:
                raise SpecMismatch(
                    "resize_size: 'center-crop' needs the length of the shorter side before the "
                    "crop (256 for most ImageNet models); got None"
                )
            _require_int("resize_size", self.resize_size, 1, MAX_SIDE)
        elif self.resize_size is not None:
            raise SpecMismatch(
                f"resize_size: only 'center-crop' takes it; got {self.resize_size!r} with "
                f"resize_mode {self.resize_mode!r}. Leave it out, or change resize_mode"
            )

    def _check_normalisation(self) -> None:
        _require_finite("rescale_factor", self.rescale_factor)
        if self.rescale_factor == 0:
            raise SpecMismatch("rescale_factor: must not be 0: every pixel would become the same")
        for name in ("mean", "std", "pad_value"):
            value = getattr(self, name)
            if value is not None:
                # A frozen dataclass still normalises what it was given: 0.5 -> (0.5,).
                object.__setattr__(self, name, _per_channel(name, value, self.channels))
        if self.std is not None and any(s <= 0 for s in self.std):
            raise SpecMismatch(f"std: every value must be above 0; got {self.std}")
        if self.pad_value is not None:
            if any(v != int(v) or not 0 <= v <= 255 for v in self.pad_value):
                raise SpecMismatch(
                    f"pad_value: expected whole numbers 0..255, got {self.pad_value}"
                )
            object.__setattr__(self, "pad_value", tuple(int(v) for v in self.pad_value))

    def _check_exact(self) -> None:
        if self.exact and not self._pillow_has_it():
            raise SpecMismatch(
                f"exact: Pillow has no {self.interpolation!r} with antialias={self.antialias}, so "
                "its bytes cannot be given. Use exact=None, or antialias=True with bilinear, "
                "bicubic, lanczos or box"
            )


@dataclass(frozen=True)
class ScoreCalibration:
    """Per-class sigmoid that makes scores comparable, as TFLite Metadata defines it.

    ``score = scale / (1 + exp(-(slope * g(x) + offset)))`` where the class has parameters and
    ``x > min_score`` (or no min_score is set), else ``default_score``; g is the identity, log(x)
    or log(x / (1 - x)). Source: score_calibration in TFLite's metadata_schema.fbs.

    Attributes:
        transformation: "identity", "log" or "inverse_logistic".
        default_score: the score of a class without parameters, or below its minimum.
        parameters: one entry per class: (scale, slope, offset, min_score or None), or None.
    """

    transformation: str = "identity"
    default_score: float = 0.0
    parameters: Tuple[Optional[Tuple[float, float, float, Optional[float]]], ...] = ()

    def __post_init__(self) -> None:
        _require_choice("score_calibration", self.transformation, SCORE_TRANSFORMATIONS)
        _require_finite("score_calibration.default_score", self.default_score)
        for row in self.parameters:
            if row is None:
                continue
            if len(row) != 4:
                raise SpecMismatch(
                    "score_calibration: expected (scale, slope, offset, min_score) per class, "
                    f"got {row!r}"
                )
            for value in row:
                if value is not None:
                    _require_finite("score_calibration", value)
            if row[0] < 0:
                raise SpecMismatch(f"score_calibration: scale must not be negative, got {row[0]}")


@dataclass(frozen=True)
class OutputSpec:
    """How the model's raw output becomes scores and labels.

    Attributes:
        labels: one text per class; None shows the index instead.
        activation: what the SDK still has to apply: "softmax", "sigmoid", or "none" when the
            graph ends in one or its raw output is wanted.
        label_offset: ``label = labels[index + label_offset]``; 1 where the labels begin with a
            "background" that the model does not have, -1 for the reverse (index 0 then shows
            as its index).
        multilabel: several classes may be true at once; needs "sigmoid" or "none", and its
            threshold is 0.5 unless one is given.
        score_calibration: see ScoreCalibration; applied after the activation.
        thresholds: a class is reported when ``score >= threshold``: one value for all classes,
            or one per class. None reports whatever top_k lets through.

    Raises:
        SpecMismatch: a field is out of its range or two fields exclude each other.
    """

    labels: Optional[Tuple[str, ...]] = None
    activation: str = "none"
    label_offset: int = 0
    multilabel: bool = False
    score_calibration: Optional[ScoreCalibration] = None
    thresholds: Optional[Tuple[float, ...]] = None

    def __post_init__(self) -> None:
        _require_choice("activation", self.activation, ACTIVATIONS)
        _require_int("label_offset", self.label_offset, -(2**20), 2**20)
        _require_bool("multilabel", self.multilabel)
        if self.multilabel and self.activation == "softmax":
            raise SpecMismatch(
                "multilabel: softmax makes the classes exclude each other; use activation "
                "'sigmoid', or 'none' when the graph ends in a sigmoid"
            )
        if self.labels is not None:
            object.__setattr__(self, "labels", _labels(self.labels))
        if self.thresholds is not None:
            values = self.thresholds
            if isinstance(values, (int, float)) and not isinstance(values, bool):
                values = (values,)
            for value in values:
                _require_finite("thresholds", value)
            object.__setattr__(self, "thresholds", tuple(float(v) for v in values))


def _labels(labels: Sequence[str]) -> Tuple[str, ...]:
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise SpecMismatch("labels: expected a sequence of texts, one per class")
    return tuple(labels)


def _require_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise SpecMismatch(f"{name}: expected one of {', '.join(choices)}; got {value!r}")


def _require_int(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SpecMismatch(f"{name}: expected a whole number {low}..{high}, got {value!r}")


def _require_bool(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise SpecMismatch(f"{name}: expected True or False, got {value!r}")


def _require_finite(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise SpecMismatch(f"{name}: expected a finite number, got {value!r}")


def _per_channel(
    name: str, value: Union[float, Sequence[float]], channels: int
) -> Tuple[float, ...]:
    values = (value,) if isinstance(value, (int, float)) else tuple(value)
    if len(values) not in (1, channels):
        raise SpecMismatch(
            f"{name}: expected 1 or {channels} values (one per channel of the tensor), "
            f"got {len(values)}"
        )
    for item in values:
        _require_finite(name, item)
    # One value is one fact however it is written, so that two sources that both say 127.5, once
    # as a number and once per channel, do not contradict each other.
    if len(set(values)) == 1:
        values = values[:1]
    return tuple(float(item) for item in values)


def fields_of(mapping: Mapping[str, Any], cls: type) -> Mapping[str, Any]:
    """The part of `mapping` that names fields of the dataclass `cls`."""
    names = cls.__dataclass_fields__  # type: ignore[attr-defined]
    return {name: value for name, value in mapping.items() if name in names}

"""Whether the finished specs fit the model's tensors."""

from __future__ import annotations

from typing import Mapping, Optional

from edgeclf.errors import SpecMismatch
from edgeclf.manifest.normalisation import formula, same_formula
from edgeclf.manifest.tensors import class_count, text_of
from edgeclf.spec import InputSpec, OutputSpec
from edgeclf.types import TensorInfo

__all__ = ["check_input_fits", "check_output_fits"]

_8_BIT = ("uint8", "int8")


def check_input_fits(
    spec: InputSpec, tensor: TensorInfo, provenance: Mapping[str, str], model: str
) -> None:
    """An 8-bit input can be normalised only where its quantisation is known.

    Raises:
        SpecMismatch: it is not known, and the spec asks for more than the pixels as they are.
    """
    if tensor.dtype not in _8_BIT or tensor.quantization is not None:
        return
    wanted = formula(spec.rescale_factor, spec.mean, spec.std)
    if not same_formula(wanted, formula(1.0, None, None)):
        raise SpecMismatch(
            f"{model}: mean, std: {provenance['mean']} asks for a normalised tensor, but "
            f"{text_of(tensor)} is 8-bit without a quantisation to store it with. Such an input "
            "takes the pixels as they are: give mean and std as None, rescale_factor as 1"
        )


def check_output_fits(
    spec: OutputSpec, scores: TensorInfo, provenance: Mapping[str, str], model: str
) -> None:
    """Labels, thresholds and calibration against the number of classes.

    Raises:
        SpecMismatch: a number differs, or the scores cannot be what the spec takes them for.
    """
    classes = class_count(scores, model)
    if spec.activation != "none" and scores.dtype in _8_BIT and scores.quantization is None:
        raise SpecMismatch(
            f"{model}: activation: {provenance['activation']} says {spec.activation!r}, but "
            f"{text_of(scores)} is 8-bit without a quantisation: its codes are no logits"
        )
    if classes is None:
        return
    if spec.labels is not None:
        _check_labels(len(spec.labels), spec.label_offset, classes, provenance, model)
    if spec.thresholds is not None and len(spec.thresholds) not in (1, classes):
        raise SpecMismatch(
            f"{model}: thresholds: expected one, or one for each of {classes} classes; "
            f"{provenance['thresholds']} gives {len(spec.thresholds)}"
        )
    if spec.score_calibration is not None:
        rows = len(spec.score_calibration.parameters)
        if rows != classes:
            raise SpecMismatch(
                f"{model}: score_calibration: expected parameters for each of {classes} classes; "
                f"{provenance['score_calibration']} gives {rows}"
            )


def _check_labels(
    labels: int, offset: int, classes: int, provenance: Mapping[str, str], model: str
) -> None:
    if labels == classes + offset:
        return
    wanted = f"{classes} labels"
    if offset:
        wanted = f"{classes + offset} labels ({classes} classes, label_offset {offset})"
    raise SpecMismatch(
        f"{model}: labels: expected {wanted}, got {labels} from {provenance['labels']}. "
        + (_cure(labels - classes) or "Use the labels that the model was trained with")
    )


def _cure(difference: int) -> Optional[str]:
    if difference == 1:
        return (
            "If the labels begin with a 'background' that the model does not have, say "
            "label_offset=1"
        )
    if difference == -1:
        return "If the model's class 0 is a 'background' that has no label, say label_offset=-1"
    return None

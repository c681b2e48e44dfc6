"""Does the engine, or the model that it was built from, answer as the original does?"""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple

import numpy as np

from edgeclf.backends import Backend, load_backend
from edgeclf.build.pictures import Pictures
from edgeclf.build.report import CheckReport
from edgeclf.model_file import ModelFile
from edgeclf.postprocess import Postprocessor
from edgeclf.spec import InputSpec, OutputSpec

__all__ = ["Answering", "compare", "in_onnxruntime", "tolerance_of"]

# In scores (0..1 after softmax or sigmoid). A quantised original is itself half a step off in each
# of its tensors, so nothing that is built from one can be closer to it than int8 is.
_TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2, "int8": 1e-1}
# The part of the pictures that must agree; of synthetic ones, int8 has to agree on half: that
# tells a broken model from a sound one, and no more.
_ENOUGH = {"fp32": 1.0, "fp16": 1.0, "int8": 0.9}
_ENOUGH_SYNTHETIC = {"fp32": 1.0, "fp16": 1.0, "int8": 0.5}


class Answering(NamedTuple):
    """A loaded model, and what is needed to ask it.

    ``batch`` is the smallest one that it takes, where its batch is open: the picture fills it.
    """

    backend: Backend
    input_spec: InputSpec
    output_spec: OutputSpec
    batch: int = 1


def tolerance_of(precision: str, quantized_original: bool) -> float:
    """How far a score may be from the original's."""
    return _TOLERANCES["int8" if quantized_original else precision]


def in_onnxruntime(content: Any, input_spec: InputSpec, output_spec: OutputSpec) -> Answering:
    """An ONNX model in ONNX Runtime, on the CPU.

    Raises:
        BackendUnavailable: onnxruntime is not installed. ModelError: it cannot read the model.
    """
    model = content if isinstance(content, ModelFile) else ModelFile(content)
    return Answering(load_backend(model, "onnxruntime", device="cpu"), input_spec, output_spec)


def compare(
    original: Answering,
    candidate: Answering,
    pictures: Pictures,
    *,
    compared: str,
    reason: str,
    precision: str,
    quantized_original: bool,
) -> CheckReport:
    """Ask both about every picture. `reason` says why it is not the engine that is asked.

    Raises:
        InferenceError: one of them failed, or gave numbers that are not numbers.
    """
    tolerance = tolerance_of(precision, quantized_original)
    same = agreeing = count = 0
    largest = total = 0.0
    for ours, theirs in zip(_scores(original, pictures), _scores(candidate, pictures)):
        count += 1
        scale = _scale(ours, original.output_spec)
        difference = np.abs(theirs - ours) / scale
        largest = max(largest, float(difference.max()))
        total += float(difference.mean())
        best, found = int(ours.argmax()), int(theirs.argmax())
        same += best == found
        agreeing += float(ours[best] - ours[found]) / scale <= tolerance
    parts = _ENOUGH_SYNTHETIC if pictures.synthetic else _ENOUGH
    enough = parts["int8" if quantized_original else precision]
    return CheckReport(
        compared,
        reason,
        count,
        pictures.name,
        same,
        agreeing,
        largest,
        total / max(count, 1),
        tolerance,
        count > 0 and agreeing >= enough * count,
    )


def _scores(answering: Answering, pictures: Pictures) -> Iterator[np.ndarray]:
    """Float64 scores of each picture."""
    backend, spec = answering.backend, answering.input_spec
    info = backend.outputs[0]
    batch = backend.input.shape[0] or answering.batch
    request = backend.new_request(batch, spec.shape[1:])
    classes = int(request.infer()[0].shape[1])
    scores_of = Postprocessor(answering.output_spec, classes, info, top_k=1)
    for tensor in pictures.tensors(spec):
        request.input[...] = tensor
        yield scores_of.of_item(request.infer(), 0)[0].astype(np.float64)


def _scale(scores: np.ndarray, spec: OutputSpec) -> float:
    """Raw output has no fixed range: there a difference counts in parts of its spread."""
    in_range = scores.min() >= 0 and scores.max() <= 1
    if spec.activation != "none" or in_range:
        return 1.0
    return float(scores.max() - scores.min()) or 1.0

"""One spec out of all homes: precedence, contradictions, the tensors' facts, what is missing."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

from edgeclf.errors import SpecMismatch
from edgeclf.manifest import argument, missing
from edgeclf.manifest.base import GraphFacts, Resolved, Source
from edgeclf.manifest.coherence import FROM_DEFAULT, Choice, refuse_contradictions, refuse_mixtures
from edgeclf.manifest.fit import check_input_fits, check_output_fits
from edgeclf.manifest.tensors import class_count, tensor_fields
from edgeclf.spec import InputSpec, OutputSpec, fields_of
from edgeclf.types import TensorInfo

__all__ = ["resolve"]

FROM_TENSOR = "model's tensor"
FROM_GRAPH = "model's graph"


_DEFAULTS: Dict[str, Any] = {
    "color_mode": "rgb",
    "resize_size": None,
    "crop_rounding": "round",
    "antialias": True,
    "exact": None,
    "rescale_factor": 1.0,
    "mean": None,
    "std": None,
    "pad_value": None,
    "labels": None,
    "label_offset": 0,
    "multilabel": False,
    "score_calibration": None,
    "thresholds": None,
}


def resolve(
    sources: Sequence[Source],
    input: TensorInfo,
    scores: TensorInfo,
    graph: GraphFacts,
    model_name: str,
) -> Resolved:
    """The specs of a model out of everything that is known of it.

    Args:
        sources: what `read` gave, in order of precedence.
        input: the model's input: (batch, channels, height, width) or (batch, height, width,
            channels), float32, float16, uint8 or int8; None where a dimension is dynamic.
        scores: the output that holds the scores: (batch, classes), further ones tolerated.
        graph: what `graph_facts` gave.
        model_name: the model's file name, for messages.

    Returns:
        The specs, and for every field of them where it comes from.

    Raises:
        ManifestError: two sources below the arguments state different values for one field,
            values from different sources do not belong together, or a field is missing.
        SpecMismatch: a statement disagrees with a tensor, a field is out of its range, the
            number of labels is not the number of classes, or this is no image classifier.

    Thread-safe: it changes nothing that it is given.
    """
    class_count(scores, model_name)  # first of all: is it a classifier?
    refuse_contradictions(sources, model_name)
    chosen = _statements(sources)
    facts = tensor_fields(input, _effective(sources), model_name)
    _refuse_double_activation(chosen, graph, model_name)
    if graph.activation is not None:
        facts["activation"] = graph.activation
    _add_facts(chosen, facts)
    _add_conventions(chosen, sources)
    _drop_unused_resize_size(chosen, sources)
    refuse_mixtures(chosen, model_name)
    missing.refuse(chosen, input, model_name)
    for name, value in _DEFAULTS.items():
        chosen.setdefault(name, (value, Source(FROM_DEFAULT)))
    provenance = {name: _provenance(name, source) for name, (_, source) in chosen.items()}
    values = {name: value for name, (value, _) in chosen.items()}
    input_spec, output_spec = _specs(values, provenance, model_name)
    check_input_fits(input_spec, input, provenance, model_name)
    check_output_fits(output_spec, scores, provenance, model_name)
    return Resolved(input_spec, output_spec, input.quantization, provenance, graph, tuple(sources))


def _statements(sources: Sequence[Source]) -> Dict[str, Choice]:
    """For each field the first source that states it."""
    chosen: Dict[str, Choice] = {}
    for source in sources:
        for name, value in source.fields.items():
            chosen.setdefault(name, (value, source))
    return chosen


def _effective(sources: Sequence[Source]) -> Dict[str, List[Tuple[Any, str]]]:
    """What is said of each field: by the argument alone where it speaks, else by all others."""
    said: Dict[str, List[Tuple[Any, str]]] = {}
    for source in sources:
        for name, value in source.fields.items():
            if name in said and said[name][0][1] == argument.NAME:
                continue
            said.setdefault(name, []).append((value, source.name))
    return said


def _add_facts(chosen: Dict[str, Choice], facts: Dict[str, Any]) -> None:
    for name, value in facts.items():
        where = FROM_GRAPH if name == "activation" else FROM_TENSOR
        chosen.setdefault(name, (value, Source(where)))


def _add_conventions(chosen: Dict[str, Choice], sources: Sequence[Source]) -> None:
    """What kinds of files imply, wherever nothing is stated."""
    stated = set(chosen)
    for source in sources:
        for name, value in source.conventions.items():
            # A filter that was stated elsewhere does not take over this one's antialiasing.
            foreign = "interpolation" in stated and chosen["interpolation"][1] is not source
            if name == "antialias" and foreign:
                continue
            chosen.setdefault(name, (value, source))


def _drop_unused_resize_size(chosen: Dict[str, Choice], sources: Sequence[Source]) -> None:
    """A resize_size from below goes with the center-crop that was overruled."""
    if "resize_size" not in chosen or "resize_mode" not in chosen:
        return
    (mode, above), (_, below) = chosen["resize_mode"], chosen["resize_size"]
    if mode == "center-crop" or above is below:
        return
    if "resize_size" not in below.fields or _rank(sources, below) > _rank(sources, above):
        del chosen["resize_size"]


def _rank(sources: Sequence[Source], wanted: Source) -> int:
    return next((i for i, source in enumerate(sources) if source is wanted), len(sources))


def _refuse_double_activation(chosen: Dict[str, Choice], graph: GraphFacts, model: str) -> None:
    if "activation" not in chosen or graph.activation != "none":
        return
    value, source = chosen["activation"]
    ends = {"softmax": ("softmax",), "sigmoid": ("sigmoid", "logistic")}.get(value, ())
    if graph.final_operator.lower() in ends:
        raise SpecMismatch(
            f"{model}: activation: {source.name} says {value!r}, but the graph itself ends in "
            f"{graph.final_operator}: the scores would pass through it twice. Say 'none', or "
            "leave it out"
        )


def _provenance(name: str, source: Source) -> str:
    if name in source.conventions and name not in source.fields:
        return f"convention ({source.name})"
    return source.name


def _specs(
    values: Dict[str, Any], provenance: Dict[str, str], model: str
) -> Tuple[InputSpec, OutputSpec]:
    try:
        return (
            InputSpec(**fields_of(values, InputSpec)),
            OutputSpec(**fields_of(values, OutputSpec)),
        )
    except SpecMismatch as exc:
        name = str(exc).split(":")[0]
        home = f" ({name} comes from: {provenance[name]})" if name in provenance else ""
        raise SpecMismatch(f"{model}: {exc}{home}") from exc

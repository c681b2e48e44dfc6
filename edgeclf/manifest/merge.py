"""One spec out of all homes: precedence, contradictions, the tensors' facts, and what is missing."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from edgeclf.errors import ManifestError, SpecMismatch
from edgeclf.manifest import argument, missing, normalisation
from edgeclf.manifest.base import GraphFacts, Resolved, Source
from edgeclf.manifest.fit import check_input_fits, check_output_fits
from edgeclf.manifest.normalisation import same_value
from edgeclf.manifest.tensors import tensor_fields
from edgeclf.spec import InputSpec, OutputSpec, fields_of
from edgeclf.types import TensorInfo

__all__ = ["resolve"]

FROM_TENSOR = "model's tensor"
FROM_GRAPH = "model's graph"
FROM_DEFAULT = "default"

# A value, and where it comes from: a source, or the words for the provenance.
Choice = Tuple[Any, Source]

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

# A value that was written for another: where it comes from one source and its base from another
# that differs, the pair was never meant.
_WRITTEN_FOR = (
    ("resize_size", "width"),
    ("resize_size", "height"),
    ("mean", "color_mode"),
    ("std", "color_mode"),
)


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
    _refuse_contradictions(sources, model_name)
    chosen = _statements(sources)
    facts = tensor_fields(input, _effective(sources), model_name)
    _refuse_double_activation(chosen, graph, model_name)
    if graph.activation is not None:
        facts["activation"] = graph.activation
    _add_facts(chosen, facts)
    _add_conventions(chosen, sources)
    _drop_unused_resize_size(chosen, sources)
    _refuse_mixtures(chosen, model_name)
    missing.refuse(chosen, input, model_name)
    for name, value in _DEFAULTS.items():
        chosen.setdefault(name, (value, Source(FROM_DEFAULT)))
    provenance = {name: _provenance(name, source) for name, (_, source) in chosen.items()}
    values = {name: value for name, (value, _) in chosen.items()}
    input_spec, output_spec = _specs(values, provenance, model_name)
    check_input_fits(input_spec, input, provenance, model_name)
    check_output_fits(output_spec, scores, provenance, model_name)
    return Resolved(
        input_spec, output_spec, input.quantization, provenance, graph, tuple(sources)
    )


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


def _refuse_contradictions(sources: Sequence[Source], model: str) -> None:
    given = [source for source in sources if source.name == argument.NAME]
    settled = {name for source in given for name in source.fields}
    homes = [source for source in sources if source.name != argument.NAME]
    for index, one in enumerate(homes):
        for other in homes[index + 1 :]:
            name = _contradiction(one, other, settled)
            if name is not None:
                raise ManifestError(
                    f"{model}: {name}: {one.name} says {_short(one.fields[name])}, but "
                    f"{other.name} says {_short(other.fields[name])}. Give {name} as an argument "
                    f"(spec={{{name!r}: ...}}), or delete one of the two"
                )


def _contradiction(one: Source, other: Source, settled: Any) -> Optional[str]:
    formulas = normalisation.formula_of(one), normalisation.formula_of(other)
    same = None not in formulas and normalisation.same_formula(formulas[0], formulas[1])  # type: ignore[arg-type]
    for name, value in one.fields.items():
        if name in settled or name not in other.fields:
            continue
        if same and name in normalisation.FIELDS:
            continue
        if not same_value(name, value, other.fields[name]):
            return name
    return None


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
            if name == "antialias" and "interpolation" in stated:
                if chosen["interpolation"][1] is not source:
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


def _refuse_mixtures(chosen: Dict[str, Choice], model: str) -> None:
    for name, base in _WRITTEN_FOR:
        if name not in chosen or base not in chosen:
            continue
        (value, home), (now, other) = chosen[name], chosen[base]
        written = home.fields.get(base, home.conventions.get(base))
        if written in (None, now) or name != "resize_size" and len(value or ()) < 2:
            continue
        raise ManifestError(
            f"{model}: {name} {_short(value)} comes from {home.name}, where {base} is "
            f"{written!r}; but {other.name} makes {base} {now!r}. Give {name} as an argument too"
        )
    _settle_normalisation(chosen, model)


def _settle_normalisation(chosen: Dict[str, Choice], model: str) -> None:
    trio = {name: chosen[name] for name in normalisation.FIELDS if name in chosen}
    found = normalisation.mixed(trio)
    if found is None:
        return
    name, source, home = found
    formula, same = normalisation.formula_of(source), normalisation.formula_of(home)
    if formula is not None and same is not None and normalisation.same_formula(formula, same):
        chosen["rescale_factor"] = (1.0, Source(FROM_DEFAULT))
        return
    raise ManifestError(
        f"{model}: rescale_factor {chosen['rescale_factor'][0]:.6g} comes from {home.name}, but "
        f"{name} {_short(chosen[name][0])} from {source.name}: together they would be another "
        "formula. Give rescale_factor, mean and std together (rescale_factor 1 for a mean and "
        "std of pixels 0..255)"
    )


def _refuse_double_activation(
    chosen: Dict[str, Choice], graph: GraphFacts, model: str
) -> None:
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


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."



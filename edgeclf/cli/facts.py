"""What can be found out about a model, as plain data, also when it cannot be used yet."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from edgeclf import manifest, models
from edgeclf.backends import Backend, load_backend
from edgeclf.classifier import Classifier
from edgeclf.cli.engine_facts import contradiction, engine_facts, inspector_text
from edgeclf.errors import BackendUnavailable, EdgeclfError
from edgeclf.manifest.base import Source
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec
from edgeclf.types import TensorInfo

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Arguments", "facts_of_model"]

_FEW_LABELS = 3
_INPUT_FIELDS = tuple(field.name for field in fields(InputSpec))
_OUTPUT_FIELDS = tuple(field.name for field in fields(OutputSpec))


class Arguments(NamedTuple):
    """What the command line says of a model."""

    model: Optional["Path"]
    spec: Optional["Path"]
    labels: Optional["Path"]
    backend: Optional[str]


def facts_of_model(arguments: Arguments) -> Dict[str, Any]:
    """Everything known of a model, ready for JSON.

    The key "problem" holds the EdgeclfError that keeps the model from being used, or None; all
    else is then what could still be found out. An engine is often looked at where it cannot run:
    that no runtime for it is here is not its problem, and stands under "runtime_missing".

    Raises:
        ModelError: there is no such file, or it is not a model at all.
    """
    file = ModelFile(
        models.default_model(arguments.backend) if arguments.model is None else arguments.model
    )
    facts: Dict[str, Any] = {
        "model": {
            "name": file.name,
            "path": str(file.path),
            "format": file.format,
            "size_bytes": len(file.content),
            "sha256": file.sha256,
        },
        "engine": None,
        "runtime": None,
        "runtime_missing": None,
        "inspector": None,
        "inputs": [],
        "outputs": [],
        "placement": [],
        "input_spec": {},
        "output_spec": {},
        "labels": None,
        "problem": None,
    }
    try:
        with Classifier(
            file.path, spec=arguments.spec, labels=arguments.labels, backend=arguments.backend
        ) as classifier:
            facts.update(_graph(file))
            facts.update(engine_facts(file))
            facts.update(_tensors(classifier.backend))
            facts.update(_resolved(classifier))
    except EdgeclfError as exc:
        for part in (_graph, engine_facts, _loaded(arguments), _stated(arguments)):
            with suppress(EdgeclfError):  # the problem itself, or one that follows from it
                facts.update(part(file))
        facts["problem"] = exc
        unasked = arguments.backend is None and isinstance(exc, BackendUnavailable)
        if file.format == "engine" and unasked:
            problem = contradiction(file, arguments.spec, arguments.labels)
            facts.update({"runtime_missing": str(exc), "problem": problem})
    return facts


def _graph(file: ModelFile) -> Dict[str, Any]:
    graph = manifest.graph_facts(file)
    return {"final_operator": graph.final_operator or None, "precision": graph.precision or None}


def _loaded(arguments: Arguments) -> Callable[[ModelFile], Dict[str, Any]]:
    def part(file: ModelFile) -> Dict[str, Any]:
        manifest.check_external_data(file)
        backend = load_backend(file, arguments.backend)
        try:
            return _tensors(backend)
        finally:
            backend.close()

    return part


def _tensors(backend: Backend) -> Dict[str, Any]:
    return {
        "runtime": {"backend": backend.name, "runtime": backend.runtime, "device": backend.device},
        "inputs": [_tensor(backend.input)],
        "outputs": [_tensor(output) for output in backend.outputs],
        "placement": [placement._asdict() for placement in backend.placement],
        **inspector_text(backend),
    }


def _tensor(info: TensorInfo) -> Dict[str, Any]:
    quantization = info.quantization
    return {
        "name": info.name,
        "shape": list(info.shape),
        "dtype": info.dtype,
        "quantization": quantization._asdict() if quantization else None,
    }


def _resolved(classifier: Classifier) -> Dict[str, Any]:
    sources = classifier.provenance
    outputs = {
        name: value for name, value in _values(classifier.output_spec).items() if name != "labels"
    }
    return {
        "input_spec": _with_sources(_values(classifier.input_spec), sources),
        "output_spec": _with_sources(outputs, sources),
        "labels": _labels(classifier.labels, sources.get("labels", "")),
    }


def _values(spec: Any) -> Dict[str, Any]:
    return {field.name: getattr(spec, field.name) for field in fields(spec)}


def _with_sources(values: Dict[str, Any], sources: Dict[str, str]) -> Dict[str, Any]:
    return {
        name: {"value": _plain(value), "source": sources.get(name, "")}
        for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    return list(value) if isinstance(value, tuple) else value


def _labels(labels: Optional[Sequence[str]], source: str) -> Optional[Dict[str, Any]]:
    if labels is None:
        return None
    few = min(_FEW_LABELS, len(labels) // 2)
    return {
        "count": len(labels),
        "first": list(labels[: few or len(labels)]),
        "last": list(labels[len(labels) - few :]) if few else [],
        "source": source,
    }


def _stated(arguments: Arguments) -> Callable[[ModelFile], Dict[str, Any]]:
    """What the sources say, the first one first; not checked against each other or the model."""

    def part(file: ModelFile) -> Dict[str, Any]:
        sources = manifest.read(file, spec=arguments.spec, labels=arguments.labels)
        values, names = _first_statements(sources)
        inputs = {name: values[name] for name in _INPUT_FIELDS if name in values}
        outputs = {name: values[name] for name in _OUTPUT_FIELDS if name in values}
        labels = outputs.pop("labels", None)
        return {
            "input_spec": _with_sources(inputs, names),
            "output_spec": _with_sources(outputs, names),
            "labels": _labels(labels, names.get("labels", "")),
        }

    return part


def _first_statements(sources: List[Source]) -> "tuple[Dict[str, Any], Dict[str, str]]":
    values: Dict[str, Any] = {}
    names: Dict[str, str] = {}
    for source in sources:
        for name, value in source.fields.items():
            if name not in values:
                values[name], names[name] = value, source.name
    for source in sources:
        for name, value in source.conventions.items():
            if name not in values:
                values[name], names[name] = value, f"convention ({source.name})"
    return values, names

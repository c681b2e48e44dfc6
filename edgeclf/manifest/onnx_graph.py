"""What an ONNX graph says of its end and of its weights."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Iterator, Tuple

from edgeclf.errors import ModelError
from edgeclf.manifest.base import GraphFacts
from edgeclf.manifest.onnx_schema import parse_model, text
from edgeclf.model_file import ModelFile

__all__ = ["graph_facts"]

# Operators that only re-shape, re-quantise or convert: the scores pass through their first input.
_PASSING = (
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Cast",
    "QuantizeLinear",
    "DequantizeLinear",
)
_ACTIVATIONS = ("Softmax", "Sigmoid")
_STANDARD_DOMAINS = ("", "ai.onnx")

# TensorProto.DataType -> precision; the types that weights do not have are left out.
_PRECISIONS = {1: "fp32", 11: "fp32", 10: "fp16", 16: "fp16", 2: "int8", 3: "int8"}


def graph_facts(model: ModelFile) -> GraphFacts:
    """The producer of the first output, the activation it means, and the weights' precision.

    Raises:
        ModelError: damaged, or the graph has no output. BackendUnavailable: no protobuf.
    """
    graph = parse_model(model).graph
    if not graph.output:
        raise ModelError(f"{model.name}: the graph has no output. Was the copy cut short?")
    name, domain = _producer(graph, graph.output[0].name)
    known = name in _ACTIVATIONS and domain in _STANDARD_DOMAINS
    return GraphFacts(name, "none" if known else None, _precision(graph))


def _producer(graph: Any, wanted: bytes) -> Tuple[str, str]:
    """(operator, domain) of what gives the values of `wanted`; empty where nothing does."""
    producers: Dict[bytes, Any] = {}
    for node in graph.node:
        producers.update((name, node) for name in node.output)
    # Each step leads to a node not seen before, so a cycle in a damaged file ends too.
    while wanted in producers:
        node = producers.pop(wanted)
        name, domain = text(node.op_type), text(node.domain)
        if name not in _PASSING or domain not in _STANDARD_DOMAINS or not node.input:
            return name, domain
        wanted = node.input[0]
    return "", ""


def _precision(graph: Any) -> str:
    elements: Counter[str] = Counter()
    for tensor in _weights(graph):
        precision = _PRECISIONS.get(tensor.data_type)
        if precision is not None:
            elements[precision] += _size(tensor.dims)
    return max(elements, key=lambda name: elements[name]) if elements else "fp32"


def _weights(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        if node.op_type == b"Constant":
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t


def _size(dims: Any) -> int:
    size = 1
    for dim in dims:
        size *= max(dim, 0)
    return size

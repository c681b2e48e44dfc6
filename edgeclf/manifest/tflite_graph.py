"""What a TFLite graph says of its end and of its weights; and its metadata's bytes."""

from __future__ import annotations

from collections import Counter
from typing import Dict, List, Optional, Tuple

from edgeclf.errors import ModelError
from edgeclf.manifest.base import GraphFacts
from edgeclf.manifest.tflite_schema import Node, root
from edgeclf.model_file import ModelFile

__all__ = ["graph_facts", "metadata_buffer", "output_count"]

# Field numbers of schema.fbs.
_MODEL_OPERATOR_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_METADATA = 1, 2, 4, 6
_CODE_OLD, _CODE_CUSTOM, _CODE_NEW = 0, 1, 3
_SUBGRAPH_TENSORS, _SUBGRAPH_OUTPUTS, _SUBGRAPH_OPERATORS = 0, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER = 0, 1, 2
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS = 0, 1, 2
_METADATA_NAME, _METADATA_BUFFER = 0, 1
_BUFFER_DATA, _BUFFER_OFFSET = 0, 1

# BuiltinOperator: those a classifier may end in; another is shown by its number.
_OPERATORS: Dict[int, str] = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    11: "L2_NORMALIZATION",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    21: "RELU6",
    22: "RESHAPE",
    25: "SOFTMAX",
    32: "CUSTOM",
    40: "MEAN",
    43: "SQUEEZE",
    50: "LOG_SOFTMAX",
    53: "CAST",
    56: "ARG_MAX",
    70: "EXPAND_DIMS",
    114: "QUANTIZE",
    117: "HARD_SWISH",
}
_PASSING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CAST", "QUANTIZE", "DEQUANTIZE")
_ACTIVATIONS = ("SOFTMAX", "LOGISTIC")

# TensorType -> precision; int32 and int64 hold biases and shapes.
_PRECISIONS = {0: "fp32", 1: "fp16", 3: "int8", 9: "int8"}


def graph_facts(model: ModelFile) -> GraphFacts:
    """The producer of the first output, the activation it means, and the weights' precision.

    Raises:
        ModelError: truncated or damaged. BackendUnavailable: no flatbuffers package.
    """
    tree = root(model.content, model.name)
    subgraph, outputs = _main_graph(tree, model)
    codes = [_operator_name(code) for code in tree.tables(_MODEL_OPERATOR_CODES)]
    name = _producer(subgraph, codes, outputs[0], model.name)
    return GraphFacts(name, "none" if name in _ACTIVATIONS else None, _precision(tree, subgraph))


def output_count(model: ModelFile) -> int:
    """How many outputs the model has, 1 or more.

    Raises:
        ModelError: truncated or damaged. BackendUnavailable: no flatbuffers package.
    """
    return len(_main_graph(root(model.content, model.name), model)[1])


def _main_graph(tree: Node, model: ModelFile) -> Tuple[Node, Tuple[int, ...]]:
    subgraph = next(tree.tables(_MODEL_SUBGRAPHS), None)
    outputs = () if subgraph is None else subgraph.numbers(_SUBGRAPH_OUTPUTS, "i")
    if subgraph is None or not outputs:
        raise ModelError(f"{model.name}: the graph has no output: damaged, or no TFLite model")
    return subgraph, outputs


def _operator_name(code: Node) -> str:
    # Operators beyond 127 are in the newer field; the older one then holds a placeholder.
    number = max(code.scalar(_CODE_OLD, "b"), code.scalar(_CODE_NEW, "i"))
    if number == 32:
        return code.text(_CODE_CUSTOM) or "CUSTOM"
    return _OPERATORS.get(number, f"builtin operator {number}")


def _producer(subgraph: Node, codes: List[str], wanted: int, model: str) -> str:
    producers: Dict[int, Tuple[str, Tuple[int, ...]]] = {}
    for operator in subgraph.tables(_SUBGRAPH_OPERATORS):
        index = operator.scalar(_OPERATOR_CODE, "I")
        if index >= len(codes):
            raise ModelError(f"{model}: an operator without a code: damaged. Copy the model again")
        inputs = operator.numbers(_OPERATOR_INPUTS, "i")
        for output in operator.numbers(_OPERATOR_OUTPUTS, "i"):
            producers[output] = (codes[index], inputs)
    # Each step leads to an operator not seen before, so a cycle in a damaged file ends too.
    while wanted in producers:
        name, inputs = producers.pop(wanted)
        if name not in _PASSING or not inputs:
            return name
        wanted = inputs[0]
    return ""


def _precision(tree: Node, subgraph: Node) -> str:
    stored = [_is_stored(buffer) for buffer in tree.tables(_MODEL_BUFFERS)]
    elements: Counter[str] = Counter()
    for tensor in subgraph.tables(_SUBGRAPH_TENSORS):
        buffer = tensor.scalar(_TENSOR_BUFFER, "I")
        precision = _PRECISIONS.get(tensor.scalar(_TENSOR_TYPE, "b"))
        if precision is None or buffer >= len(stored) or not stored[buffer]:
            continue
        size = 1
        for dim in tensor.numbers(_TENSOR_SHAPE, "i"):
            size *= max(dim, 0)
        elements[precision] += size
    return max(elements, key=lambda name: elements[name]) if elements else "fp32"


def _is_stored(buffer: Node) -> bool:
    # Models over 2 GB keep a buffer's bytes behind the FlatBuffer, at an offset.
    return buffer.length(_BUFFER_DATA) > 0 or buffer.scalar(_BUFFER_OFFSET, "Q") > 1


def metadata_buffer(model: ModelFile, name: str) -> Optional[bytes]:
    """The bytes of the model's metadata entry `name`; None where there is none.

    Raises:
        ModelError: truncated or damaged. BackendUnavailable: no flatbuffers package.
    """
    tree = root(model.content, model.name)
    for entry in tree.tables(_MODEL_METADATA):
        if entry.text(_METADATA_NAME) != name:
            continue
        wanted = entry.scalar(_METADATA_BUFFER, "I")
        for index, buffer in enumerate(tree.tables(_MODEL_BUFFERS)):
            if index == wanted:
                return buffer.data(_BUFFER_DATA)
        raise ModelError(f"{model.name}: metadata {name} without a buffer: damaged")
    return None

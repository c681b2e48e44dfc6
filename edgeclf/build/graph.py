"""A small editor over an ONNX graph: constants by name, producers, consumers, replacing nodes."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["STANDARD_DOMAINS", "GraphEditor"]

STANDARD_DOMAINS = ("", "ai.onnx")


class GraphEditor:
    """Changes the graph it is given; call `finish` when done.

    A node is replaced where it stands, so the graph stays sorted. Not thread-safe.
    """

    def __init__(self, graph: onnx.GraphProto):
        self.graph = graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.domain in STANDARD_DOMAINS:
                self._constants.update(_constant_of(node))
        # By first output: protobuf makes a new Python object for a node each time it is asked for.
        self._replacements: Dict[str, List[onnx.NodeProto]] = {}
        self._renamed: Dict[str, str] = {}
        self._names = {name for node in graph.node for name in (*node.input, *node.output)}
        self._names.update(tensor.name for tensor in graph.initializer)
        self._names.update(node.name for node in graph.node)

    def nodes(self, *operators: str) -> List[onnx.NodeProto]:
        """The nodes of these operators, in order."""
        return [
            node
            for node in self.graph.node
            if node.op_type in operators and node.domain in STANDARD_DOMAINS
        ]

    def constant(self, name: str) -> Optional[np.ndarray]:
        """The values of a constant; None for what is computed."""
        tensor = self._constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def consumers(self, name: str) -> List[onnx.NodeProto]:
        """The nodes that read `name`."""
        return [node for node in self.graph.node if name in node.input]

    def add_constant(self, stem: str, values: np.ndarray) -> str:
        """A new constant; its name begins with `stem`."""
        name = self._unique(stem)
        tensor = numpy_helper.from_array(np.ascontiguousarray(values), name)
        self.graph.initializer.append(tensor)
        self._constants[name] = tensor
        return name

    def replace(self, node: onnx.NodeProto, new: Sequence[onnx.NodeProto] = ()) -> None:
        """Put `new` where `node` stands."""
        self._replacements[node.output[0]] = list(new)

    def rename(self, old: str, new: str) -> None:
        """Whoever reads `old` reads `new` from now on."""
        self._renamed[old] = new

    def make(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
        """A node with one output, and a name of its own."""
        name = self._unique(f"{output}_{operator}")
        return helper.make_node(operator, list(inputs), [output], name, **attributes)

    def fresh(self, stem: str) -> str:
        """A tensor name that is not in use."""
        return self._unique(stem)

    def finish(self) -> None:
        """Apply replacements and renamings, and drop the constants that nobody reads any more."""
        nodes: List[onnx.NodeProto] = []
        for node in self.graph.node:
            nodes += self._replacements.get(node.output[0] if node.output else "", [node])
        for node in nodes:
            for index, name in enumerate(node.input):
                node.input[index] = self._final(name)
        outputs = {output.name for output in self.graph.output}
        read = outputs.union(name for node in nodes for name in node.input)
        nodes = [n for n in nodes if n.op_type != "Constant" or read.intersection(n.output)]
        kept = [tensor for tensor in self.graph.initializer if tensor.name in read]
        inputs = [i for i in self.graph.input if i.name in read or i.name not in self._constants]
        # Copies first: clearing a repeated field empties the messages it held.
        nodes, kept, inputs = _copies(nodes), _copies(kept), _copies(inputs)
        for field, messages in (("node", nodes), ("initializer", kept), ("input", inputs)):
            self.graph.ClearField(field)
            getattr(self.graph, field).extend(messages)
        # Shapes and types that other tools noted may be wrong now.
        self.graph.ClearField("value_info")

    def _final(self, name: str) -> str:
        while name in self._renamed:
            name = self._renamed[name]
        return name

    def _unique(self, stem: str) -> str:
        name, number = stem, 1
        while name in self._names:
            name, number = f"{stem}_{number}", number + 1
        self._names.add(name)
        return name


def _constant_of(node: onnx.NodeProto) -> Dict[str, onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.name == "value":
            return {node.output[0]: attribute.t}
    return {}


def _copies(messages: Sequence[Any]) -> List[Any]:
    copied = []
    for message in messages:
        copy = type(message)()
        copy.CopyFrom(message)
        copied.append(copy)
    return copied

"""Whether a .tflite file is whole, found before a runtime that does not look reads it.

ai-edge-litert verifies a model; tflite-runtime 2.14 reads past the end of a truncated one and takes
the process down. A FlatBuffer names everything in it by offsets, so a file that is cut short has
one that leads out of it: walking all of them finds the cut. (A model's options are walked as far
as TFLite's own operators have lists in them.)
"""

from __future__ import annotations

from edgeclf.manifest.tflite_schema import Node, root

__all__ = ["require_whole"]

# Operators' options with a list of numbers in it: the union's number in schema.fbs -> field.
_LISTS_IN_OPTIONS = {17: 0, 30: 0}  # ReshapeOptions.new_shape, SqueezeOptions.squeeze_dims


def require_whole(content: bytes, name: str) -> None:
    """Follow every offset of the model `name`, milliseconds.

    Raises:
        ModelError: one leads out of the file.
    """
    model = root(content, name)
    for code in model.tables(1):
        code.scalar(3, "i")
        code.text(1)
    for graph in model.tables(2):
        _walk_graph(graph)
    model.text(3)
    for buffer in model.tables(4):
        buffer.length(0)
    model.numbers(5, "i")
    for metadata in model.tables(6):
        metadata.text(0)
    for signature in model.tables(7):
        _walk_signature(signature)


def _walk_graph(graph: Node) -> None:
    for tensor in graph.tables(0):
        tensor.numbers(0, "i")
        tensor.text(3)
        tensor.numbers(7, "i")
        quantization = tensor.table(4)
        if quantization is not None:
            for number in (0, 1, 2):
                quantization.numbers(number, "f")
            quantization.numbers(3, "q")
    graph.numbers(1, "i")
    graph.numbers(2, "i")
    for operator in graph.tables(3):
        operator.numbers(1, "i")
        operator.numbers(2, "i")
        operator.length(5)
        options = operator.table(4)
        field = _LISTS_IN_OPTIONS.get(operator.scalar(3, "B"))
        if options is not None and field is not None:
            options.numbers(field, "i")
    graph.text(4)


def _walk_signature(signature: Node) -> None:
    for number in (0, 1):
        for pair in signature.tables(number):
            pair.text(0)
            pair.scalar(1, "I")
    signature.text(2)

"""One pass over the QuantizeLinear and DequantizeLinear nodes of a graph. See `qdq` for why."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import numpy as np
import onnx

from edgeclf.build.graph import GraphEditor
from edgeclf.build.qdq_pair import DEQUANTIZE, LARGEST_CODE, QUANTIZE, Pair, pair_of
from edgeclf.errors import ModelError

__all__ = ["Rewriter"]


class Rewriter:
    """Makes every tensor float32, or every pair symmetric int8; `run` once."""

    def __init__(self, graph: onnx.GraphProto, symmetric: bool):
        self._editor = GraphEditor(graph)
        self._symmetric = symmetric
        self._outputs = {output.name for output in graph.output}
        self._inputs = {value.name: value for value in graph.input}
        self._constants_folded = self._weights_recoded = self._pairs = 0
        self._inputs_taken: List[str] = []

    def run(self) -> List[str]:
        for node in self._editor.nodes(DEQUANTIZE):
            if self._editor.constant(node.input[0]) is not None:
                self._constant(node)
            elif node.input[0] in self._inputs:
                self._graph_input(node)
        for node in self._editor.nodes(QUANTIZE):
            if self._editor.constant(node.input[0]) is None:
                self._activation(node)
            else:
                self._quantized_constant(node)
        self._editor.finish()
        return self._changes()

    def _changes(self) -> List[str]:
        kind = "symmetric int8 (zero point 0)" if self._symmetric else "a Clip to their range"
        counts = (
            (self._pairs, f"pairs of QuantizeLinear and DequantizeLinear became {kind}"),
            (self._constants_folded, "quantised constants became float32"),
            (self._weights_recoded, "weights were quantised anew with zero point 0"),
        )
        changes = [f"{number} {what}" for number, what in counts if number]
        return changes + [
            f"input {name!r}: its DequantizeLinear became a Cast, a Sub and a Mul"
            for name in self._inputs_taken
        ]

    def _constant(self, node: onnx.NodeProto) -> None:
        """Weights and biases: codes that are known."""
        pair = self._pair_of(node)
        codes = self._editor.constant(node.input[0])
        assert codes is not None
        foldable = not self._symmetric or pair.zero_point.dtype == np.int32
        if foldable and node.output[0] not in self._outputs:
            values = pair.dequantized(codes)
            self._editor.rename(node.output[0], self._editor.add_constant(node.output[0], values))
            self._editor.replace(node)
            self._constants_folded += 1
        else:
            self._weight(node, pair.dequantized(codes), pair)

    def _quantized_constant(self, node: onnx.NodeProto) -> None:
        """Float weights with a pair behind them, as quantisation-aware training exports them."""
        pair = self._pair_of(node)
        if self._symmetric and pair.is_symmetric:
            return
        values = self._editor.constant(node.input[0])
        assert values is not None
        codes = self._editor.add_constant(f"{node.output[0]}_constant", pair.quantized(values))
        for reader in self._editor.consumers(node.output[0]):
            reader.input[0] = codes
            self._constant(reader)
        self._editor.replace(node)

    def _weight(self, node: onnx.NodeProto, values: np.ndarray, pair: Pair) -> None:
        """Weights: float32 values in a pair of their own, which every generation reads.

        Constants that are int8 already, only some do; the codes come out the same.
        """
        scale = pair.scale
        if not pair.is_symmetric:
            over = tuple(n for n in range(values.ndim) if scale.ndim == 0 or n != pair.axis)
            largest = np.abs(values).max(axis=over) if values.size else np.zeros(scale.shape)
            scale = np.where(largest > 0, largest / LARGEST_CODE, 1)
            self._weights_recoded += 1
        add, output = self._editor.add_constant, node.output[0]
        names = [
            add(f"{output}_scale", np.asarray(scale, np.float32)),
            add(f"{output}_zero", np.zeros(scale.shape, np.int8)),
        ]
        axis = {"axis": pair.axis} if scale.ndim else {}
        codes = self._editor.fresh(f"{output}_codes")
        quantize = [add(f"{output}_values", values), *names]
        pair_of_nodes = [
            self._editor.make(QUANTIZE, quantize, codes, **axis),
            self._editor.make(DEQUANTIZE, [codes, *names], output, **axis),
        ]
        self._editor.replace(node, pair_of_nodes)

    def _graph_input(self, node: onnx.NodeProto) -> None:
        """An input of codes: TensorRT takes them as numbers only, so they are counted out."""
        pair = self._pair_of(node)
        make, add = self._editor.make, self._editor.add_constant
        name, output = node.input[0], node.output[0]
        numbers, moved = self._editor.fresh(f"{name}_numbers"), self._editor.fresh(f"{name}_moved")
        zero = add(f"{name}_zero", np.asarray(pair.zero_point, np.float32))
        scale = add(f"{name}_step", pair.scale)
        quantized = self._editor.fresh(f"{name}_values") if self._symmetric else output
        nodes = [
            make("Cast", [name], numbers, to=onnx.TensorProto.FLOAT),
            make("Sub", [numbers, zero], moved),
            make("Mul", [moved, scale], quantized),
        ]
        if self._symmetric:
            nodes += self._symmetric_pair(quantized, output, pair)
        self._editor.replace(node, nodes)
        self._inputs_taken.append(name)

    def _activation(self, node: onnx.NodeProto) -> None:
        """A tensor that is quantised and dequantised again."""
        pair = self._pair_of(node)
        codes = node.output[0]
        readers = self._editor.consumers(codes)
        if codes in self._outputs or any(reader.op_type != DEQUANTIZE for reader in readers):
            raise ModelError(
                f"the codes {codes!r} are an output of the model, or are read by something else "
                "than DequantizeLinear, which TensorRT cannot run. Export the model with float "
                "outputs, in the QDQ format"
            )
        for reader in readers:
            if not self._pair_of(reader).equals(pair):
                raise ModelError(
                    f"{codes!r} is quantised with one scale and dequantised with another: that is "
                    "no QDQ model. Quantise the float model again"
                )
        if self._symmetric and pair.is_symmetric:
            return
        self._replace_pair(node, readers, pair)
        self._pairs += 1

    def _replace_pair(
        self, node: onnx.NodeProto, readers: List[onnx.NodeProto], pair: Pair
    ) -> None:
        for number, reader in enumerate(readers):
            output = reader.output[0]
            if number and output not in self._outputs:
                self._editor.rename(output, readers[0].output[0])
                self._editor.replace(reader)
            elif self._symmetric:
                self._editor.replace(reader, self._symmetric_pair(node.input[0], output, pair))
            else:
                limits = [
                    self._editor.add_constant(f"{output}_{side}", np.asarray(limit, np.float32))
                    for side, limit in zip(("low", "high"), pair.limits)
                ]
                clip = self._editor.make("Clip", [node.input[0], *limits], output)
                self._editor.replace(reader, [clip])
        self._editor.replace(node)

    def _symmetric_pair(self, source: str, output: str, pair: Pair) -> List[onnx.NodeProto]:
        make, add, fresh = self._editor.make, self._editor.add_constant, self._editor.fresh
        nodes = []
        scale = pair.symmetric_scale
        limited = self._limit(source, output, pair.limits, float(scale))
        if limited is not None:
            nodes.append(limited)
            source = limited.output[0]
        names = [add(f"{output}_scale", scale), add(f"{output}_zero", np.asarray(0, np.int8))]
        codes = fresh(f"{output}_codes")
        nodes.append(make(QUANTIZE, [source, *names], codes))
        nodes.append(make(DEQUANTIZE, [codes, *names], output))
        return nodes

    def _limit(
        self, source: str, output: str, limits: Tuple[float, float], scale: float
    ) -> Optional[Any]:
        """What keeps a tensor in its former range where the new codes reach further."""
        low, high = limits
        reach = (LARGEST_CODE + 0.5) * scale
        if low >= 0:
            return self._editor.make("Relu", [source], self._editor.fresh(f"{output}_relu"))
        if -low >= reach - 1.5 * scale and high >= reach - 1.5 * scale:
            return None
        names = [
            self._editor.add_constant(f"{output}_{side}", np.asarray(limit, np.float32))
            for side, limit in zip(("low", "high"), limits)
        ]
        return self._editor.make("Clip", [source, *names], self._editor.fresh(f"{output}_clip"))

    def _pair_of(self, node: onnx.NodeProto) -> Pair:
        return pair_of(node, self._editor)

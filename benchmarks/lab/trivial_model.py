"""An ONNX model that does nothing, so that what remains is what was added to it."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def make(channels: int, height: int, width: int) -> bytes:
    """float32 (1, channels, height, width) to 1000 logits: the first 1000 values."""
    nodes = [helper.make_node("Flatten", ["image"], ["flat" if channels == 3 else "logits"])]
    constants = []
    if channels == 3:
        nodes.append(helper.make_node("Slice", ["flat", "begin", "end", "axis"], ["logits"]))
        for name, value in (("begin", 0), ("end", 1000), ("axis", 1)):
            constants.append(numpy_helper.from_array(np.array([value], np.int64), name))
    graph = helper.make_graph(
        nodes,
        "trivial",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, height, width])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1000])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()

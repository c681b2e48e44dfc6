"""Plans for the tests: real ones, built by TensorRT for RTX without a GPU, and packed ones."""

from __future__ import annotations

import functools
import json
import struct
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
import pytest

SIDE, CLASSES = 8, 4
# Of the vendor's documentation: ComputeCapability's names.
CAPABILITIES = {"SM75": (7, 5), "SM80": (8, 0), "SM86": (8, 6), "SM89": (8, 9), "SM120": (12, 0)}


def onnx_classifier() -> bytes:
    """(1, 3, 8, 8) float32 -> Conv -> Relu -> mean -> Softmax -> (1, 4)."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(CLASSES, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "weights"], ["t0"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["t0"], ["t1"]),
        helper.make_node("GlobalAveragePool", ["t1"], ["t2"]),
        helper.make_node("Flatten", ["t2"], ["t3"]),
        helper.make_node("Softmax", ["t3"], ["scores"], axis=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "small",
        [value("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [value("scores", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def rtx_module() -> Any:
    """TensorRT for RTX, or a skip that says so."""
    reason = "TensorRT for RTX is not installed: pip install tensorrt-rtx-cu13-{libs,bindings}"
    pytest.importorskip("tensorrt_rtx_libs", reason=reason)
    return pytest.importorskip("tensorrt_rtx_bindings", reason=reason)


@functools.lru_cache(maxsize=None)
def rtx_plan(capabilities: Tuple[str, ...] = ()) -> bytes:
    """A plan as the vendor's builder serialises it, for these compute capabilities or for all."""
    trt = rtx_module()
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(onnx_classifier())
    config = builder.create_builder_config()
    if capabilities:
        config.num_compute_capabilities = len(capabilities)
    for index, name in enumerate(capabilities):
        assert config.set_compute_capability(getattr(trt.ComputeCapability, name), index)
    return bytes(builder.build_serialized_network(network, config))


def packed(
    magic: bytes = b"ftrt",
    version: Sequence[int] = (10, 3, 0, 26),
    *,
    length: int = 400,
    stated: Optional[int] = None,
    layout: int = 0,
    tag: int = 2,
    mask: int = 0,
) -> bytes:
    """A plan that is a header and noise, laid out as real ones are."""
    head = struct.pack("<4sIII", magic, layout, tag, 0)
    head += struct.pack("<Q", length if stated is None else stated) + bytes(version)
    head += struct.pack("<4sI", magic, mask)
    return (head + bytes(range(256)) * (length // 256 + 1))[:length]


def in_front(text: bytes, plan: bytes) -> bytes:
    """As Ultralytics writes a file: the text's length as an int32, the text, the plan."""
    return struct.pack("<i", len(text)) + text + plan


def ultralytics_reads(content: bytes) -> Tuple[Dict[str, Any], bytes]:
    """What a reader of that form does: the length, the text through json, the rest is the plan."""
    length = int.from_bytes(content[:4], byteorder="little")
    return json.loads(content[4 : 4 + length].decode("utf-8")), content[4 + length :]

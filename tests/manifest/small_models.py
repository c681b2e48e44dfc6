"""Tiny models and the facts of their tensors, for the tests of the manifest."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeclf.manifest import GraphFacts, Resolved, Source, resolve
from edgeclf.manifest.argument import source_of_arguments
from edgeclf.types import Quantization, TensorInfo

# The backends' tests write .tflite models field by field; the same writer serves here.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "backends"))

CLASSES = 4
LABELS = ("cat", "dog", "eel", "fox")
IMAGE = TensorInfo("image", (1, 3, 8, 8), "float32")
SCORES = TensorInfo("scores", (1, CLASSES), "float32")
LOGITS = GraphFacts("Gemm", None, "fp32")
PROBABILITIES = GraphFacts("Softmax", "none", "fp32")
UINT8 = TensorInfo("image", (1, 8, 8, 3), "uint8", Quantization(1 / 128, 128))

# All that a float model without a Softmax needs.
COMPLETE = {
    "resize_mode": "stretch",
    "interpolation": "bilinear",
    "mean": 127.5,
    "std": 127.5,
    "activation": "softmax",
}


def onnx_model(
    ends: Sequence[str] = ("Softmax",),
    metadata: Optional[Dict[str, str]] = None,
    weights: Optional[np.ndarray] = None,
    domain: str = "",
) -> bytes:
    """(1, 3, 8, 8) float32 -> Flatten -> MatMul -> the operators of `ends`, one input each."""
    if weights is None:
        weights = np.random.default_rng(1).normal(size=(192, CLASSES)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["t0"]),
    ]
    for number, operator in enumerate(ends):
        options: Dict[str, Any] = {"to": TensorProto.FLOAT} if operator == "Cast" else {}
        nodes.append(
            helper.make_node(operator, [f"t{number}"], [f"t{number + 1}"], domain=domain, **options)
        )
    nodes[-1].output[0] = "scores"
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())


def save_onnx(folder: Path, name: str = "model.onnx", **options: Any) -> Path:
    path = folder / name
    path.write_bytes(onnx_model(**options))
    return path


def write_json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def checked(content: bytes) -> onnx.ModelProto:
    """The model as the onnx package reads it, which also checks it."""
    model = onnx.load_model_from_string(content)
    onnx.checker.check_model(model)
    return model


def run_onnx(content: bytes) -> np.ndarray:
    """The raw runtime's answer to a fixed input."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(2).normal(size=(1, 3, 8, 8)).astype(np.float32)
    return np.asarray(session.run(None, {"image": image})[0])


def run_tflite(content: bytes) -> np.ndarray:
    """The raw runtime's answer to a fixed input."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    facts = interpreter.get_input_details()[0]
    noise = np.random.default_rng(3).integers(0, 127, facts["shape"])
    interpreter.set_tensor(facts["index"], noise.astype(facts["dtype"]))
    interpreter.invoke()
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def tensors_of(content: bytes) -> Tuple[TensorInfo, TensorInfo]:
    """Input and output of a .tflite model, as its runtime states them."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    found = []
    for facts in (interpreter.get_input_details()[0], interpreter.get_output_details()[0]):
        scale, zero_point = facts["quantization"]
        found.append(
            TensorInfo(
                facts["name"],
                tuple(int(n) for n in facts["shape"]),
                np.dtype(facts["dtype"]).name,
                Quantization(float(scale), int(zero_point)) if scale else None,
            )
        )
    return found[0], found[1]


def argument(**fields: Any) -> Source:
    source = source_of_arguments(fields)
    assert source is not None
    return source


def solve(
    *sources: Source,
    input: TensorInfo = IMAGE,
    scores: TensorInfo = SCORES,
    graph: GraphFacts = LOGITS,
    name: str = "m.onnx",
) -> Resolved:
    return resolve(list(sources), input, scores, graph, name)


def image(*shape: Optional[int], dtype: str = "float32") -> TensorInfo:
    return TensorInfo("image", shape, dtype)

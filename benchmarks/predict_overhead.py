"""What does `Classifier.predict` add to the raw runtime call, on a 224x224 frame?

The raw call is what a person would write by hand against the vendor's library, with the tensor
already prepared: `session.run`. Two models: the built-in one, and a trivial one of the same input
and output, whose inference leaves the caches warm.

Milliseconds of inference vary by more than the microseconds in question. So what is added is the
sum of two medians: of what `predict` spends outside its own inference (by its `speed`), and of
its inference less the raw call of the same round (below zero where bound memory saves copies).
The plain difference of the two calls is given as well, with its spread.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

import edgeclf
from edgeclf import models

LIMIT_US = 100


def trivial_model() -> bytes:
    """uint8 (1, 3, 224, 224) to 1000 logits, through an average of each channel."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(3, 1000)).astype(np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["image", "scale", "zero"], ["real"]),
        helper.make_node("GlobalAveragePool", ["real"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "trivial",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1000])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array(1 / 128, np.float32), "scale"),
            numpy_helper.from_array(np.array(127, np.uint8), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def raw_call(model, tensor: np.ndarray):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: tensor})[0][0]


def timed(call):
    """Microseconds, and what was answered."""
    started = time.perf_counter_ns()
    answer = call()
    return (time.perf_counter_ns() - started) / 1e3, answer


def measure_one(model, spec: dict, rounds: int) -> dict:
    """Microseconds; see the top of this file."""
    frame = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    raw_us, predict_us, outside_us, inference_us = [], [], [], []
    with edgeclf.Classifier(model, spec=spec, num_threads=1) as classifier:
        raw = raw_call(model, edgeclf.Preprocessor(classifier.input_spec)(frame))
        assert int(np.argmax(raw())) == classifier.predict(frame).index
        for _ in range(rounds):
            raw_us.append(timed(raw)[0])
            whole_us, prediction = timed(lambda: classifier.predict(frame))
            inference_us.append(prediction.speed.inference_ms * 1e3 - raw_us[-1])
            outside_us.append(whole_us - prediction.speed.inference_ms * 1e3)
            predict_us.append(whole_us)
    differences = sorted(whole - call for call, whole in zip(raw_us, predict_us))
    outside, inference = statistics.median(outside_us), statistics.median(inference_us)
    return {
        "added_us": round(outside + inference, 1),
        "outside_inference_us": round(outside, 1),
        "inference_less_raw_us": round(inference, 1),
        "raw_us": round(statistics.median(raw_us), 1),
        "predict_us": round(statistics.median(predict_us), 1),
        "difference_us": round(statistics.median(differences), 1),
        "difference_p10_us": round(differences[rounds // 10], 1),
        "difference_p90_us": round(differences[-rounds // 10], 1),
        "rounds": rounds,
        "limit_us": LIMIT_US,
    }


def measure(rounds: int = 400) -> dict:
    stretch = {"resize_mode": "stretch", "interpolation": "bilinear", "activation": "softmax"}
    return {
        "trivial model": measure_one(trivial_model(), stretch, 4 * rounds),
        "built-in model": measure_one(
            models.DEFAULT_ONNX.read_bytes(), {"resize_size": 224}, rounds
        ),
    }


if __name__ == "__main__":
    import json

    print(json.dumps(measure(), indent=2))

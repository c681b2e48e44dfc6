"""What does `Classifier.predict` add to the raw runtime call, on a frame of the model's own size?

The raw call is what a person would write by hand against the vendor's library, with the tensor
already prepared: `session.run` for ONNX Runtime, `set_tensor` + `invoke` + `get_tensor` for LiteRT.
"""

from __future__ import annotations

import numpy as np
from timing import interleaved

import edgeclf
from edgeclf import models


def raw_onnx(path: str, tensor: np.ndarray):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: tensor})[0][0]


def raw_tflite(path: str, tensor: np.ndarray):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def call():
        interpreter.set_tensor(source, tensor)
        interpreter.invoke()
        return interpreter.get_tensor(target)[0]

    return call


def measure(rounds: int = 300) -> dict:
    """Microseconds for each runtime: the raw call, `predict`, and the median of what is added."""
    frame = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    results = {}
    for name, path, raw_of in (
        ("onnxruntime", models.DEFAULT_ONNX, raw_onnx),
        ("tflite", models.DEFAULT_TFLITE, raw_tflite),
    ):
        with edgeclf.Classifier(
            path, spec={"resize_size": 224}, num_threads=1, backend=name
        ) as classifier:
            tensor = edgeclf.Preprocessor(
                classifier.input_spec, classifier.backend.input.quantization
            )(frame)
            raw = raw_of(str(path), tensor)
            assert int(np.argmax(raw())) == classifier.predict(frame).index
            times = interleaved({"raw": raw, "predict": lambda: classifier.predict(frame)}, rounds)
            speed = classifier.predict(frame).speed
        times["added_us"] = round(times["predict"]["median"] - times["raw"]["median"], 1)
        times["inside_predict_us"] = {
            part: round(ms * 1e3, 1) for part, ms in speed._asdict().items()
        }
        results[name] = times
    return results


if __name__ == "__main__":
    import json

    print(json.dumps(measure(), indent=2))

"""What a prediction costs beside pixels and model: plan lookup and binding call, bound run,
postprocess; and the page faults of a frame in the steady state.

The model does nothing: it lays a 40x25 grey picture out as 1000 logits. The frame has that size, so
no pixel is resampled. Of the whole, `predict`, nothing is subtracted.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import numpy as np
from lab import frames

import edgeclf

WIDTH, HEIGHT = 40, 25
LABELS = tuple(f"class {i}" for i in range(WIDTH * HEIGHT))
STRETCH = {
    "resize_mode": "stretch",
    "interpolation": "bilinear",
    "antialias": False,
    "exact": False,
    "rescale_factor": 1 / 16,
    "mean": 0.0,
    "std": 1.0,
    "activation": "softmax",
}


def classifier(channels: int, height: int, width: int) -> edgeclf.Classifier:
    """On one thread, with a softmax and the five best."""
    spec = {**STRETCH, "color_mode": "gray" if channels == 1 else "rgb"}
    from lab import trivial_model

    model = trivial_model.make(channels, height, width)
    return edgeclf.Classifier(model, spec=spec, labels=LABELS, num_threads=1, backend="onnxruntime")


def times(rounds: int) -> Dict[str, Any]:
    """Microseconds: medians with the 10th and 90th percentile, over `rounds` frames."""
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    with classifier(1, HEIGHT, WIDTH) as glue:
        check(glue, frame)
        parts = {"predict": lambda: glue.predict(frame), **_parts(glue, frame)}
        samples: Dict[str, list] = {name: [] for name in parts}
        for _ in range(rounds):
            for name, part in parts.items():
                samples[name].append(_timed(part))
        return {name: _summary(values[rounds // 10 :]) for name, values in samples.items()}


def check(glue: edgeclf.Classifier, frame: np.ndarray) -> None:
    """The answer against a softmax in float64."""
    logits = frame.reshape(-1) / 16.0
    right = np.exp(logits - logits.max())
    right /= right.sum()
    answer = glue.predict(frame)
    assert np.abs(answer.scores - right).max() < 1e-6
    best = [category.score for category in answer.categories]
    assert np.allclose(best, np.sort(right)[::-1][:5], atol=1e-6), best


def _parts(glue: edgeclf.Classifier, frame: np.ndarray) -> Dict[str, Callable[[], Any]]:
    """What predict is made of, each called alone; and the raw runtime for comparison."""
    import onnxruntime as ort
    from lab import trivial_model

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        trivial_model.make(1, HEIGHT, WIDTH), options, providers=["CPUExecutionProvider"]
    )
    tensor = np.zeros((1, 1, HEIGHT, WIDTH), np.float32)
    logits = np.zeros((1, 1000), np.float32)
    binding = session.io_binding()
    for bind, name, array in (
        (binding.bind_input, "image", tensor),
        (binding.bind_output, "logits", logits),
    ):
        bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
    preprocess = edgeclf.Preprocessor(glue.input_spec)
    out = np.empty(preprocess.shape, preprocess.dtype)
    return {
        "preprocess": lambda: preprocess(frame, out=out),
        "session.run": lambda: session.run(None, {"image": tensor}),
        # Bound memory is not kept alive by the binding, so the lambda keeps it.
        "bound run": lambda _keep=(tensor, logits): session.run_with_iobinding(binding),
    }


def page_faults(frames: int = 1000) -> float:
    """Minor faults of each of `frames` predictions of a 1080p frame, float32 3x224x224."""
    picture = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    with classifier(3, 224, 224) as glue:
        for _ in range(20):
            glue.predict(picture)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(frames):
            glue.predict(picture)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return (after - before) / frames


def outside_share(rounds: int, exact: Optional[bool]) -> float:
    """The part of `predict` outside the runtime: a 1080p frame, the built-in model, one thread."""
    pictures = frames.rotation(frames.base_pictures(1920, 1080), 24)
    with edgeclf.Classifier(
        spec={"exact": exact} if exact is not None else None, num_threads=1
    ) as built_in:
        shares = []
        for index in range(rounds):
            begin = time.perf_counter()
            prediction = built_in.predict(pictures[index % len(pictures)])
            whole = (time.perf_counter() - begin) * 1e3
            # Not within the time: the speed is made when it is asked for.
            shares.append(1 - prediction.speed.inference_ms / whole)
    return statistics.median(shares)


def measure(rounds: int = 5000) -> Dict[str, Any]:
    """The rows of the report, and the times they come from."""
    found = times(rounds)
    shares = {exact: outside_share(rounds // 25, exact) for exact in (None, False)}
    rows = [
        _row("glue: predict, trivial model", "all of it", found["predict"]["median_us"], "us", 10),
        _row("glue: page faults a frame", "1080p, 1000 frames", page_faults(), "faults", 0),
        _row(
            "predict outside the runtime",
            "1080p, built-in model, Pillow's bytes",
            round(100 * shares[None], 1),
            "%",
            20,
        ),
        _row(
            "predict outside the runtime",
            "1080p, built-in model, exact=False",
            round(100 * shares[False], 1),
            "%",
            10,
        ),
    ]
    return {"times": found, "rows": rows}


def in_own_process() -> Dict[str, Any]:
    """What `measure` gives in a new process."""
    command = [sys.executable, str(Path(__file__).resolve())]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Dict[str, Any] = json.loads(done.stdout)
    return found


def _row(case: str, against: str, reached: float, unit: str, most: float) -> Dict[str, Any]:
    return {
        "case": case,
        "against": against,
        "reached": reached,
        "unit": unit,
        "most": most,
        "met": reached <= most,
    }


def _timed(call: Callable[[], Any]) -> int:
    begin = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - begin


def _summary(values: list) -> Dict[str, float]:
    values = sorted(values)
    return {
        "median_us": round(statistics.median(values) / 1e3, 2),
        "p10_us": round(values[len(values) // 10] / 1e3, 2),
        "p90_us": round(values[-len(values) // 10] / 1e3, 2),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))

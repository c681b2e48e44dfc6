"""Accuracy and speed of a model, over a folder of ImageNet photographs that is not distributed.

The pipeline is Pillow and NumPy alone: it shares no code with the SDK that will run the model.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from .architecture import SIDE
from .calibration import normalise, resize_short_side

RESIZE = 256  # pixels of the shorter side, before the centre crop
PACKAGES = ("ai-edge-litert", "numpy", "onnxruntime", "pillow")
Run = Callable[[np.ndarray], np.ndarray]  # tensor in -> logits, float32 (1000,)


def report(float_model: bytes, onnx_path: Path, tflite_path: Path, folder: Path) -> dict:
    """Everything measured, ready for JSON. File names in ``folder`` start with the class index."""
    paths = sorted(path for path in folder.iterdir() if path.name[:3].isdigit())
    truth = np.array([int(path.name[:3]) for path in paths])
    pixels = np.stack([_square(path) for path in paths])
    nchw = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    reference, results = None, {}
    for name, run, tensors, path in (
        ("float32", _onnx(float_model), normalise(pixels), None),
        (onnx_path.name, _onnx(onnx_path.read_bytes()), nchw, onnx_path),
        (tflite_path.name, _tflite(tflite_path), (pixels ^ 128).view(np.int8), tflite_path),
    ):
        logits, milliseconds = _run_all(run, tensors)
        reference = logits if reference is None else reference
        results[name] = {**_accuracy(logits, truth, reference), "median_ms": milliseconds}
        if path is not None:
            data = path.read_bytes()
            results[name].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    return {"photographs": len(paths), "threads": 1, **_where(), "models": results}


def _square(path: Path) -> np.ndarray:
    """uint8 (224, 224, 3) RGB: shorter side 256, centre crop, the corner rounded half to even."""
    with Image.open(path) as opened:
        picture = resize_short_side(opened.convert("RGB"), RESIZE)
    left, top = round((picture.width - SIDE) / 2), round((picture.height - SIDE) / 2)
    return np.asarray(picture.crop((left, top, left + SIDE, top + SIDE)))


def _onnx(model: bytes) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda tensor: session.run(["logits"], {"image": tensor})[0][0]


def _tflite(path: Path) -> Run:
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    image, logits = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero_point = logits["quantization"]

    def run(tensor: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(image["index"], tensor)
        interpreter.invoke()
        codes = interpreter.get_tensor(logits["index"])[0]
        return (codes.astype(np.float32) - zero_point) * np.float32(scale)

    return run


def _run_all(run: Run, tensors: np.ndarray) -> tuple[np.ndarray, float]:
    """Logits of each picture alone, and the median milliseconds of one, after three to warm up."""
    logits, seconds = [run(tensor[None]) for tensor in tensors[:3]], []
    for tensor in tensors:
        start = time.perf_counter()
        logits.append(run(tensor[None]))
        seconds.append(time.perf_counter() - start)
    return np.stack(logits[3:]), round(1000 * float(np.median(seconds)), 2)


def _accuracy(logits: np.ndarray, truth: np.ndarray, reference: np.ndarray) -> dict[str, int]:
    """How many pictures are right, and how many have the reference's first class.

    Of equal logits the lower index comes first.
    """
    order = np.argsort(-logits, axis=1, kind="stable")
    return {
        "top1": int((order[:, 0] == truth).sum()),
        "top5": int((order[:, :5] == truth[:, None]).any(axis=1).sum()),
        "same_top1_as_float32": int((order[:, 0] == reference.argmax(axis=1)).sum()),
    }


def _where() -> dict:
    """The machine and the versions that the figures belong to."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return {
        "cpu": f"{model}, {'with' if 'avx512_vnni' in flags else 'without'} AVX-512 VNNI",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }

"""Writes goldens.json: what Pillow, NumPy and the raw runtime make of the project's photographs.

    python tests/goldens/make.py

Nothing of edgeclf takes part, but for the model's file. A test compares the SDK with the result.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PHOTOS = ROOT / "examples" / "photos"
MODEL = ROOT / "edgeclf" / "models" / "efficientnet_lite0_int8.onnx"
LABELS = ROOT / "edgeclf" / "models" / "imagenet_labels.txt"
FILTERS = {
    "nearest": Image.NEAREST,
    "bilinear": Image.BILINEAR,
    "bicubic": Image.BICUBIC,
    "lanczos": Image.LANCZOS,
    "box": Image.BOX,
}

# Each is the mapping of fields that InputSpec takes.
CASES = {
    "torchvision": {
        "width": 224,
        "height": 224,
        "resize_mode": "center-crop",
        "resize_size": 256,
        "interpolation": "bilinear",
        "rescale_factor": 1 / 255,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
    "efficientnet-lite": {
        "width": 224,
        "height": 224,
        "resize_mode": "center-crop",
        "resize_size": 256,
        "interpolation": "bicubic",
        "layout": "nhwc",
        "dtype": "uint8",
    },
    "stretched BGR": {
        "width": 160,
        "height": 96,
        "color_mode": "bgr",
        "interpolation": "lanczos",
        "mean": [127.5],
        "std": [127.5],
        "layout": "nhwc",
    },
    "letterboxed": {
        "width": 320,
        "height": 320,
        "resize_mode": "letterbox",
        "interpolation": "bilinear",
        "rescale_factor": 1 / 255,
    },
    "grey box": {
        "width": 28,
        "height": 28,
        "color_mode": "gray",
        "interpolation": "box",
        "rescale_factor": 1 / 255,
        "mean": [0.1307],
        "std": [0.3081],
    },
    "nearest in half floats": {
        "width": 100,
        "height": 80,
        "interpolation": "nearest",
        "rescale_factor": 1 / 255,
        "dtype": "float16",
    },
    "int8": {
        "width": 96,
        "height": 96,
        "resize_mode": "center-crop",
        "resize_size": 100,
        "crop_rounding": "floor",
        "interpolation": "bilinear",
        "layout": "nhwc",
        "dtype": "int8",
    },
}


def two_passes(image: Image.Image, size: tuple, method: int) -> Image.Image:
    """Across, then down: what one call does up to Pillow 12. From 13 on a tall picture may go down
    first, and its bytes then differ from those that models saw in training."""
    return image.resize((size[0], image.height), method).resize(size, method)


def resized(image: Image.Image, case: dict) -> Image.Image:
    target, method = (case["width"], case["height"]), FILTERS[case["interpolation"]]
    mode = case.get("resize_mode", "stretch")
    if mode == "stretch":
        return two_passes(image, target, method)
    if mode == "letterbox":
        ratio = min(target[0] / image.width, target[1] / image.height)
        size = (round(image.width * ratio), round(image.height * ratio))
        canvas = Image.new(image.mode, target, (114,) * len(image.getbands()))
        corner = ((target[0] - size[0]) // 2, (target[1] - size[1]) // 2)
        canvas.paste(two_passes(image, size, method), corner)
        return canvas
    short, long = sorted(image.size)
    longer = int(case["resize_size"] * long / short)
    upright = image.width <= image.height
    size = (case["resize_size"], longer) if upright else (longer, case["resize_size"])
    to_whole = np.floor if case.get("crop_rounding") == "floor" else np.rint
    left, top = (int(to_whole((a - b) / 2)) for a, b in zip(size, target))
    box = (left, top, left + target[0], top + target[1])
    return two_passes(image, size, method).crop(box)


def tensor_of(image: Image.Image, case: dict) -> np.ndarray:
    grey = case.get("color_mode") == "gray"
    pixels = np.asarray(resized(image.convert("L") if grey else image, case), dtype=np.float64)
    pixels = pixels.reshape(case["height"], case["width"], -1)
    if case.get("color_mode") == "bgr":
        pixels = pixels[:, :, ::-1]
    dtype = case.get("dtype", "float32")
    if dtype in ("uint8", "int8"):
        values = pixels - (128 if dtype == "int8" else 0)
    else:
        mean, std = np.array(case.get("mean", [0.0])), np.array(case.get("std", [1.0]))
        values = (pixels * case.get("rescale_factor", 1.0) - mean) / std
    tensor = values.astype(dtype)[None]
    if case.get("layout", "nchw") == "nchw":
        tensor = tensor.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(tensor)


def sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def main() -> None:
    import onnxruntime as ort

    session = ort.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    labels = LABELS.read_text(encoding="utf-8").splitlines()
    model_case = {**CASES["efficientnet-lite"], "layout": "nchw"}
    photos = {}
    for path in sorted(PHOTOS.glob("*.jpg")):
        image = Image.open(path).convert("RGB")
        logits = session.run(["logits"], {"image": tensor_of(image, model_case)})[0][0]
        exponents = np.exp(logits.astype(np.float64) - logits.max())
        scores = exponents / exponents.sum()
        best = np.argsort(-scores, kind="stable")[:3]
        photos[path.name] = {
            "pixels": sha256(np.asarray(image)),
            "tensors": {name: sha256(tensor_of(image, case)) for name, case in CASES.items()},
            "categories": [
                {"index": int(i), "label": labels[i], "score": round(float(scores[i]), 6)}
                for i in best
            ],
        }
    (HERE / "goldens.json").write_text(json.dumps(photos, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

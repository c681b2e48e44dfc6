"""What the training libraries do with a picture, step by step, with Pillow and float64.

And a model and the tensor that its manifest leads to, to hold against it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Tuple

import numpy as np
from PIL import Image
from small_models import LOGITS, SCORES, image, save_onnx

from edgeclf.frame import Frame
from edgeclf.manifest import Resolved, read, resolve
from edgeclf.model_file import ModelFile
from edgeclf.preprocess import Preprocessor

PICTURE = Image.fromarray(np.random.default_rng(5).integers(0, 256, (59, 83, 3)).astype(np.uint8))
BILINEAR, BICUBIC = Image.BILINEAR, Image.BICUBIC
FACTOR = 0.00392156862745098


def shorter_side(size: int, resample: int) -> Image.Image:
    width, height = PICTURE.size
    if width <= height:
        return PICTURE.resize((size, int(size * height / width)), resample)
    return PICTURE.resize((int(size * width / height), size), resample)


def crop(picture: Image.Image, height: int, width: int, rounding: Any) -> Image.Image:
    """The middle; where the picture is smaller, black around it."""
    pad_x, pad_y = max(width - picture.width, 0), max(height - picture.height, 0)
    canvas = Image.new("RGB", (picture.width + pad_x, picture.height + pad_y))
    canvas.paste(picture, (pad_x // 2, pad_y // 2))
    left = rounding((canvas.width - width) / 2)
    top = rounding((canvas.height - height) / 2)
    return canvas.crop((left, top, left + width, top + height))


def normalised(picture: Image.Image, mean: Any, std: Any, factor: float = FACTOR) -> np.ndarray:
    pixels = np.asarray(picture, np.float64) * factor
    return np.moveaxis((pixels - np.array(mean)) / np.array(std), -1, 0)[None]


def resolved(folder: Path, shape: Tuple[int, ...], **arguments: Any) -> Resolved:
    save_onnx(folder)
    sources = read(ModelFile(folder / "model.onnx"), spec=arguments or None)
    return resolve(sources, image(*shape), SCORES, LOGITS, "model.onnx")


def tensor_of(found: Resolved) -> np.ndarray:
    return np.asarray(Preprocessor(found.input_spec)(Frame(np.asarray(PICTURE), "rgb")))

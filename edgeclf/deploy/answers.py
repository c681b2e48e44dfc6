"""The model's answers on some photographs, as JSON: run on the sending machine and on the board.

``python answers.py MODEL PHOTOS``. It travels with the payload as this one file, so that both ends
ask the same; it uses edgeclf's public names only.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

import edgeclf

_GRID = 8  # the tensor's means over 8 x 8 fields and each channel tell where two tensors differ
_TOP = 5


def answers_of(model: str, photos: str) -> Dict[str, Any]:
    """For each photograph: the tensor's checksum, and what the model says.

    `scores` holds the best five by index and `scores_of` all of them, rounded to 7 places; `means`
    are those of a float tensor's fields, None for 8-bit tensors, whose bits have to be the same.
    """
    with edgeclf.Classifier(model, num_threads=1) as classifier:
        preprocessor = edgeclf.Preprocessor(
            classifier.input_spec, classifier.backend.input.quantization
        )
        found: Dict[str, Any] = {}
        for path in sorted(Path(photos).iterdir()):
            tensor = preprocessor(str(path))
            prediction = classifier.predict(str(path))
            found[path.name] = {
                "tensor_sha256": hashlib.sha256(tensor.tobytes()).hexdigest(),
                "means": _means(tensor, classifier.input_spec.layout),
                **_answer(prediction),
            }
        return {
            "edgeclf": edgeclf.__version__,
            "runtime": classifier.backend.runtime,
            "backend": classifier.backend.name,
            "machine": platform.machine(),
            "dtype": str(tensor.dtype),
            "photos": found,
        }


def _answer(prediction: Any) -> Dict[str, Any]:
    # Not the categories: a threshold in the spec may leave none.
    scores = np.asarray(prediction.scores, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")[:_TOP].tolist()
    best = order[0]
    label = prediction.label if prediction.index == best else None
    return {
        "top": {"index": best, "label": label, "score": round(float(scores[best]), 7)},
        "scores": {str(index): round(float(scores[index]), 7) for index in order},
        "scores_of": [round(score, 7) for score in scores.tolist()],
    }


def _means(tensor: np.ndarray, layout: str) -> Optional[List[float]]:
    if tensor.dtype.itemsize == 1:
        return None
    planes = tensor[0].astype(np.float64)
    if layout == "nhwc":
        planes = planes.transpose(2, 0, 1)
    return [
        float(field.mean())
        for plane in planes
        for rows in np.array_split(plane, min(_GRID, plane.shape[0]), axis=0)
        for field in np.array_split(rows, min(_GRID, plane.shape[1]), axis=1)
    ]


if __name__ == "__main__":
    print(json.dumps(answers_of(sys.argv[1], sys.argv[2])))

"""Does the installed edgeclf give the recorded answers? For any Python 3.8 or newer that has it.

    python smoke.py CHECKOUT        its photographs and tests/goldens are compared with

Tensors must be the recorded ones to the bit; where a runtime is installed the classes, too. Prints
what ran, as JSON. Nothing of the checkout's own edgeclf takes part.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path

import numpy as np

import edgeclf
from edgeclf import _core, backends


def main(root: Path) -> None:
    if Path(edgeclf.__file__).resolve().parent == root / "edgeclf":
        sys.exit(f"smoke: expected an installed edgeclf, got {edgeclf.__file__}")
    folder = root / "tests" / "goldens"
    sys.path.insert(0, str(folder))
    from make import CASES

    goldens = json.loads((folder / "goldens.json").read_text(encoding="utf-8"))
    photos = root / "examples" / "photos"
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "machine": platform.machine(),
                "libc": " ".join(platform.libc_ver()),
                "numpy": np.__version__,
                "instruction_set": _core.instruction_set(),
                "tensors": _tensors(photos, goldens, CASES),
                "predictions": _predictions(photos, goldens),
            }
        )
    )


def _tensors(photos: Path, goldens: dict, cases: dict) -> int:
    """How many were compared; an assertion where one differs."""
    compared = 0
    for fields in cases.values():
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        preprocessor = edgeclf.Preprocessor(edgeclf.InputSpec(**given))
        (name,) = [name for name, case in cases.items() if case is fields]
        for photo, golden in goldens.items():
            tensor = np.ascontiguousarray(preprocessor(photos / photo))
            digest = hashlib.sha256(tensor.tobytes()).hexdigest()
            assert digest == golden["tensors"][name], f"{photo}, {name}: another tensor"
            compared += 1
    return compared


def _predictions(photos: Path, goldens: dict) -> dict:
    """How many classes were compared with each runtime that is installed."""
    compared = {}
    for backend in backends.available():
        if backend.usable and backend.name in ("onnxruntime", "tflite"):
            with edgeclf.Classifier(backend=backend.name) as classifier:
                runtime = classifier.backend.runtime
                for photo, golden in goldens.items():
                    found = classifier.predict(photos / photo)
                    expected = golden["categories"][0]
                    assert found.label == expected["label"], f"{photo}, {runtime}: {found.label}"
                    assert abs(found.score - expected["score"]) < 0.05, (photo, runtime)
                compared[runtime] = len(goldens)
    return compared


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

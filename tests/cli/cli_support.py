"""What the tests of the command line share: the tiny model's answers by NumPy, processes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("red", "green", "blue, so blue")
SIDE = 8


def scores_of(picture: Image.Image) -> Dict[str, float]:
    """What the model must answer, by Pillow and float64."""
    small = picture.convert("RGB").resize((SIDE, SIDE), Image.BILINEAR)
    logits = 4 * np.asarray(small, dtype=np.float64).mean(axis=(0, 1)) / 255
    weights = np.exp(logits - logits.max())
    return dict(zip(LABELS, (weights / weights.sum()).tolist()))


def environment(**more: str) -> Dict[str, str]:
    """This process's, with this checkout's package first."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, **more}


def command(*args: Any) -> List[str]:
    """What starts the command in a process of its own."""
    return [sys.executable, "-m", "edgeclf", *(str(arg) for arg in args)]


def records(output: str) -> List[Dict[str, Any]]:
    """JSON Lines, each valid by the letter: no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in output.splitlines()]

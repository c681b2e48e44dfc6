"""Engines for the fakes of TensorRT: a linear classifier, written down as a plan.

A plan has the vendor's header and, behind it, JSON with tensors and optimisation profiles. Its
answer is `answers`: a matrix of random numbers, summed in float64 in an order that does not depend
on where the memory lies, so that the same bits come out wherever it runs.
"""

from __future__ import annotations

import functools
import json
import struct
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

Shape = Tuple[int, ...]

HEADER_BYTES = 64
_RTX_CAPABILITIES = 0b111111  # 7.5 to 12.1
# Layouts before 8.6 have the magic and a number of their own, and no version where 8.6 has it.
_OLD_LAYOUTS = {(8, 2): 205, (8, 5): 232}

Engine = Dict[str, Any]


def engine(
    *,
    item: Shape = (3, 6, 5),
    dtype: str = "float32",
    outputs: Sequence[Tuple[str, int, str]] = (("scores", 7, "float32"),),
    batch: int = 1,
    profiles: Sequence[Tuple[Shape, Shape, Shape]] = (),
    **more: Any,
) -> Engine:
    """What an engine is.

    Args:
        outputs: (name, classes, dtype).
        batch: of an engine without profiles, which is fixed to it.
        profiles: smallest, best and largest shape of the input; they open the dimensions in
            which they differ.
        more: "workspace" (bytes for each context), "layers", "host_code", "capability".
    """
    shape = [batch, *item]
    if profiles:
        # A dimension is open where the profiles hold more than one number for it.
        held = list(zip(*(shape for profile in profiles for shape in profile)))
        shape = [numbers[0] if len(set(numbers)) == 1 else -1 for numbers in held]
    return {
        "input": ["pixels", shape, dtype],
        "outputs": [[name, [shape[0], classes], kind] for name, classes, kind in outputs],
        "profiles": [list(map(list, profile)) for profile in profiles],
        "workspace": 4096,
        "layers": ["conv + relu", "pool", "dense"],
        **more,
    }


def batches(*ranges: Shape, item: Shape = (3, 6, 5)) -> List[Tuple[Shape, Shape, Shape]]:
    """Profiles whose batch lies in each (smallest, best, largest)."""
    return [((low, *item), (best, *item), (high, *item)) for low, best, high in ranges]


def plan_of(content: Engine, version: str, magic: bytes = b"ftrt") -> bytes:
    """The file as a builder of that `version` ("10.3.0.26") writes it."""
    numbers = [int(part) for part in version.split(".")]
    numbers += [0] * (4 - len(numbers))
    body = json.dumps(content).encode()
    size = HEADER_BYTES + len(body)
    layout = _OLD_LAYOUTS.get((numbers[0], numbers[1]), 0)
    stated = size if layout == 0 else size << 16  # anything but a size in its place
    header = struct.pack("<4sII4xQ4B", magic, layout, 2, stated, *(n % 256 for n in numbers[:4]))
    header += struct.pack("<4sI", magic, _RTX_CAPABILITIES if magic == b"vtrt" else 0)
    return header.ljust(HEADER_BYTES, b"\0") + body


def read_plan(plan: bytes) -> Optional[Engine]:
    """The engine in a plan; None where it is cut short or damaged."""
    try:
        found = json.loads(bytes(plan[HEADER_BYTES:]).decode())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


@functools.lru_cache(maxsize=None)
def _weights(output: int, pixels: int, classes: int) -> np.ndarray:
    return np.random.RandomState(output).normal(size=(pixels, classes))


def answers(content: Engine, tensor: np.ndarray) -> List[np.ndarray]:
    """The outputs for a C-contiguous tensor of the engine's shape and dtype."""
    rows = tensor.reshape(len(tensor), -1).astype(np.float64)
    results = []
    for number, (_, shape, dtype) in enumerate(content["outputs"]):
        weights = _weights(number, rows.shape[1], shape[1])
        sums = np.stack([(row[:, None] * weights).sum(axis=0) for row in rows])
        if np.dtype(dtype).kind != "f":
            info = np.iinfo(dtype)
            sums = np.clip(np.rint(sums), info.min, info.max)
        results.append(sums.astype(dtype))
    return results

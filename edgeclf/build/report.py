"""What a build did, as plain data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Dict, Optional, Tuple

__all__ = ["BuildReport", "CheckReport", "MemoryReport"]


@dataclass(frozen=True)
class CheckReport:
    """Two models' answers on the same pictures.

    Attributes:
        compared: "engine" (on the device), or "prepared onnx" (what the parser got, in ONNX
            Runtime) where no device could run the engine; "nothing" where neither was possible.
        reason: why it is not the engine that was compared; empty when it is.
        pictures: on how many, and where they come from.
        source: where the pictures come from.
        same_class: on how many pictures the first class was the same.
        agreeing: on how many it was the same, or the original's best score was less than
            `tolerance` above that of the class found.
        largest_difference, mean_difference: of scores (after the activation) of all classes.
        tolerance: the bound for this precision, in scores.
        passed: whether enough pictures agree; None when nothing was compared.
    """

    compared: str
    reason: str = ""
    pictures: int = 0
    source: str = ""
    same_class: int = 0
    agreeing: int = 0
    largest_difference: float = 0.0
    mean_difference: float = 0.0
    tolerance: float = 0.0
    passed: Optional[bool] = None


@dataclass(frozen=True)
class MemoryReport:
    """What was free before the build, and about what it would take; bytes.

    ``shared`` says that CPU and GPU share the memory, as on a Jetson. ``warning`` is empty where
    there is enough.
    """

    available_bytes: Optional[int]
    needed_bytes: int
    workspace_bytes: Optional[int]
    shared: bool = False
    warning: str = ""


@dataclass(frozen=True)
class BuildReport:
    """One engine, and how it came to be.

    Attributes:
        engine: its path.
        size_bytes, plan_sha256: the file's size; the plan's checksum, without the document.
        source, source_sha256: the ONNX model's name and checksum.
        built_with: "tensorrt 10.3.0".
        gpu, compute_capability: what it is for, as far as that is known; "8.6, 8.9" for several.
        precision, batch, version_compatible, dla: as asked for, filled in.
        changes: what the ONNX model needed to be changed in before it was parsed.
        notes: what else one should know.
        memory, check: see there.
        seconds: how long each step took.
    """

    engine: str
    size_bytes: int
    plan_sha256: str
    source: str
    source_sha256: str
    built_with: str
    gpu: Optional[str]
    compute_capability: Optional[str]
    precision: str
    batch: Tuple[int, int, int]
    version_compatible: bool
    dla: Optional[int]
    changes: Tuple[str, ...]
    notes: Tuple[str, ...]
    memory: MemoryReport
    check: CheckReport
    seconds: Dict[str, float]

    def to_dict(self) -> Dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

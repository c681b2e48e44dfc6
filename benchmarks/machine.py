"""What a result must say about where it was measured."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Sequence

PACKAGES = ("edgeclf", "numpy", "pillow", "onnxruntime", "ai-edge-litert", "opencv-python-headless")


def describe(packages: Sequence[str] = PACKAGES) -> dict:
    """CPU, cores, system, versions, date and git revision, as plain data."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in packages},
        "date": datetime.date.today().isoformat(),
        "git": _git_revision(),
    }


def device_name(machine: dict) -> str:
    """A file name for this machine's results."""
    name = f"{machine['cpu']} {machine['cores']} cores".lower()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git_revision() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"

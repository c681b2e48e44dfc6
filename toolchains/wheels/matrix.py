"""Installs wheels into fresh environments and runs smoke.py there; keeps a record of what ran."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
SMOKE = Path(__file__).resolve().parent / "smoke.py"

# The oldest NumPy that has a wheel for that Python on x86-64 and that pyproject.toml allows.
OLDEST_NUMPY = {
    "3.8": "1.17.3",
    "3.9": "1.19.3",
    "3.10": "1.21.3",
    "3.11": "1.23.2",
    "3.12": "1.26.0",
    "3.13": "2.1.0",
    "3.14": "2.3.2",
}


def install(python: str, folder: Path, requirements: Sequence[str]) -> Path:
    """A fresh virtual environment with these in it, by its Python."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    inside = folder / "bin" / "python"
    command = [str(inside), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    # Wheels alone: an old NumPy that pip would compile is not the one that people have.
    subprocess.run([*command, "--only-binary=:all:", *requirements], check=True)
    return inside


def smoke(command: Sequence[str], cwd: Path, extra: Optional[Dict[str, str]] = None) -> Any:
    """What smoke.py found, run by that command: a Python, or an emulator and a Python."""
    dropped = ("PYTHONPATH", "EDGECLF_CPU", "EDGECLF_WHEEL_TOOLS")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment.update(extra or {})
    done = subprocess.run(
        [*command, str(SMOKE), str(ROOT)],
        capture_output=True,
        text=True,
        cwd=str(cwd),
        env=environment,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1])


def record(dist: Path, wheel: Path, where: str, found: Dict[str, Any]) -> None:
    """Adds a run to dist/runs.json, in the place of an earlier one of the same wheel and place."""
    path = dist / "runs.json"
    runs: List[Dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    key = (wheel.name, where, found["numpy"])
    runs = [one for one in runs if (one["wheel"], one["where"], one["numpy"]) != key]
    runs.append({"wheel": wheel.name, "where": where, **found})
    runs.sort(key=lambda one: (one["wheel"], one["where"], one["numpy"]))
    path.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")

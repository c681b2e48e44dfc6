"""Runs every test marked gpu on this machine's device and writes what came of it.

    python tests/gpu/on_gpu.py [--results FOLDER] [arguments for pytest]

The result file is FOLDER/gpu-<name>-<date>.json. Without a device: one line, every test skipped
with the reason, no file, and exit status 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, List, Optional

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE), str(ROOT / "benchmarks")]

import machine  # noqa: E402
from report import Report, file_name, summary  # noqa: E402

from edgeclf.cuda import open_cuda  # noqa: E402
from edgeclf.errors import BackendUnavailable  # noqa: E402

# Not all of tests/: what is not for a device may not even be importable there. The conformance
# suite is run from tests/gpu, on an engine that is built for it.
FOLDERS = ("tests/cuda", "tests/gpu")


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    options, more = parser.parse_known_args(arguments)
    cuda = device()
    report = Report()
    chosen = [f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), "-m", "gpu"]
    status = int(pytest.main([*chosen, *folders_for(more), *more], plugins=[report]))
    if cuda is not None:
        write(report, cuda, options.results)
    return status


def folders_for(arguments: List[str]) -> List[str]:
    """What to collect where the arguments name no file or folder themselves."""
    if any(Path(argument.split("::")[0]).exists() for argument in arguments):
        return []
    return [str(ROOT / folder) for folder in FOLDERS]


def device() -> Any:
    try:
        return open_cuda(0)
    except BackendUnavailable as exc:
        print(f"No GPU here, every test is skipped: {exc}", flush=True)
        return None


def write(report: Report, cuda: Any, folder: Path) -> Path:
    document = report.document(cuda, machine.describe(())["git"])
    path = folder / file_name(document)
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print("\n".join([*summary(document), f"written: {path}"]))
    return path


if __name__ == "__main__":
    sys.exit(main())

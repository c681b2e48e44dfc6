"""What a test run found, as plain data; a plugin of pytest.

A test adds facts of its own with pytest's ``record_property``: "engine_kind" ("tensorrt",
"tensorrt-rtx" or "fake-on-cuda"), "largest_error_levels" and the like, "microseconds" (see
`percentiles`).
"""

from __future__ import annotations

import datetime
import re
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

ENGINE_KINDS = ("tensorrt", "tensorrt-rtx", "fake-on-cuda")  # the one that proves most comes first
PACKAGES = (
    "edgeclf", "numpy", "onnx", "onnxruntime", "cuda-bindings", "pycuda", "torch", "cupy-cuda12x",
    "cupy-cuda13x", "tensorrt", "tensorrt-rtx-cu13-bindings", "tensorrt-rtx-cu12-bindings",
    "nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12",
)  # fmt: skip


def percentiles(seconds: Sequence[float]) -> Dict[str, float]:
    """p50, p95 and p99 in microseconds, and how many were measured."""
    p50, p95, p99 = np.percentile(np.asarray(seconds) * 1e6, [50, 95, 99])
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "count": len(seconds)}


class Report:
    """Collects each test's outcome; register it with ``pytest.main(plugins=[Report()])``."""

    def __init__(self) -> None:
        self.tests: Dict[str, Dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when != "call" and report.passed:
            return
        found = self.tests.setdefault(report.nodeid, {"outcome": "passed"})
        found.update(dict(report.user_properties))
        if report.when == "call":
            found["seconds"] = round(report.duration, 4)
        if report.failed:
            found.update(outcome="failed", error=report.longreprtext[-2000:])
        elif report.skipped and found["outcome"] != "failed":
            longrepr = report.longrepr
            reason = longrepr[2] if isinstance(longrepr, tuple) else report.longreprtext
            found.update(outcome="skipped", reason=reason)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.tests[report.nodeid] = {"outcome": "failed", "error": report.longreprtext[-2000:]}

    def outcomes(self) -> Dict[str, int]:
        names = [test["outcome"] for test in self.tests.values()]
        return {name: names.count(name) for name in ("passed", "failed", "skipped")}

    def engine_kind(self) -> Optional[str]:
        """Of the engines that a test ran and found right, the one that proves most."""
        ran = {t.get("engine_kind") for t in self.tests.values() if t["outcome"] == "passed"}
        return next((kind for kind in ENGINE_KINDS if kind in ran), None)

    def document(self, cuda: Any, git: str) -> Dict[str, Any]:
        """The result file's content."""
        return {
            "device": describe(cuda),
            "packages": versions(),
            "date": datetime.date.today().isoformat(),
            "git": git,
            "engine_kind": self.engine_kind(),
            "outcomes": self.outcomes(),
            "tests": self.tests,
        }


def describe(cuda: Any) -> Dict[str, Any]:
    facts = cuda.facts
    return {
        "name": facts.name,
        "compute_capability": "{}.{}".format(*facts.compute_capability),
        "memory_bytes": facts.memory_bytes,
        "driver": driver_release(),
        "driver_cuda": f"{facts.driver_version // 1000}.{facts.driver_version % 1000 // 10}",
        "provider": cuda.provider,
        "integrated": facts.integrated,
        "nvrtc": nvrtc_version(facts.driver_version),
    }


def driver_release() -> Optional[str]:
    """The kernel driver's own number; None where it does not say (Jetson, no driver)."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return None
    found = re.search(r"\b\d+\.\d+(\.\d+)*\b", text)
    return found.group(0) if found else None


def nvrtc_version(driver_version: int) -> Optional[str]:
    from edgeclf.cuda.nvrtc import find_nvrtc
    from edgeclf.errors import BackendUnavailable

    try:
        return "{}.{}".format(*find_nvrtc(driver_version).version)
    except BackendUnavailable:
        return None


def versions(packages: Sequence[str] = PACKAGES) -> Dict[str, str]:
    """Of those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def file_name(document: Dict[str, Any]) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", document["device"]["name"].lower()).strip("-")
    return f"gpu-{name}-{document['date']}.json"


def summary(document: Dict[str, Any]) -> List[str]:
    device, outcomes = document["device"], document["outcomes"]
    counts = ", ".join(f"{count} {name}" for name, count in outcomes.items())
    kind = document["engine_kind"] or "none"
    return [f"{device['name']} ({device['compute_capability']}): {counts}; engines: {kind}"]

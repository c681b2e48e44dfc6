"""Classifies one made-up picture with the built-in model: does anything run at all here?

The doctor runs this in a process of its own: a NumPy or a runtime built for another processor
ends its process with a signal, and the doctor has to live to tell.
"""

from __future__ import annotations

import json
import math
import platform
import signal
import subprocess
import sys
from typing import Any, Callable, Dict, List

__all__ = ["print_selftest", "run_apart"]

TIMEOUT_S = 120
_SIDE = 256
_CALL = "from edgeclf.cli.selftest import print_selftest; print_selftest()"


def run_apart(call: str = _CALL) -> Dict[str, Any]:
    """The self-test's findings, from a process of its own, or this one where none can be started.

    "ok" and, when it is false, "error" are always there; the others as far as the test came.
    """
    found: Dict[str, Any] = {"ok": False, "backends": []}
    try:
        done = _python(call)
    except subprocess.TimeoutExpired:
        return {**found, **_error("Hang", f"no answer came within {TIMEOUT_S} s")}
    except OSError:
        for step in _STEPS:
            found.update(_careful(step))
        return found
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        # A runtime may print lines of its own.
        if line.startswith("{"):
            found.update(json.loads(line))
    if done.returncode < 0:
        found.update(_error("Crash", _crash(-done.returncode)))
    elif not found["ok"] and "error" not in found:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        message = f"Python ended with status {done.returncode} and said: {said[-1]}"
        found.update(_error("Crash", message))
    return found


def print_selftest() -> None:
    """Run the steps and print what each finds as a line of JSON, before the next may crash."""
    for step in _STEPS:
        print(json.dumps(_careful(step)), flush=True)


def _careful(step: Callable[[], Dict[str, Any]]) -> Dict[str, Any]:
    try:
        return step()
    except Exception as exc:
        return _error(type(exc).__name__, str(exc))


def _runtimes() -> Dict[str, Any]:
    from edgeclf.backends import available

    return {"backends": [backend._asdict() for backend in available()]}


def _file() -> Dict[str, Any]:
    from edgeclf.models import default_model

    file = default_model()
    return {"file": file.name, "reason": _reason(_runtimes()["backends"], file.suffix)}


def _reason(backends: List[Dict[str, Any]], suffix: str) -> str:
    """Why the built-in model is taken in this form."""
    usable = [backend["name"] for backend in backends if backend["usable"]]
    if not usable:
        return "no runtime is installed"
    if len(usable) == 1:
        return f"{usable[0]} is the only runtime installed"
    return f"of the forms that the runtimes read, {suffix} comes first on {platform.machine()}"


def _answer() -> Dict[str, Any]:
    from edgeclf.classifier import Classifier

    with Classifier() as classifier:
        classifier.warmup()
        prediction = classifier.predict(_gradient())
        finite = all(math.isfinite(score) for score in prediction.scores.tolist())
        if not finite or not prediction.categories:
            return _error("NotFinite", "the built-in model gave no finite scores")
        return {
            "ok": True,
            "backend": classifier.backend.name,
            "runtime": classifier.backend.runtime,
            "device": classifier.backend.device,
            "label": prediction.label,
            "score": prediction.score,
            "speed": prediction.to_dict()["speed"],
        }


_STEPS = (_runtimes, _file, _answer)


def _gradient() -> Any:
    """A colour gradient, uint8 (256, 256, 3)."""
    import numpy as np

    ramp = np.arange(_SIDE, dtype=np.uint8)
    red, green = np.meshgrid(ramp, ramp)
    return np.stack([red, green, red[::-1, ::-1]], axis=2)


def _python(call: str) -> "subprocess.CompletedProcess[bytes]":
    if not sys.executable:
        raise OSError("this Python does not know where it is")
    # This process's own path, so that nothing is picked up from the current folder.
    code = f"import sys; sys.path[:] = {sys.path!r}; {call}"
    return subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
    )


def _crash(number: int) -> str:
    name = _signal_name(number)
    if _python("import numpy").returncode == -number:
        return (
            f"importing NumPy ended Python with {name}: this NumPy was built for another "
            "processor. Install another version; on ARM, OPENBLAS_CORETYPE=ARMV8 in the "
            "environment may be enough"
        )
    advice = "the machine may be out of memory" if name == "SIGKILL" else "install another version"
    return f"the runtime ended Python with {name}: {advice}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _error(kind: str, message: str) -> Dict[str, Any]:
    return {"ok": False, "error": {"type": kind, "message": message}}

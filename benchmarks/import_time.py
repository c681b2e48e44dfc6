"""How long does `import edgeclf` take beyond `import numpy`? Whole processes, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

BASE = "import numpy"
WITH = "import numpy, edgeclf; edgeclf.Frame, edgeclf.InputSpec"
CHECK = (
    "import sys, edgeclf; loaded = [m for m in ('cv2', 'PIL', 'onnxruntime', 'ai_edge_litert', "
    "'tflite_runtime', 'tensorflow', 'click') if m in sys.modules]; assert not loaded, loaded"
)


def seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def measure(rounds: int = 30) -> dict:
    """Milliseconds, medians over `rounds` pairs."""
    subprocess.run([sys.executable, "-c", CHECK], check=True)
    seconds(WITH)
    pairs = [(seconds(BASE), seconds("import edgeclf"), seconds(WITH)) for _ in range(rounds)]
    base, alone, both = (statistics.median(column) * 1e3 for column in zip(*pairs))
    added = statistics.median((row[2] - row[0]) * 1e3 for row in pairs)
    return {
        "import_numpy_ms": round(base, 1),
        "import_edgeclf_ms": round(alone, 1),
        "import_numpy_and_edgeclf_ms": round(both, 1),
        "added_over_numpy_ms": round(added, 1),
        "rounds": rounds,
    }


if __name__ == "__main__":
    print(measure())

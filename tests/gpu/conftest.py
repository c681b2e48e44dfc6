"""Where the helpers of the CUDA tests and the runtimes' fakes lie."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
for folder in ("cuda", "backends", "build"):
    sys.path.append(str(TESTS / folder))

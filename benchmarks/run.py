"""Runs the benchmarks and writes `results/<machine>.json`. Each asserts its answer first."""

from __future__ import annotations

import json
from pathlib import Path

import import_time
import machine
import predict_overhead


def main() -> None:
    facts = machine.describe()
    results = {
        "machine": facts,
        "import_time": import_time.measure(),
        "predict_overhead": predict_overhead.measure(),
    }
    target = Path(__file__).parent / "results" / f"{machine.device_name(facts)}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))
    print(f"written: {target}")


if __name__ == "__main__":
    main()

"""Writes the table of docs/wheels.md from what the build and the tests left in a folder of wheels.

python toolchains/wheels/table.py [DIST]        dist/wheels.json and dist/runs.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "wheels.md"
BEGIN, END = "<!-- table: toolchains/wheels/table.py -->", "<!-- end of table -->"


def main(dist: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    wheels = json.loads((dist / "wheels.json").read_text(encoding="utf-8"))
    runs_file = dist / "runs.json"
    runs = json.loads(runs_file.read_text(encoding="utf-8")) if runs_file.exists() else []
    PAGE.write_text(f"{head}{BEGIN}\n\n{table(wheels, runs)}\n{END}{tail}", encoding="utf-8")


def table(wheels: List[Dict[str, Any]], runs: List[Dict[str, Any]]) -> str:
    """As Markdown: a row for each wheel, then what ran."""
    lines = ["| tag | wheel, bytes | module, bytes | highest glibc symbol | NEEDED |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for one in wheels:
        cells = (
            f"`{_tag(one['wheel'])}`",
            f"{one['size']:,}",
            f"{one['module_size']:,}",
            f"GLIBC_{one['glibc']}",
            ", ".join(f"`{name}`" for name in one["needed"]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| wheel | where it ran | NumPy | kernels | tensors compared | classes compared |",
    ]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for run in runs:
        cells = (
            f"`{_tag(run['wheel'])}`",
            run["where"],
            run["numpy"],
            run["instruction_set"],
            f"{run['tensors']}, equal",
            ", ".join(f"{n}, equal, {name}" for name, n in run["predictions"].items()) or "-",
        )
        lines.append(f"| {' | '.join(cells)} |")
    missing = sorted({one["wheel"] for one in wheels} - {run["wheel"] for run in runs})
    if missing:
        tags = ", ".join(f"`{_tag(name)}`" for name in missing)
        lines += ["", f"Built and checked, but never run: {tags}."]
    return "\n".join(lines)


def _tag(wheel: str) -> str:
    """cp311-manylinux_2_17_x86_64 for the name of a wheel."""
    python, _, platform = wheel[: -len(".whl")].split("-")[2:]
    return f"{python}-{platform.split('.')[-1]}"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist"))

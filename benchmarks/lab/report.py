"""Writes what was measured: JSON, and a Markdown table of the target rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

from targets import Outcome, outcomes

WORD = {True: "yes", False: "**no**", None: "-"}
EXACT = {"edgeclf exact": ", exact mode"}


def write(results: Dict[str, Any], folder: Path, name: str) -> List[Path]:
    """`<name>.json` and `<name>.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    data, table = folder / f"{name}.json", folder / f"{name}.md"
    data.write_text(json.dumps(results, indent=1) + "\n")
    table.write_text(markdown(results, name))
    return [data, table]


def markdown(results: Dict[str, Any], name: str) -> str:
    cases = {key: case["contenders"] for key, case in results["cases"].items()}
    lines = outcomes(cases)
    judged = [line.met for line in lines if line.met is not None and not line.target.stretch]
    judged += [row["met"] for row in results.get("glue", {}).get("rows", [])]
    return "\n".join(
        [
            "# The hot path, measured",
            "",
            *_about(results),
            "",
            f"Targets met: {sum(judged)} of {len(judged)}. The ratio is the peer's time over "
            "edgeclf's, and edgeclf's over a floor's, of medians on cold frames. A line without a "
            "target is for information; - means that one side is not available here.",
            "",
            f"![time per frame]({name}.svg)",
            "",
            "| case | compared with | ratio | target | met |",
            "|---|---|---|---|---|",
            *(_row(line) for line in lines),
            *(_glue_row(row) for row in results.get("glue", {}).get("rows", [])),
            "",
            *_notes(results),
            "## Times",
            "",
            "Microseconds per frame: median (10th to 90th percentile) on cold frames, median on "
            "a warm one; largest and mean error against the contender's reference, in levels.",
            "",
            "| case | contender | cold | warm | error |",
            "|---|---|---|---|---|",
            *_times(results["cases"]),
            "",
        ]
    )


def _about(results: Dict[str, Any]) -> List[str]:
    machine, noise = results["machine"], results["noise"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["packages"].items())
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {machine['date']}, "
        f"revision {machine['git']}, instruction set {machine.get('instruction_set')}. One thread. "
        f"edgeclf: {machine.get('edgeclf')}.",
        f"Peers: {versions}.",
        "",
        f"The machine while measuring: a fixed calibration kernel took {noise['median_us']} us, "
        f"10th to 90th percentile {noise['p10_us']} to {noise['p90_us']} (a quiet machine shows "
        f"under 5 % of spread; here {noise['spread_percent']} %); load average "
        f"{noise['load_before']} before, {noise['load_after']} after.",
    ]


def _row(line: Outcome) -> str:
    target, ratio = line.target, line.ratio
    against = {"floor*": "memory floor", "cv2*": "cv2", "entropy decode*": "entropy decode"}.get(
        target.against, target.against
    )
    note = "a stretch goal" if target.stretch else target.note
    if note:
        against += f" ({note})"
    reached = "-" if ratio is None else f"{ratio:.2f}"
    if line.plain is not None:
        reached += f" (plain: {line.plain:.2f})"
    wanted = (
        f"<= {target.most:g}" if target.most else f">= {target.least:g}" if target.least else ""
    )
    case = target.case + EXACT.get(target.ours, "")
    met = WORD[line.met] if wanted else ""
    if line.met is False and line.plain is not None and line.plain <= (target.most or 0):
        met += " (plain: yes)"
    return f"| {case} | {against} | {reached} | {wanted} | {met} |"


def _glue_row(row: Dict[str, Any]) -> str:
    reached = f"{row['reached']:g} {row['unit']}"
    target = f"<= {row['most']:g}"
    return f"| {row['case']} | {row['against']} | {reached} | {target} | {WORD[row['met']]} |"


def _notes(results: Dict[str, Any]) -> List[str]:
    found = [f"- {case['key']}: {case['note']}" for case in results["cases"].values()]
    found = [line for line in found if not line.endswith(": ")]
    found += [f"- not available: {name}: {why}" for name, why in results["missing"].items()]
    return ["Notes:", "", *found, ""] if found else []


def _times(cases: Dict[str, Any]) -> List[str]:
    rows = []
    for key, case in cases.items():
        for name, row in case["contenders"].items():
            cold, warm, error = row["cold"], row["warm"], row.get("error")
            spread = f"{cold['median_us']} ({cold['p10_us']} to {cold['p90_us']})"
            off = f"{error['largest']:.3f}, {error['mean']:.3f}" if error else ""
            rows.append(f"| {key} | {name} | {spread} | {warm['median_us']} | {off} |")
    return rows

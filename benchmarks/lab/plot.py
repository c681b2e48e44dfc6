"""One picture: time per frame of each contender, and the memory floor under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

SIZES = ("480p", "720p", "1080p", "4K")
PANELS = {
    "BGR, bilinear": [f"bilinear {s}" for s in SIZES],
    "BGR, antialiased bilinear": [f"antialiased bilinear {s}" for s in SIZES],
    "BGR, antialiased bicubic": [f"antialiased bicubic {s}" for s in SIZES],
    "area; YUV straight from the camera": [
        "area 1080p",
        "yuyv bilinear 720p",
        "nv12 bilinear 1080p",
        "nv12 antialiased 1080p",
    ],
}
COLORS = {
    "edgeclf": "#0b7a4b",
    "edgeclf exact": "#6cc19a",
    "cv2 chain": "#c65d21",
    "cv2 tuned chain": "#e39a6b",
    "cv2 blob": "#f2c7a8",
    "cvtColor+blob": "#f2c7a8",
    "kornia-rs": "#8d6cab",
    "torch": "#b5443c",
    "cvtColor+torch": "#b5443c",
    "Pillow": "#3f6fa8",
    "cvtColor+Pillow": "#3f6fa8",
    "pillow-simd": "#8fb3dc",
}
LABELS = {"cvtColor+blob": "cv2 blob", "cvtColor+torch": "torch", "cvtColor+Pillow": "Pillow"}


def draw(results: Dict[str, Any], target: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # Text stays text, and the same figures give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "hotpath", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(10, 6.4), layout="constrained")
    for axis, (title, keys) in zip(axes.flat, PANELS.items()):
        _panel(axis, title, [results["cases"][key] for key in keys if key in results["cases"]])
    handles = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=6, frameon=False)
    machine = results["machine"]
    figure.suptitle(f"One frame to a 224x224 float tensor: one thread, {machine['cpu']}")
    figure.savefig(target, metadata={"Date": None})
    pyplot.close(figure)


def _panel(axis: Any, title: str, cases: List[Dict[str, Any]]) -> None:
    axis.set_title(title, fontsize=9.5, loc="left")
    axis.set_ylabel("ms per cold frame")
    ticks, names = [], []
    kinds = {case["key"].rsplit(" ", 1)[0] for case in cases}
    at = 0.0
    for case in cases:
        rows = {name: row for name, row in case["contenders"].items() if name in COLORS}
        floors = [
            row["cold"]["median_us"]
            for name, row in case["contenders"].items()
            if name.startswith("floor")
        ]
        begin = at
        for name, row in sorted(rows.items(), key=lambda item: list(COLORS).index(item[0])):
            cold = row["cold"]
            axis.bar(
                at, cold["median_us"] / 1e3, 0.9, color=COLORS[name], label=LABELS.get(name, name)
            )
            axis.plot([at, at], [cold["p10_us"] / 1e3, cold["p90_us"] / 1e3], "k-", lw=0.7)
            at += 1
        if floors:
            level = min(floors) / 1e3
            axis.plot([begin - 0.5, at - 0.5], [level, level], "k--", lw=1.2, label="memory floor")
        ticks.append((begin + at - 1) / 2)
        kind, size = case["key"].rsplit(" ", 1)
        names.append(size if len(kinds) == 1 else f"{kind}\n{size}")
        at += 0.8
    axis.set_xticks(ticks, names, fontsize=8)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.spines[["top", "right"]].set_visible(False)

"""Frame to tensor against everything else: `python benchmarks/hotpath.py` reproduces every row.

Makes its own environments (lab/environment.py), then measures in one process: contenders in turn,
in random order, one thread each, on cold and on warm frames, after each has shown its answer to be
right. Writes <machine>-hotpath.json, .md and .svg: into results/ where a wheel was measured whole,
else into build/benchmarks/. README.md beside it explains.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

HERE = Path(__file__).resolve().parent
PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "torch",
    "kornia_rs",
    "simplejpeg",
    "onnxruntime",
)
INSIDE = "EDGECLF_BENCH_INSIDE"


def main() -> None:
    options = _options()
    if INSIDE not in os.environ:
        _enter_environment(options.wheels)
    import machine
    from lab import environment, plot, report

    python, why = environment.simd_python()
    results = measure(options.only, options.seconds, python)
    if python is None:
        results["missing"]["pillow-simd"] = why
    kept = bool(options.wheels) and not options.only
    folder = HERE / "results" if kept else environment.ROOT / "build" / "benchmarks"
    name = f"{machine.device_name(results['machine'])}-hotpath"
    written = report.write(results, folder, name)
    plot.draw(results, folder / f"{name}.svg")
    print(report.markdown(results, name))
    print("written:", *written, folder / f"{name}.svg")


def measure(only: str, seconds: float, simd: Optional[Path]) -> Dict[str, Any]:
    import cases
    import cases_glue
    import machine
    import numpy as np
    from lab.timing import CALIBRATION, Timer, summary

    load_before = os.getloadavg()[0]
    timer = Timer(seconds)
    results: Dict[str, Any] = {"machine": machine.describe(PACKAGES), "cases": {}}
    results["machine"]["instruction_set"] = _instruction_set()
    results["machine"]["edgeclf"] = os.environ.get(INSIDE, "compiled here")
    _check_origin(results["machine"]["edgeclf"])
    calibrations: List[int] = []
    for bench in _benches(only, simd):
        begin = time.perf_counter()
        results["cases"][bench.key], samples = run(bench, timer)
        calibrations += samples[CALIBRATION]
        print(f"{bench.key}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    if only in "glue":
        results["glue"] = cases_glue.in_own_process()
    noise = summary(calibrations or [1])
    p10, p90 = np.percentile(calibrations or [1], [10, 90])
    results["noise"] = {
        **noise,
        "spread_percent": round(100 * float(p90 / p10 - 1)),
        "load_before": round(load_before, 2),
        "load_after": round(os.getloadavg()[0], 2),
    }
    results["missing"] = dict(cases.MISSING)
    return results


def run(bench: Any, timer: Any) -> Any:
    """(plain data for the results, samples on cold frames), answers checked first."""
    from lab.timing import CALIBRATION, summary

    errors = check(bench)
    cold = timer.cold(bench.contenders, bench.count)
    warm = timer.warm(bench.contenders)
    rows: Dict[str, Any] = {}
    for entry in bench.contenders:
        row: Dict[str, Any] = {
            "cold": summary(cold[entry.name]),
            "warm": summary(warm[entry.name]),
            "rounds": len(cold[entry.name]),
        }
        if entry.name in errors:
            row["error"] = errors[entry.name]
        if entry.calibration_us is not None:
            _scale(row, summary(cold[CALIBRATION])["median_us"], entry.calibration_us())
        rows[entry.name] = row
    facts = {"key": bench.key, "frames": bench.count, "note": bench.note, "contenders": rows}
    return {**facts, "calibration": summary(cold[CALIBRATION])}, cold


def check(bench: Any) -> Dict[str, Dict[str, float]]:
    """Each contender's errors on frame 0; AssertionError where they are beyond what is stated."""
    return {
        entry.name: bench.references.check(entry.name, entry.answer(0), entry.tolerance)
        for entry in bench.contenders
        if entry.answer is not None and entry.tolerance is not None
    }


def _scale(row: Dict[str, Any], here_us: float, there_us: float) -> None:
    """Times from the second process, on this one's scale."""
    row["scaled_by"] = round(here_us / there_us, 4)
    for kind in ("cold", "warm"):
        row[kind] = {k: round(v * row["scaled_by"], 1) for k, v in row[kind].items()}


def _benches(only: str, simd: Optional[Path]) -> Iterator[Any]:
    """Made one at a time: each holds hundreds of megabytes of frames."""
    import cases
    import cases_bgr
    import cases_jpeg
    import cases_yuv

    makers: Dict[str, Callable[[Any], Any]] = {
        "bilinear": cases_bgr.bilinear,
        "antialiased bilinear": lambda size: cases_bgr.antialiased(size, "bilinear"),
        "antialiased bicubic": lambda size: cases_bgr.antialiased(size, "bicubic"),
        "area": cases_bgr.area,
        "uint8": lambda size: cases_bgr.eight_bit(size, "uint8"),
        "int8": lambda size: cases_bgr.eight_bit(size, "int8"),
    }
    extra: Dict[str, Callable[[Any], Any]] = {
        "yuyv bilinear 720p": lambda size: cases_yuv.yuv(size, "yuyv", False),
        "nv12 bilinear 1080p": lambda size: cases_yuv.yuv(size, "nv12", False),
        "nv12 antialiased 1080p": lambda size: cases_yuv.yuv(size, "nv12", True),
    }
    for name, (width, height) in cases.SIZES.items():
        wanted = {f"{kind} {name}": make for kind, make in makers.items()}
        wanted.update({key: make for key, make in extra.items() if key.endswith(name)})
        wanted = {key: make for key, make in wanted.items() if only in key}
        if wanted:
            with cases.Size(name, width, height, simd=simd) as size:
                for make in wanted.values():
                    yield make(size)
    if only in "jpeg 1080p":
        yield cases_jpeg.jpeg()


def _instruction_set() -> str:
    """The one that edgeclf's vector code uses here."""
    from edgeclf import _core

    name = getattr(_core, "instruction_set", None)
    return name() if name else "not told"


def _check_origin(name: str) -> None:
    """That it is the wheel which is measured, where a wheel is named."""
    from lab import environment

    import edgeclf

    origin = Path(edgeclf.__file__).resolve()
    is_wheel = environment.UNPACKED in origin.parents
    assert is_wheel == (".whl" in name), f"expected {name}, but {origin} was imported"


def _enter_environment(dist: Optional[Path]) -> None:
    """Goes on as the environment's interpreter, every library told to use one thread."""
    from lab import environment

    python = environment.peers_python()
    folder, name = environment.wheel(dist, python) if dist else environment.checkout(python)
    os.execve(
        str(python), [str(python), *sys.argv], {**environment.variables(folder), INSIDE: name}
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name has this part; kept in build/")
    parser.add_argument("--wheels", type=Path, help="edgeclf is this folder's wheel, not compiled")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="for each case on cold frames; 4 if not given"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

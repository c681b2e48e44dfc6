"""``edgeclf build``: a TensorRT engine from an ONNX model."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import click

from edgeclf.cli import text

if TYPE_CHECKING:
    from edgeclf.build import BuildReport

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def _batch(
    ctx: click.Context, param: click.Parameter, value: Optional[str]
) -> Optional[Tuple[int, ...]]:
    if value is None:
        return None
    sizes = [part.strip() for part in value.split(",")]
    if len(sizes) not in (1, 3) or not all(size.isdecimal() for size in sizes):
        raise click.BadParameter(
            f"expected MIN,OPT,MAX (such as 1,4,16) or one number, got {value!r}"
        )
    return tuple(int(size) for size in (sizes * 3)[:3])


def _bytes(ctx: click.Context, param: click.Parameter, value: Optional[str]) -> Optional[int]:
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})([KMG]?)(?:i?B)?", value.strip(), re.IGNORECASE)
    if found is None:
        raise click.BadParameter(f"expected such as 512M or 1G, got {value!r}")
    return int(found.group(1)) * _UNITS[found.group(2).upper()]


def _capabilities(
    ctx: click.Context, param: click.Parameter, value: Optional[str]
) -> Optional[List[str]]:
    return None if value is None else [part.strip() for part in value.split(",")]


@click.command(short_help="Build a TensorRT engine from an ONNX model.")
@click.argument("model", required=False, type=_FILE)
@click.option("-o", "--out", metavar="X.engine", type=_FILE, help="Where; else beside the model.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8"]),
    default="fp32",
    show_default=True,
    help="What the engine computes in.",
)
@click.option(
    "--calibrate",
    metavar="FOLDER",
    type=_FOLDER,
    help="Pictures like those it will see: for int8 ranges, and for the check.",
)
@click.option("--batch", metavar="MIN,OPT,MAX", callback=_batch, help="Frames at once.")
@click.option("--workspace", metavar="SIZE", callback=_bytes, help="Scratch memory, such as 512M.")
@click.option("--dla", metavar="N", type=click.IntRange(min=0), help="Build for this DLA core.")
@click.option(
    "--version-compatible", is_flag=True, help="For later versions too; carries host code."
)
@click.option(
    "--compute-capability",
    metavar="X.Y,...",
    callback=_capabilities,
    help="The GPUs it is for (TensorRT for RTX only).",
)
@click.option(
    "--runtime",
    type=click.Choice(["tensorrt", "tensorrt-rtx"]),
    help="Which TensorRT; else the one that is installed.",
)
@click.option("--device", metavar="cuda:N", help="The GPU to build on; else the first.")
@click.option("--spec", type=_FILE, help="A sidecar file (JSON) with what the model does not say.")
@click.option("--labels", type=_FILE, help="A text file with one label per line.")
@click.option("--no-check", is_flag=True, help="Do not compare its answers with the model's.")
@click.option("--no-timing-cache", is_flag=True, help="Measure everything anew.")
@click.option("--json", "as_json", is_flag=True, help="Write the report as one JSON document.")
def command(
    model: Optional[Path],
    out: Optional[Path],
    as_json: bool,
    no_check: bool,
    no_timing_cache: bool,
    workspace: Optional[int],
    **arguments: Any,
) -> None:
    """Build a TensorRT engine from an ONNX model, with its spec and labels inside.

    Without MODEL, from the built-in one, into the current folder. TensorRT builds on the device
    that will run the engine; TensorRT for RTX needs no GPU to build.

    Before anything is written, the engine's answers are compared with the ONNX model's in ONNX
    Runtime, on pictures of --calibrate or on synthetic ones. Where no GPU can run the engine, what
    it was built from is compared instead, and the report says so.

    \b
    Examples:
      edgeclf build mobilenet.onnx --precision fp16
      edgeclf build mobilenet.onnx --precision int8 --calibrate photos -o m.engine
      edgeclf build mobilenet.onnx --runtime tensorrt-rtx --compute-capability 8.6,8.9
    """
    from edgeclf.build import build_engine
    from edgeclf.models import DEFAULT_ONNX

    if out is None:
        out = Path(DEFAULT_ONNX.stem + ".engine") if model is None else model.with_suffix(".engine")
    progress = _Progress()
    try:
        report = build_engine(
            DEFAULT_ONNX if model is None else model,
            out,
            workspace_bytes=workspace,
            check=not no_check,
            progress=progress,
            timing_cache=not no_timing_cache,
            **arguments,
        )
    finally:
        progress.end()
    if as_json:
        text.echo_json(report.to_dict(), pretty=True)
    else:
        _show(report)


def _show(report: "BuildReport") -> None:
    text.section(text.printable(report.engine), text.columns(_facts(report)))
    if report.changes or report.notes:
        text.section("Notes", [*report.changes, *report.notes])
    text.section("Check", _check_lines(report))


def _facts(report: "BuildReport") -> List[Tuple[str, str]]:
    least, usual, largest = report.batch
    sizes = str(usual) if least == largest else f"{least} to {largest}, best at {usual}"
    target = report.compute_capability or "unknown"
    if report.gpu:
        target = f"{report.gpu}, compute capability {target}"
    else:
        target = f"compute capability {target}"
    return [
        ("built with", report.built_with),
        ("for", target),
        ("precision", report.precision),
        ("batch", sizes),
        ("size", f"{report.size_bytes:,} bytes"),
        ("source", text.printable(report.source)),
        ("seconds", ", ".join(f"{name} {value:.1f}" for name, value in report.seconds.items())),
    ]


def _check_lines(report: "BuildReport") -> List[str]:
    check = report.check
    rows: List[Tuple[str, str]] = [("compared", check.compared)]
    if check.reason:
        rows.append(("because", check.reason))
    if check.pictures:
        rows += [
            ("pictures", f"{check.pictures} ({text.printable(check.source)})"),
            ("same class", f"{check.same_class} of {check.pictures}"),
            ("agree", f"{check.agreeing} of {check.pictures}, within {check.tolerance:g} in score"),
            ("largest difference", f"{check.largest_difference:.2g} in score"),
            ("mean difference", f"{check.mean_difference:.2g}"),
        ]
    return text.columns(rows)


class _Progress:
    """One line on stderr that says what is being done, where somebody watches."""

    def __init__(self) -> None:
        self._watched = bool(sys.stderr and sys.stderr.isatty())
        self._last: Dict[str, str] = {}

    def __call__(self, step: str, done: int, total: int) -> bool:
        if self._watched:
            count = f" {done}/{total}" if total else ""
            line = text.fit(text.printable(f"{step}{count}"), 70)
            if self._last.get("line") != line:
                self._last["line"] = line
                sys.stderr.write(f"\r{line}")
                sys.stderr.flush()
        return True

    def end(self) -> None:
        """Wipe the line."""
        if self._watched:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

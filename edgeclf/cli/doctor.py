"""``edgeclf doctor``: what this machine is, what is installed, and whether it works."""

from __future__ import annotations

import platform
import sys
from typing import Any, Dict, List, Optional

import click

from edgeclf.cli import text
from edgeclf.cli.board_lines import board_facts, board_lines
from edgeclf.version import __version__

__all__ = ["command"]

_OPENCV = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
_WITHOUT_SIMPLEJPEG = "JPEGs damaged in the middle are not noticed: pip install simplejpeg"


@click.command(short_help="Check this machine: board, runtimes, decoders, a test run.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show what this machine is and what is installed, and run the built-in model once.

    The exit status is 0 when the built-in model gave an answer, else 1. The output is meant to be
    pasted into a bug report.
    """
    report = _examine()
    if as_json:
        text.echo_json(report, pretty=True)
    else:
        _show(report)
    ctx.exit(0 if report["ok"] else 1)


def _examine() -> Dict[str, Any]:
    from edgeclf.cli.selftest import run_apart

    found = run_apart()
    return {
        "edgeclf": __version__,
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "bits": 64 if sys.maxsize > 2**32 else 32,
        },
        **board_facts(),
        "kernels": _kernels(),
        "backends": found.pop("backends"),
        "decoders": _decoders(),
        "default_model": found,
        "ok": found["ok"],
    }


def _kernels() -> Dict[str, Any]:
    """Which vector instructions the C++ core uses, of those it could; why none, if so."""
    from edgeclf import _core
    from edgeclf.errors import ArgumentError

    available = _core.available_instruction_sets()
    try:
        return {"used": _core.instruction_set(), "available": available, "error": None}
    except ArgumentError as exc:
        return {"used": None, "available": available, "error": str(exc)}


def _decoders() -> List[Dict[str, Optional[str]]]:
    simplejpeg = _version("simplejpeg")
    opencv = next((name for name in _OPENCV if _version(name)), _OPENCV[0])
    return [
        {"name": "Pillow", "version": _version("Pillow"), "note": None},
        {
            "name": "simplejpeg",
            "version": simplejpeg,
            "note": None if simplejpeg else _WITHOUT_SIMPLEJPEG,
        },
        {
            "name": opencv,
            "version": _version(opencv),
            "note": None if _version(opencv) else "optional: edgeclf does not need it",
        },
    ]


def _version(distribution: str) -> Optional[str]:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _show(report: Dict[str, Any]) -> None:
    python = report["python"]
    rows = [
        ("python", f"{python['version']} ({python['implementation']}, {python['bits']}-bit)"),
        *_board_rows(report["board"]),
        ("kernels", _kernels_text(report["kernels"])),
    ]
    text.section(f"edgeclf {report['edgeclf']}", text.columns(rows))
    text.section("This board", board_lines(report))
    text.section("Runtimes", _runtime_lines(report["backends"]))
    text.section("Decoders", _decoder_lines(report["decoders"]))
    text.section("Built-in model", _model_lines(report["default_model"]))
    if report["ok"]:
        click.secho("OK: this machine can classify.", fg="green")
    else:
        click.secho(f"FAILED: {_advice(report)}", fg="red")


def _board_rows(board: Dict[str, Any]) -> List["tuple[str, str]"]:
    name, family = board["name"], board["family"]
    usable, cores = board["usable_cores"], board["cores"]
    quota = f", limited to the time of {board['cpu_quota']:g}" if board["cpu_quota"] else ""
    memory = f"{_gib(board['memory_bytes'])}, {_gib(board['memory_available_bytes'])} available"
    if board["memory_limit_bytes"]:
        memory += f", limited to {_gib(board['memory_limit_bytes'])}"
    rows = [
        ("system", ", ".join(filter(None, (board["system"], board["kernel"], board["libc"])))),
        ("board", family if not name or family in name else f"{name} ({family})"),
        ("processor", f"{board['processor'] or 'unknown'}, {board['machine']}"),
        ("vectors", _features(board["features"])),
        ("cores", f"{usable} usable of {cores}{quota}"),
        ("memory", memory),
    ]
    if name and family in name:
        rows[1] = ("board", name)
    inside = [f"a container ({board['container']})"] if board["container"] else []
    if board["virtual_machine"]:
        inside.append(f"a virtual machine ({board['virtual_machine']})")
    return [*rows, ("inside", ", ".join(inside))] if inside else rows


def _kernels_text(kernels: Dict[str, Any]) -> str:
    if kernels["used"] is None:
        return text.printable(kernels["error"])
    return f"{kernels['used']}, of {', '.join(kernels['available'])}"


def _features(features: List[str]) -> str:
    """AVX-512 comes in many parts; for people, how many are enough."""
    parts = [name for name in features if name.startswith("avx512")]
    named = [name for name in features if name not in parts]
    if parts:
        named.append(f"avx512 ({len(parts)} parts{', vnni' if 'avx512_vnni' in parts else ''})")
    return ", ".join(named) or "none known"


def _gib(size: Optional[int]) -> str:
    return "unknown" if size is None else f"{size / 2**30:.1f} GiB"


def _runtime_lines(backends: List[Dict[str, Any]]) -> List[str]:
    if not backends:
        return ["unknown: see below"]
    rows = []
    for backend in backends:
        rows.append((backend["name"], "yes" if backend["usable"] else "no", backend["detail"]))
        if backend["hint"]:
            rows.append(("", "", backend["hint"]))
    return text.columns(rows)


def _decoder_lines(decoders: List[Dict[str, Optional[str]]]) -> List[str]:
    return text.columns(
        [(str(d["name"]), d["version"] or "not installed", d["note"] or "") for d in decoders]
    )


def _model_lines(model: Dict[str, Any]) -> List[str]:
    lines = [model["file"], f"because {model['reason']}"] if "file" in model else []
    if not model["ok"]:
        message = text.printable(model["error"]["message"])
        return [*lines, *click.wrap_text(message, 76).splitlines()]
    speed = model["speed"]
    return [
        *lines,
        f"{model['runtime']} on {model['device']}: {model['label']} {model['score']:.4f}",
        f"preprocess {speed['preprocess_ms']:.1f} ms, inference {speed['inference_ms']:.1f} ms, "
        f"postprocess {speed['postprocess_ms']:.1f} ms",
    ]


def _advice(report: Dict[str, Any]) -> str:
    hints = [backend["hint"] for backend in report["backends"] if backend["hint"]]
    if not hints or any(backend["usable"] for backend in report["backends"]):
        return "the built-in model did not run; what to do stands above."
    return f"install a runtime: {' or '.join(hints)}"

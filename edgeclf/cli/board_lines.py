"""What the doctor says of a board: what is made for it, what is picked here, what is missing."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import click

from edgeclf.cli import text

__all__ = ["board_facts", "board_lines"]

_WIDTH = 76
_FORMATS = ("onnx", "tflite", "engine")


def board_facts() -> Dict[str, Any]:
    """The board, its state and the advice for it, ready for JSON."""
    from edgeclf.backends import available
    from edgeclf.board import read_board
    from edgeclf.board_advice import advise
    from edgeclf.board_state import read_board_state
    from edgeclf.python_facts import this_python

    board, state = read_board(), read_board_state()
    backends = {backend.name: backend.usable for backend in available()}
    advice = advise(board, state, this_python(), backends)
    return {
        "board": board._asdict(),
        "board_state": state._asdict(),
        "advice": {
            **advice._asdict(),
            "installed": backends.get(advice.backend or "", False),
            "picks": _picks(backends),
        },
    }


def _picks(backends: Dict[str, bool]) -> Dict[str, Any]:
    """For each format, the backend that loads it here, or None."""
    from edgeclf.backends import formats_readable

    readers = {
        format: [name for name in backends if format in formats_readable(name)]
        for format in _FORMATS
    }
    return {
        format: next((name for name in names if backends[name]), None)
        for format, names in readers.items()
    }


def board_lines(report: Dict[str, Any]) -> List[str]:
    """The doctor's section on it."""
    advice = report["advice"]
    # To be copied: a command stays in one line.
    commands = [text.printable(f"  {line}") for line in advice["install"]]
    if advice["meanwhile"]:
        commands.append("until it is there, the processor can answer; type:")
        commands += [text.printable(f"  {line}") for line in advice["meanwhile"]]
    return [*text.columns(_rows(report)), *commands, *_notes(advice["notes"])]


def _rows(report: Dict[str, Any]) -> List[Tuple[str, str]]:
    state, advice = report["board_state"], report["advice"]
    rows = []
    if state["jetson_linux"]:
        jetpack = f"JetPack {state['jetpack']}" if state["jetpack"] else "JetPack unknown"
        rows.append(("system", f"Jetson Linux {state['jetson_linux']}, {jetpack}"))
    if state["power_mode"]:
        rows.append(("power mode", f"nvpmodel {state['power_mode']}"))
    if state["throttling"] is not None:
        rows.append(("power", ", ".join(state["throttling"]) or "enough, and not throttled"))
    picks = [f".{format}: {name or 'nothing'}" for format, name in advice["picks"].items()]
    return [
        *((name, text.printable(value)) for name, value in rows),
        ("made for it", f"{advice['backend'] or 'nothing'}, because {advice['because']}"),
        ("picked for", ", ".join(picks)),
        ("to install", _missing(advice)),
    ]


def _missing(advice: Dict[str, Any]) -> str:
    if advice["install"]:
        return "type:"
    if advice["installed"]:
        return "nothing, it is there"
    return "see below" if advice["backend"] else "nothing can be, see above"


def _notes(notes: List[str]) -> List[str]:
    lines = []
    for note in notes:
        lines += click.wrap_text(
            text.printable(note), _WIDTH, initial_indent="- ", subsequent_indent="  "
        ).splitlines()
    return lines

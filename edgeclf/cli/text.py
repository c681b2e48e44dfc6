"""Text on a terminal: how wide it is, how to make it fit, and columns."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import unicodedata
from typing import Any, List, Sequence

import click

__all__ = ["columns", "echo_json", "fit", "fit_end", "printable", "room", "section", "width_of"]

ELLIPSIS = "\u2026"
_GAP = "  "
_WIDTH = 78  # of what is wrapped: 80 less a section's margin


def printable(text: str) -> str:
    """The text without what a terminal would obey: a file's name may hold escape sequences."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def room() -> int:
    """How many columns a line may have on stdout's terminal; 0 for no limit, in a pipe."""
    if not sys.stdout.isatty():
        return 0
    return max(60, shutil.get_terminal_size().columns)


def width_of(text: str) -> int:
    """Columns of a terminal: Chinese, Japanese and Korean letters take two, accents none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def fit(text: str, width: int) -> str:
    """The text, cut at its end if need be, filled up to `width` columns."""
    if width_of(text) > width:
        while text and width_of(text) > width - 1:
            text = text[:-1]
        text += ELLIPSIS
    return text + " " * (width - width_of(text))


def fit_end(text: str, width: int) -> str:
    """As `fit`, but cut at its beginning: of a path, the end says most."""
    if width_of(text) > width:
        while text and width_of(text) > width - 1:
            text = text[1:]
        text = ELLIPSIS + text
    return text + " " * (width - width_of(text))


def columns(rows: Sequence[Sequence[str]]) -> List[str]:
    """Lines with each column as wide as its widest cell; the last one wrapped beside the others."""
    widths = [max(width_of(cell) for cell in column) for column in zip(*rows)][:-1]
    left = sum(widths) + len(_GAP) * len(widths)
    lines = []
    for row in rows:
        first = _GAP.join([*(fit(cell, width) for cell, width in zip(row, widths)), ""])
        # Words are never broken: paths and commands stay whole.
        wrapped = textwrap.wrap(
            row[-1], max(24, _WIDTH - left), break_long_words=False, break_on_hyphens=False
        )
        for line in wrapped or [""]:
            lines.append((first + line).rstrip())
            first = " " * left
    return lines


def echo_json(document: Any, pretty: bool = False) -> None:
    """Write one JSON document to stdout and flush it; ASCII where the encoding needs that."""
    layout = {"indent": 2} if pretty else {}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, **layout)  # type: ignore[arg-type]
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # also a file's name that is not valid in the system's encoding
        text = json.dumps(document, allow_nan=False, **layout)  # type: ignore[arg-type]
    click.echo(text)


def section(title: str, lines: Sequence[str]) -> None:
    """Print a title and the lines that belong to it, and an empty line."""
    click.secho(printable(title), bold=True)
    for line in lines:
        click.echo(f"  {line}")
    click.echo()

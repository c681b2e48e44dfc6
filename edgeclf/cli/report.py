"""How predictions are shown: a table for people, or JSON Lines for programs."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import click

from edgeclf.cli import text
from edgeclf.cli.app import failed

__all__ = ["Answer", "JsonReport", "Report", "TableReport"]

_GAP = "  "
_SCORE_WIDTH = 8
_TIMES_WIDTHS = (6, 7, 9)
_NUMBERS_WIDTH = _SCORE_WIDTH + len(_GAP) + sum(_TIMES_WIDTHS)
_PIPE_WIDTH = 80
_LABEL_IN_PIPE = 20  # at least so much of a label, however long the files' names are


class Answer(NamedTuple):
    """What came out for one picture."""

    path: Path
    width: int
    height: int
    prediction: Any
    decode_ms: float
    annotated: Optional[Path]


class Report:
    """Receives answers and failures as they come."""

    def answer(self, answer: Answer) -> None:
        """Show one picture's prediction."""

    def failure(self, path: Path, exc: Exception, debug: bool) -> None:
        """Show why a picture has none; for people, on stderr."""
        failed(exc, debug, about=str(path))

    def end(self) -> None:
        """Show the totals."""


class JsonReport(Report):
    """One JSON object a line, on stdout, flushed at once."""

    def answer(self, answer: Answer) -> None:
        facts = answer.prediction.to_dict()
        record: Dict[str, Any] = {
            "path": str(answer.path),
            "width": answer.width,
            "height": answer.height,
            "categories": facts["categories"],
            "speed": facts["speed"],
            "decode_ms": round(answer.decode_ms, 3),
        }
        if answer.annotated is not None:
            record["annotated"] = str(answer.annotated)
        text.echo_json(record)

    def failure(self, path: Path, exc: Exception, debug: bool) -> None:
        super().failure(path, exc, debug)
        error = {"type": type(exc).__name__, "message": str(exc)}
        text.echo_json({"path": str(path), "error": error})


class TableReport(Report):
    """Rows of file, label, score and milliseconds; the totals below.

    Names too long for the terminal are cut. In a pipe, files' names are whole and labels are cut
    to fit 80 columns; programs read JsonReport's lines, which have everything.
    """

    def __init__(self, paths: Sequence[Path], labels: Sequence[str]):
        self._file, self._label = _widths(paths, labels, text.room())
        self._answers: List[Answer] = []
        self._failures = 0

    def answer(self, answer: Answer) -> None:
        if not self._answers:
            self._row("file", "label", "score", _times("pre", "infer", "post ms"))
        # Of the prediction, the scores of all classes are not kept: there may be many pictures.
        self._answers.append(answer._replace(prediction=answer.prediction.speed))
        speed = answer.prediction.speed
        times = _times(*(f"{ms:.1f}" for ms in speed))
        best, *others = answer.prediction.categories or [None]
        label, score = (best.label, _score(best.score)) if best else ("(nothing passed)", "")
        self._row(str(answer.path), label, score, times, bold=True)
        for category in others:
            self._row("", category.label, _score(category.score), "")
        if answer.annotated is not None:
            click.secho(f"  wrote {text.printable(str(answer.annotated))}", dim=True)

    def failure(self, path: Path, exc: Exception, debug: bool) -> None:
        super().failure(path, exc, debug)
        self._failures += 1

    def end(self) -> None:
        done = len(self._answers)
        line = f"{done} classified"
        if self._failures:
            line += f", {self._failures} failed"
        if done:
            click.echo()
            line += ". Median ms: " + ", ".join(
                f"{name} {statistics.median(values):.1f}"
                for name, values in self._milliseconds().items()
            )
        click.echo(line)

    def _milliseconds(self) -> Dict[str, List[float]]:
        speeds = [answer.prediction for answer in self._answers]
        return {
            "decode": [answer.decode_ms for answer in self._answers],
            "pre": [speed.preprocess_ms for speed in speeds],
            "infer": [speed.inference_ms for speed in speeds],
            "post": [speed.postprocess_ms for speed in speeds],
        }

    def _row(self, file: str, label: str, score: str, times: str, **style: Any) -> None:
        file, label = text.printable(file), text.printable(label)
        cells = (
            text.fit_end(file, self._file),
            click.style(text.fit(label, self._label), **style),
            score.rjust(_SCORE_WIDTH),
            times,
        )
        click.echo(_GAP.join(cells).rstrip())


def _times(*cells: str) -> str:
    return "".join(cell.rjust(width) for cell, width in zip(cells, _TIMES_WIDTHS))


def _score(score: float) -> str:
    # A raw output may be any number; a probability needs no more than four digits.
    return f"{score:.4f}" if abs(score) < 1000 else f"{score:.3g}"


def _widths(paths: Sequence[Path], labels: Sequence[str], room: int) -> "tuple[int, int]":
    """Columns for the file and the label: what they need, within what there is."""
    file = max([len("file"), *(text.width_of(str(path)) for path in paths)])
    label = max([len("(nothing passed)"), *(text.width_of(label) for label in labels)])
    left = (room or _PIPE_WIDTH) - _NUMBERS_WIDTH - 2 * len(_GAP)
    if not room:
        return file, min(label, max(_LABEL_IN_PIPE, left - file))
    if file + label > left:
        file = min(file, max(left // 2, left - label))
    return file, min(label, left - file)

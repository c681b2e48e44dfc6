"""TFLite Metadata's score calibration: options in the FlatBuffer, parameters in a CSV file."""

from __future__ import annotations

import csv
from typing import List, Optional, Tuple

from edgeclf.errors import ManifestError, SpecMismatch
from edgeclf.manifest.tflite_schema import Node
from edgeclf.spec import SCORE_TRANSFORMATIONS, ScoreCalibration

__all__ = ["calibration"]


def calibration(options: Node, rows: Optional[str], where: str) -> ScoreCalibration:
    """ScoreCalibrationOptions with the text of its TENSOR_AXIS_SCORE_CALIBRATION file.

    Raises:
        ManifestError: no file, an unknown transformation, or a line that is not 0, 3 or 4 numbers.
    """
    if rows is None:
        raise ManifestError(f"{where}: score calibration without its file of parameters")
    transformation = options.scalar(0, "b")
    if not 0 <= transformation < len(SCORE_TRANSFORMATIONS):
        raise ManifestError(f"{where}: unknown score transformation {transformation}")
    try:
        return ScoreCalibration(
            SCORE_TRANSFORMATIONS[transformation],
            float(options.scalar(1, "f")),
            tuple(_row(row) for row in _csv_rows(rows)),
        )
    except (ValueError, csv.Error, SpecMismatch) as exc:
        raise ManifestError(f"{where}: score calibration: {exc}") from exc


def _csv_rows(text: str) -> List[List[str]]:
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return [[cell.strip() for cell in row] for row in csv.reader(lines)]


def _row(
    cells: List[str],
) -> Optional[Tuple[float, float, float, Optional[float]]]:
    if not any(cells):
        return None
    if len(cells) not in (3, 4):
        raise ValueError(f"expected 0, 3 or 4 values a line, got {len(cells)}")
    scale, slope, offset = (float(cell) for cell in cells[:3])
    return (scale, slope, offset, float(cells[3]) if len(cells) == 4 and cells[3] else None)

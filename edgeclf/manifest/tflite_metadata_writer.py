"""Writing TFLite Metadata: what it can say of the specs, so that other tools read it too."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from edgeclf.manifest.tflite_metadata import texts_of
from edgeclf.spec import SCORE_TRANSFORMATIONS, InputSpec, OutputSpec, ScoreCalibration

__all__ = ["write"]

LABELS = "labels.txt"
CALIBRATION = "score_calibration.csv"
_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"
_COLOR_SPACES = {"rgb": 1, "gray": 2}

# A table as {field number: (kind, value)}. Kinds: "text", "table", "tables", "floats" lie outside
# the table; "i8", "u8" and "f32" in it. The numbers are those of metadata_schema.fbs.
_Table = Dict[int, Tuple[str, Any]]


def write(
    model_name: str,
    input_spec: InputSpec,
    output_spec: OutputSpec,
    outputs: int,
    old: Optional[bytes],
) -> Tuple[bytes, Dict[str, bytes]]:
    """The FlatBuffer, and the files that it names.

    Left out is what the format cannot say: geometry, BGR, label_offset, a threshold per class.

    Args:
        model_name: the name to show where `old` has none.
        outputs: how many the model has; the format wants an entry for each.
        old: the metadata that it replaces; its name, description, author, version and license
            are kept.
    """
    files: Dict[str, bytes] = {}
    subgraph: _Table = {
        2: ("tables", [_input(input_spec)]),
        3: ("tables", [_output(output_spec, files)] + [{}] * (outputs - 1)),
    }
    texts = texts_of(old, model_name) if old else {0: model_name}
    table: _Table = {number: ("text", text) for number, text in texts.items()}
    table[3] = ("tables", [subgraph])
    table[7] = ("text", _PARSER_VERSION)
    return _flatbuffer(table), files


def _input(spec: InputSpec) -> _Table:
    image: _Table = {1: ("table", {0: ("u32", spec.width), 1: ("u32", spec.height)})}
    if spec.color_mode in _COLOR_SPACES:
        image[0] = ("i8", _COLOR_SPACES[spec.color_mode])
    tensor: _Table = {0: ("text", "image"), 3: ("table", {0: ("u8", 2), 1: ("table", image)})}
    if spec.normalised:
        tensor[4] = ("tables", [_unit(1, _normalisation(spec))])
    return tensor


def _normalisation(spec: InputSpec) -> _Table:
    """(pixel * factor - mean) / std is (pixel - mean / factor) / (std / factor)."""
    means, stds = spec.mean or (0.0,), spec.std or (1.0,)
    factor = spec.rescale_factor
    return {
        0: ("floats", [value / factor for value in means]),
        1: ("floats", [value / factor for value in stds]),
    }


def _output(spec: OutputSpec, files: Dict[str, bytes]) -> _Table:
    named: List[_Table] = []
    units: List[_Table] = []
    labels = spec.labels
    if labels is not None and spec.label_offset == 0 and _fit_into_lines(labels):
        files[LABELS] = ("\n".join(labels) + "\n").encode("utf-8")
        named.append({0: ("text", LABELS), 2: ("i8", 2)})
    if spec.score_calibration is not None:
        files[CALIBRATION] = _csv(spec.score_calibration)
        named.append({0: ("text", CALIBRATION), 2: ("i8", 4)})
        units.append(_unit(2, _calibration(spec.score_calibration)))
    if spec.thresholds is not None and len(spec.thresholds) == 1:
        units.append(_unit(3, {0: ("f32", spec.thresholds[0])}))
    tensor: _Table = {0: ("text", "scores"), 3: ("table", {0: ("u8", 1), 1: ("table", {})})}
    if units:
        tensor[4] = ("tables", units)
    if named:
        tensor[6] = ("tables", named)
    return tensor


def _unit(kind: int, options: _Table) -> _Table:
    return {0: ("u8", kind), 1: ("table", options)}


def _calibration(calibration: ScoreCalibration) -> _Table:
    return {
        0: ("i8", SCORE_TRANSFORMATIONS.index(calibration.transformation)),
        1: ("f32", calibration.default_score),
    }


def _fit_into_lines(labels: Tuple[str, ...]) -> bool:
    return all(
        label and label == label.strip() and "\n" not in label and "\r" not in label
        for label in labels
    )


def _csv(calibration: ScoreCalibration) -> bytes:
    lines = []
    for row in calibration.parameters:
        cells = () if row is None else tuple(value for value in row if value is not None)
        lines.append(",".join(repr(float(cell)) for cell in cells))
    return ("\n".join(lines) + "\n").encode("ascii")


def _flatbuffer(table: _Table) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(_table(builder, table), _IDENTIFIER)
    return bytes(builder.Output())


def _table(builder: Any, table: _Table) -> Any:
    # What a table points to must lie behind it, so it is written first.
    placed = {number: _outside(builder, *entry) for number, entry in table.items()}
    in_place = {
        "i8": builder.PrependInt8Slot,
        "u8": builder.PrependUint8Slot,
        "u32": builder.PrependUint32Slot,
        "f32": builder.PrependFloat32Slot,
    }
    builder.StartObject(max(table, default=-1) + 1)
    for number, (kind, value) in table.items():
        if kind in in_place:
            in_place[kind](number, value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(number, placed[number], 0)
    return builder.EndObject()


def _outside(builder: Any, kind: str, value: Any) -> Any:
    if kind == "text":
        return builder.CreateString(value)
    if kind == "table":
        return _table(builder, value)
    if kind not in ("tables", "floats"):
        return None
    items = [_table(builder, item) for item in value] if kind == "tables" else value
    prepend = builder.PrependUOffsetTRelative if kind == "tables" else builder.PrependFloat32
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        prepend(item)
    return builder.EndVector()

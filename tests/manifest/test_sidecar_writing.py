"""Writing a sidecar: what is written reads back, and a failed write changes nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from small_models import save_onnx

import edgeclf.manifest
from edgeclf.errors import ManifestError
from edgeclf.manifest import read, write_sidecar
from edgeclf.manifest.fields import INPUT_FIELDS
from edgeclf.manifest.sidecar import read_file
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec, ScoreCalibration

SCHEMA = Path(edgeclf.manifest.__file__).parent / "sidecar.schema.json"

SPECS = [
    (InputSpec(8, 8), OutputSpec()),
    (
        InputSpec(
            224, 192, "bgr", "center-crop", 256, "floor", "bicubic", True, True, 1 / 255,
            (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (1, 2, 3), "nhwc", "int8",
        ),
        OutputSpec(
            ("ä", "犬"), "sigmoid", 1, True,
            ScoreCalibration("log", 0.1, ((1.0, 2.0, 3.0, None), None)), (0.1, 0.2),
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("input_spec", "output_spec"), SPECS)
def test_what_is_written_reads_back(
    tmp_path: Path, input_spec: InputSpec, output_spec: OutputSpec
) -> None:
    model = save_onnx(tmp_path)
    sha256 = ModelFile(model).sha256
    write_sidecar(tmp_path / "model.json", input_spec, output_spec, sha256)
    document = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    (source,) = read(ModelFile(model))
    assert source.name == "model.json"
    assert source.sha256 == sha256
    values = dict(source.fields)
    inputs = {name: values.pop(name) for name in list(values) if name in INPUT_FIELDS}
    assert InputSpec(**inputs) == input_spec
    assert OutputSpec(**values) == output_spec


def test_another_model_is_refused(tmp_path: Path) -> None:
    model = save_onnx(tmp_path)
    write_sidecar(tmp_path / "model.json", *SPECS[0], sha256=ModelFile(model).sha256)
    read(ModelFile(model))
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 4
    model.write_bytes(content)
    with pytest.raises(ManifestError, match="damaged or was replaced") as caught:
        read(ModelFile(model))
    assert ModelFile(model).sha256 in str(caught.value)
    with pytest.raises(ManifestError, match="damaged or was replaced"):
        read(ModelFile(bytes(content)), spec=tmp_path / "model.json")


def test_writing_replaces_whole_files_and_keeps_their_mode(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_sidecar(path, *SPECS[0])
    path.chmod(0o640)
    write_sidecar(path, *SPECS[1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert read_file(path).fields["width"] == 224
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "model.json"
    write_sidecar(path, *SPECS[0])
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ManifestError, match="No space left"):
        write_sidecar(path, *SPECS[1])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.json"]
    monkeypatch.undo()
    with pytest.raises(ManifestError, match="cannot be written"):
        write_sidecar(tmp_path / "no folder" / "model.json", *SPECS[0])
    with pytest.raises(ManifestError, match="sha256"):
        write_sidecar(path, *SPECS[0], sha256="123")

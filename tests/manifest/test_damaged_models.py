"""Truncated, flipped and made-up bytes: every parser answers with an error of edgeclf's, or copes.

A wrong answer from a damaged file can only be kept out by a checksum (the sidecar's sha256);
what is shown here is that nothing else than a typed error comes out, and no signal.
"""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import LABELS, onnx_model, save_onnx, write_json

from edgeclf.errors import EdgeclfError, ManifestError
from edgeclf.manifest import check_external_data, embed, graph_facts, read
from edgeclf.manifest.onnx_embedding import embedded
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec, ScoreCalibration


def exercised(content: bytes) -> bool:
    """Everything that reads a model; True when it was refused."""
    try:
        model = ModelFile(content)
        read(model)
        graph_facts(model)
        check_external_data(model)
        if model.format == "onnx":
            embedded(model, {})
    except EdgeclfError:
        return True
    return False


def onnx_bytes() -> bytes:
    ultralytics = {"author": "Ultralytics", "task": "classify", "imgsz": "8", "names": "{0: 'a'}"}
    document = '{"schema_version": 1, "input": {"width": 8}}'
    return onnx_model(metadata={"edgeclf": document, **ultralytics})


def tflite_bytes(folder: Path) -> bytes:
    pytest.importorskip("ai_edge_litert")
    import tflite_models

    path = folder / "model.tflite"
    path.write_bytes(tflite_models.float_classifier())
    calibration = ScoreCalibration("log", 0.1, ((1.0, 2.0, 3.0, None),) + (None,) * 4)
    output = OutputSpec((*LABELS, "gnu"), "none", 0, False, calibration, (0.5,))
    embed(path, InputSpec(4, 4, mean=1, std=2, layout="nhwc"), output)
    return path.read_bytes()


@pytest.fixture(scope="module", params=["onnx", "tflite"])
def content(request: Any, tmp_path_factory: Any) -> bytes:
    if request.param == "onnx":
        return onnx_bytes()
    return tflite_bytes(tmp_path_factory.mktemp("whole"))


def test_the_whole_file_is_read(content: bytes) -> None:
    assert not exercised(content)


def test_cut_short_anywhere(content: bytes) -> None:
    refused = sum(exercised(content[:end]) for end in range(len(content)))
    assert refused > len(content) * 0.9


def flipped(content: bytes, seed: int, flips: int) -> bytes:
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(flips):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("flips", [1, 4, 64])
def test_flipped_bits(content: bytes, flips: int) -> None:
    for seed in range(500):
        exercised(flipped(content, seed, flips))


def test_any_four_bytes_of_a_flatbuffer(tmp_path: Path) -> None:
    """Offsets are where a FlatBuffer breaks: each is set to the ends of its range."""
    whole = tflite_bytes(tmp_path)
    for position in range(0, len(whole) - 4, 4):
        for value in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"):
            exercised(whole[:position] + value + whole[position + 4 :])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_made_up_bytes(tail: bytes) -> None:
    exercised(b"\x08\x08" + tail)
    exercised(b"\x10\0\0\0TFL3" + tail)
    exercised(b"\x10\0\0\0TFL3" + tail + b"PK\x05\x06" + bytes(18))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_archives(tmp_path_factory: Any, data: Any) -> None:
    whole = archive_bytes()
    position = data.draw(st.integers(16, len(whole) - 1))
    value = data.draw(st.binary(min_size=1, max_size=8))
    exercised(whole[:position] + value + whole[position + len(value) :])


def archive_bytes() -> bytes:
    stream = io.BytesIO(b"\x10\0\0\0TFL3" + bytes(40))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edgeclf.json", '{"schema_version": 1}')
        archive.writestr("metadata.json", '{"author": "Ultralytics"}')
    return stream.getvalue()


def test_messages_nested_beyond_measure() -> None:
    """An attribute's graph in an attribute's graph, a thousand deep."""

    def field(number: int, inner: bytes) -> bytes:
        length, size = len(inner), b""
        while length >= 0x80:
            size += bytes([length & 0x7F | 0x80])
            length >>= 7
        return bytes([number << 3 | 2]) + size + bytes([length]) + inner

    graph = b""
    for _ in range(1000):
        graph = field(1, field(5, field(6, graph)))
    assert exercised(b"\x08\x08" + field(7, graph))


BESIDE: List[Callable[[Path], Any]] = [
    lambda folder: write_json(folder / "model.json", {"schema_version": 1, "delegates": ["e.so"]}),
    lambda folder: write_json(folder / "model.json", {"schema_version": 1, "plugins": ["e.so"]}),
    lambda folder: write_json(
        folder / "model.json", {"schema_version": 1, "output": {"labels": "e.so"}}
    ),
    lambda folder: write_json(
        folder / "preprocessor_config.json",
        {"image_processor_type": "ViTImageProcessor", "auto_map": {"AutoImageProcessor": "e.E"}},
    ),
]


@pytest.mark.parametrize("write", BESIDE)
def test_nothing_beside_a_model_is_loaded_as_code(
    tmp_path: Path, write: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library and a module that lie there are named, and stay where they are."""
    (tmp_path / "e.so").write_bytes(b"\x7fELF" + bytes(60))
    (tmp_path / "e.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    opened: List[str] = []
    monkeypatch.setattr("ctypes.CDLL", lambda name, *rest, **options: opened.append(name))
    save_onnx(tmp_path)
    write(tmp_path)
    before = set(sys.modules)
    with pytest.raises(ManifestError):
        read(ModelFile(tmp_path / "model.onnx"))
    assert opened == []
    assert not {"e"} & (set(sys.modules) - before)


def test_the_package_loads_no_parser() -> None:
    """Reading a model's home loads what that home needs; importing the package does not."""
    code = (
        "import sys, edgeclf.manifest\n"
        "heavy = ('google.protobuf', 'flatbuffers', 'onnx', 'PIL', 'zipfile', 'ai_edge_litert')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"

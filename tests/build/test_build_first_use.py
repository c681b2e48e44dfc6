"""Engines built when first needed: kept, found again, and built anew when anything changes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from build_models import TINY_SPEC, frames, tiny_classifier
from fake_builders import fake_builder
from onnx import load, save

from edgeclf.build import Store, engine_for, first_use
from edgeclf.build.first_use import cache_name
from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda
from edgeclf.engine import facts_of, split
from edgeclf.errors import BackendError
from edgeclf.model_file import ModelFile

ROOT = Path(__file__).resolve().parents[2]
FACTS = FAKE_FACTS._replace(memory_bytes=8 * 2**30)


class _Board:
    """One machine: a model, a GPU, a TensorRT, a cache; counts the builds."""

    def __init__(self, folder: Path):
        self.path = tiny_classifier(folder / "tiny.onnx")
        self.store = Store(folder / "store")
        self.version, self.facts, self.builds = "10.3.0.26", FACTS, 0

    def engine(self, **arguments: Any) -> ModelFile:
        module, fake = fake_builder(self.version)
        keywords = {"spec": TINY_SPEC, "store": self.store, "check": False, **arguments}
        found = engine_for(
            ModelFile(self.path), module=module, cuda=FakeCuda(self.facts), **keywords
        )
        self.builds += len(fake.named("create_network"))
        return found

    @property
    def kept(self) -> "list[Path]":
        return sorted(self.store.folder.glob("*.engine"))


@pytest.fixture
def board(tmp_path) -> _Board:
    return _Board(tmp_path)


def test_built_once(board):
    first = board.engine()
    again = board.engine()
    assert board.builds == 1
    assert first.content == again.content == board.kept[0].read_bytes()
    assert (first.path, first.name) == (None, board.kept[0].name)  # just what was verified
    first.forget_content()
    board.kept[0].unlink()
    assert first.content == again.content
    assert first.format == "engine"
    document, _ = split(first.content)
    assert facts_of(document).source == "tiny.onnx"


CHANGES = {
    "precision": {"precision": "fp16"},
    "batch": {"batch": (1, 2, 4)},
    "workspace": {"workspace_bytes": 2**24},
    "version compatible": {"version_compatible": True},
    "labels": {"labels": ["a", "b", "c", "d"]},
    "spec": {"spec": {**TINY_SPEC, "std": [0.5]}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_wish_is_another_engine(change, board):
    board.engine()
    board.engine(**change)
    assert board.builds == len(board.kept) == 2
    board.engine(**change)
    board.engine()
    assert board.builds == 2


FACT_CHANGES = {
    "name": "Another GPU",
    "uuid": "GPU-1",
    "compute_capability": (8, 9),
    "driver_version": 12080,
}


@pytest.mark.parametrize(("field", "value"), FACT_CHANGES.items(), ids=FACT_CHANGES)
def test_another_gpu_or_driver_is_another_engine(field, value, board):
    board.engine()
    board.facts = FACTS._replace(**{field: value})
    board.engine()
    assert board.builds == 2


@pytest.mark.parametrize("tool", ["onnx", "onnxruntime", "edgeclf"])
def test_another_tool_is_another_engine(tool, board, monkeypatch):
    board.engine()
    if tool == "edgeclf":
        monkeypatch.setattr(first_use, "__version__", "99")
    else:
        real = first_use.distribution_version
        monkeypatch.setattr(
            first_use, "distribution_version", lambda n: "99" if tool in n else real(n)
        )
    board.engine()
    assert board.builds == 2


def test_an_engine_that_was_not_compared_is_another(board, monkeypatch):
    seen, real = [], first_use.key_facts
    monkeypatch.setattr(
        first_use, "key_facts", lambda *arguments: seen.append(arguments) or real(*arguments)
    )
    board.engine()
    ((job, check),) = seen
    assert check is False
    assert cache_name(real(job, True)) != cache_name(real(job, False))


def test_another_tensorrt_is_another_engine(board):
    board.engine()
    board.version = "11.4.0.1"
    board.engine()
    assert board.builds == 2


def test_another_model_is_another_engine(board):
    board.engine()
    model = load(str(board.path))
    model.doc_string = "one byte more"
    save(model, str(board.path))
    board.engine()
    assert board.builds == 2


def test_a_sidecar_that_changes_is_another_engine(board):
    sidecar = board.path.with_suffix(".json")
    for std in (0.25, 0.5):
        part = {**TINY_SPEC, "std": [std]}
        sidecar.write_text(json.dumps({"schema_version": 1, "input": part}))
        board.engine(spec=None)
    assert board.builds == 2


def test_other_pictures_are_other_ranges(board):
    pictures = frames(4)
    for some in (pictures, pictures, pictures[:3]):
        board.engine(precision="int8", calibrate=some)
    assert board.builds == 2


def test_the_name_does_not_depend_on_the_order_of_facts():
    assert (
        cache_name({"a": 1, "b": 2}) == cache_name({"b": 2, "a": 1}) != cache_name({"a": 1, "b": 3})
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"kernels", b"Kernels")),
        lambda path: path.with_name(path.name + ".seal").unlink(),
        lambda path: (path.parent / "seal.key").unlink(),
        lambda path: path.unlink(),
    ],
    ids=["truncated", "tampered", "no seal", "another key", "gone"],
)
def test_what_cannot_be_believed_is_built_anew(damage, board, caplog):
    good = board.engine().content
    damage(board.kept[0])
    board.store = Store(board.store.folder)
    assert board.engine().content == good
    assert board.builds == 2
    board.engine()
    assert board.builds == 2


def test_an_engine_that_is_sealed_and_still_broken_is_built_anew(board, caplog):
    good = board.engine().content
    name = board.kept[0].name
    board.store.write(name, good[:-5])  # sealed by an edgeclf that was wrong
    assert board.engine().content == good
    assert "built anew" in caplog.text


def test_a_build_that_fails_leaves_nothing(board):
    def refuse(step, done, total):
        return step in ("prepare", "build")

    with pytest.raises(BackendError, match="stopped"):
        board.engine(progress=refuse)
    assert board.kept == []
    assert not list(board.store.folder.glob(".*new*"))
    board.engine()
    assert len(board.kept) == 1


def test_the_cache_does_not_grow_for_ever(board):
    for size in (2**24, 2**25, 2**26):
        board.engine(workspace_bytes=size, max_cache_bytes=1)
    assert len(board.kept) == 1  # the one in use is never removed


def _script(board: _Board, record: Path, **more: Any) -> "subprocess.Popen[bytes]":
    """Another process that needs the same engine, of real TensorRT for RTX."""
    code = f"""
        import logging, pathlib, sys, time
        sys.path.insert(0, {str(ROOT)!r})
        from edgeclf.build import Store, engine_for
        from edgeclf.model_file import ModelFile
        def progress(step, done, total):
            with open({str(record)!r}, "a") as file:
                file.write(step + "\\n")
            if step == "build":
                time.sleep({more.get("sleep", 0)})
            return True
        found = engine_for(ModelFile({str(board.path)!r}), spec={TINY_SPEC!r}, check=False,
                           store=Store({str(board.store.folder)!r}), progress=progress,
                           runtime="tensorrt-rtx")
        pathlib.Path(sys.argv[1]).write_bytes(found.content)
    """
    out = record.with_name(f"{record.name}.{time.monotonic_ns()}.out")
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(out)])
    process.out = out  # type: ignore[attr-defined]
    return process


@pytest.mark.usefixtures("rtx")
def test_of_two_processes_one_builds(board, tmp_path):
    record = tmp_path / "steps"
    both = [_script(board, record, sleep=0.5) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert record.read_text().split().count("write") == 1
    first, second = (process.out.read_bytes() for process in both)
    assert first == second == board.kept[0].read_bytes()
    assert split(first)[0]["engine"]["built_with"].startswith("tensorrt-rtx")


@pytest.mark.usefixtures("rtx")
def test_a_builder_that_is_killed_does_not_block_the_next(board, tmp_path):
    record = tmp_path / "steps"
    killed = _script(board, record, sleep=60)
    for _ in range(600):
        if record.exists() and "build" in record.read_text().split():
            break
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert board.kept == []
    after = _script(board, record)
    assert after.wait(timeout=120) == 0
    assert len(board.kept) == 1

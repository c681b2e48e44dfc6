"""The small parts of a build: options, pictures, memory, where it is written, the comparison."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Optional

import numpy as np
import pytest
from PIL import Image

from edgeclf.build.callbacks import calibrator, monitor
from edgeclf.build.memory import check_memory, default_workspace
from edgeclf.build.options import BuildOptions, checked_options
from edgeclf.build.pictures import Pictures, pictures_of, synthetic_pictures
from edgeclf.build.target import checked_target
from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda
from edgeclf.errors import ArgumentError, BackendError, FrameError
from edgeclf.spec import InputSpec

MIB = 2**20
SPEC = InputSpec(4, 4, resize_mode="stretch", rescale_factor=1 / 255, mean=(0.0,), std=(1.0,))


class TestOptions:
    def test_defaults(self):
        assert checked_options() == BuildOptions("fp32", None, None, None, False, ())

    def test_one_batch_size_is_all_three(self):
        assert checked_options(batch=4).batch == (4, 4, 4)

    def test_capabilities_are_sorted_as_numbers(self):
        found = checked_options(compute_capability=("12.0", "8.9", "12.0"))
        assert found.compute_capabilities == ("8.9", "12.0")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"precision": "bf16"}, "fp16"),
            ({"batch": (1, 2)}, "least, usual, largest"),
            ({"batch": (4, 2, 8)}, "none below"),
            ({"batch": (0, 1, 1)}, "1..4096"),
            ({"batch": True}, "batch"),
            ({"batch": "1,2,3"}, "batch"),
            ({"workspace_bytes": 1000}, "at least 1048576"),
            ({"workspace_bytes": 1e9}, "workspace"),
            ({"dla": -1, "precision": "fp16"}, "0..15"),
            ({"dla": 0}, "fp16 or int8"),
            ({"version_compatible": 1}, "bool"),
            ({"compute_capability": "89"}, "such as '8.9'"),
            ({"compute_capability": ["8.9\n"]}, "such as '8.9'"),
        ],
    )
    def test_out_of_range(self, arguments, message):
        with pytest.raises(ArgumentError, match=message):
            checked_options(**arguments)


class TestPictures:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "sub").mkdir()
        (tmp_path / ".hidden").mkdir()
        for number, name in enumerate(["b.png", "a.jpg", "sub/c.png", ".hidden/d.png", ".e.png"]):
            Image.new("RGB", (9, 9), (number * 20, 0, 0)).save(str(tmp_path / name))
        (tmp_path / "README.md").write_text("no picture")
        return tmp_path

    def test_a_folder(self, folder, caplog):
        pictures = pictures_of(folder)
        reds = [float(t[0, 0, 0, 0]) * 255 for t in pictures.tensors(SPEC)]
        assert np.round(reds).tolist() == [20, 0, 40]  # a.jpg, b.png, sub/c.png
        assert caplog.text.count("README.md: not a picture") == 1
        assert len(list(pictures.few(2).tensors(SPEC))) <= 2
        list(pictures.tensors(SPEC))
        assert caplog.text.count("README.md: not a picture") == 1  # said once

    def test_the_checksum_is_of_the_content(self, folder):
        before = pictures_of(folder).sha256
        assert pictures_of(folder).sha256 == before
        Image.new("RGB", (9, 9), (1, 2, 3)).save(str(folder / "b.png"))
        assert pictures_of(folder).sha256 != before

    def test_arrays_and_encoded_bytes(self, folder):
        array = np.full((5, 5, 3), 255, np.uint8)
        items = [array, (folder / "b.png").read_bytes(), str(folder / "a.jpg")]
        assert len(list(pictures_of(items).tensors(SPEC))) == 3
        assert pictures_of([array]).sha256 != pictures_of([array - 1]).sha256

    def test_an_array_that_is_no_picture_is_an_error(self):
        with pytest.raises(FrameError):
            list(pictures_of([np.zeros((3, 4, 4), np.float32)]).tensors(SPEC))

    def test_no_more_than_five_hundred(self):
        many = pictures_of([np.zeros((2, 2, 3), np.uint8)] * 1200)
        assert len(many) == 500

    def test_few_are_spread_evenly(self):
        chosen = Pictures("some", list(range(100))).few(3)
        assert chosen._items == [0, 50, 99]

    @pytest.mark.parametrize("source", ["missing", "empty", 5, []])
    def test_none(self, source, tmp_path):
        if source in ("missing", "empty"):
            source = tmp_path / source
            if source.name == "empty":
                source.mkdir()
        with pytest.raises(ArgumentError, match="calibrate"):
            pictures_of(source)

    def test_none_asked_for(self):
        assert not pictures_of(None)

    def test_synthetic_ones_are_the_same_every_time(self):
        first, second = (list(synthetic_pictures().tensors(SPEC)) for _ in range(2))
        assert len(first) == 8
        np.testing.assert_array_equal(first, second)
        assert np.std(first) > 0.1


@dataclass
class Board:
    memory_available_bytes: Optional[int]


class TestMemory:
    def test_a_quarter_of_what_is_free(self):
        assert default_workspace(400 * MIB) == 100 * MIB
        assert default_workspace(10 * MIB) == 16 * MIB
        assert default_workspace(100 * 1024 * MIB) == 1024 * MIB
        assert default_workspace(None) == 256 * MIB

    def test_a_build_without_a_device_needs_host_memory(self):
        report = check_memory(100 * MIB, None, None, Board(8000 * MIB))
        assert report.workspace_bytes is None
        assert report.needed_bytes == (500 + 700) * MIB
        assert not report.warning
        with pytest.raises(BackendError, match=r"1200 MiB of memory, and 500 MiB are free.*swap"):
            check_memory(100 * MIB, None, None, Board(500 * MIB))

    def test_a_graphics_card_has_memory_of_its_own(self):
        cuda = FakeCuda(FAKE_FACTS._replace(memory_bytes=600 * MIB))
        report = check_memory(10 * MIB, 64 * MIB, cuda, Board(None))
        assert (report.available_bytes, report.shared) == (600 * MIB, False)
        assert report.needed_bytes == (50 + 300 + 64) * MIB
        with pytest.raises(BackendError, match="GPU memory"):
            check_memory(1000 * MIB, 64 * MIB, cuda, Board(None))

    def test_a_jetson_shares_it(self):
        cuda = FakeCuda(FAKE_FACTS._replace(memory_bytes=4096 * MIB, integrated=True))
        report = check_memory(20 * MIB, None, cuda, Board(2000 * MIB))
        assert (report.available_bytes, report.shared) == (2000 * MIB, True)
        assert report.workspace_bytes == 500 * MIB
        tight = check_memory(20 * MIB, None, cuda, Board(800 * MIB))
        assert "may fail" in tight.warning
        assert "--workspace 64M" in tight.warning

    def test_what_is_not_known_is_no_reason(self):
        assert not check_memory(MIB, None, None, Board(None)).warning


class TestCallbacks:
    """The vendor's code cannot take an exception: the process would end."""

    MODULE = SimpleNamespace(IProgressMonitor=object, IInt8EntropyCalibrator2=object)

    def test_progress_that_raises_stops(self):
        def fail(phase, done, total):
            raise KeyboardInterrupt

        watched = monitor(self.MODULE, fail)
        watched.phase_start("Building", None, 3)
        assert watched.step_complete("Building", 0) is False

    def test_a_calibrator_that_fails_ends(self):
        failure = MemoryError()

        def fail():
            raise failure

        stopped = calibrator(self.MODULE, fail, 2)
        assert stopped.get_batch(["x"]) is None
        assert stopped.failure is failure
        assert (stopped.batches, stopped.get_batch_size()) == (0, 2)


class TestTarget:
    def test_good(self, tmp_path):
        assert checked_target(tmp_path / "x.engine", b"") == tmp_path / "x.engine"

    def test_bad(self, tmp_path):
        for out, message in (
            (tmp_path, "a folder"),
            (tmp_path / "no" / "x.engine", "Make it first"),
        ):
            with pytest.raises(ArgumentError, match=message):
                checked_target(out, b"")

    def test_the_model_is_not_overwritten(self, tmp_path):
        path = tmp_path / "x.onnx"
        path.write_bytes(b"model")
        (tmp_path / "link").symlink_to(path)
        for out in (path, tmp_path / "link"):
            with pytest.raises(ArgumentError, match="the model itself"):
                checked_target(out, path)

    def test_a_sidecar_of_another_file(self, tmp_path):
        sidecar = tmp_path / "x.json"
        sidecar.write_text('{"schema_version": 1}')
        checked_target(tmp_path / "x.engine", b"")
        sidecar.write_text('{"schema_version": 1, "model": {"sha256": "%s"}}' % ("0" * 64))
        with pytest.raises(ArgumentError, match=r"x\.json beside it"):
            checked_target(tmp_path / "x.engine", b"")

    def test_no_permission(self, tmp_path, monkeypatch):
        from edgeclf.build import target

        monkeypatch.setattr(target.os, "access", lambda path, mode: False)
        with pytest.raises(ArgumentError, match="may not write"):
            checked_target(tmp_path / "x.engine", b"")


@pytest.mark.parametrize("at", ["prepare", "check", "write"])
def test_false_stops_at_every_step(at):
    from edgeclf.build.builder import _Clock

    clock, seen = _Clock(lambda step, done, total: step != at), []

    def go() -> None:
        for step in ("prepare", "check", "write"):
            with clock.step(step):
                seen.append(step)

    with pytest.raises(BackendError, match="stopped, as its progress was told to"):
        go()
    assert at not in seen

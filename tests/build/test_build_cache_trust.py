"""A cache that somebody else, or a killed process, had a hand in."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from edgeclf.build.cache import Store
from edgeclf.errors import ArgumentError, BackendError

NAME = "abc123.engine"


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_folder_that_others_may_write_is_refused(mode, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(mode)
    with pytest.raises(ArgumentError, match=r"written by others.*EDGECLF_CACHE_DIR"):
        Store(tmp_path / "shared")
    assert not list((tmp_path / "shared").iterdir())


def test_a_key_that_is_put_there_first_is_not_believed(tmp_path, monkeypatch, caplog):
    """Somebody wins the race for the link, with a key that everybody can read."""
    link, planted = os.link, []

    def late(source, target):
        if not planted:
            planted.append(Path(target))
            Path(target).write_bytes(b"A" * 32)
            Path(target).chmod(0o644)
        return link(source, target)

    monkeypatch.setattr(os, "link", late)
    store = Store(tmp_path / "store")
    assert store._key != b"A" * 32
    assert store._key == (store.folder / "seal.key").read_bytes()


def test_a_key_that_comes_back_is_an_error(tmp_path, monkeypatch):
    def planted(source, target):
        Path(target).write_bytes(b"A" * 32)
        Path(target).chmod(0o644)
        raise FileExistsError

    monkeypatch.setattr(os, "link", planted)
    with pytest.raises(ArgumentError, match="not this user's own"):
        Store(tmp_path / "store")


def test_links_are_not_followed(store, tmp_path):
    """To the key, to a file, to its seal, to its lock."""
    key, victim = tmp_path / "known.key", tmp_path / "victim"
    key.write_bytes(b"A" * 32)
    key.chmod(0o600)
    victim.write_bytes(b"untouched")
    (store.folder / "seal.key").unlink()
    (store.folder / "seal.key").symlink_to(key)
    again = Store(store.folder)
    assert again._key != b"A" * 32
    for name in (NAME, f"{NAME}.seal", f"{NAME}.lock"):
        (store.folder / name).symlink_to(victim)
    again.write(NAME, b"content")
    assert again.read(NAME) == b"content"
    with pytest.raises(BackendError, match="cannot be locked"), again.locked(NAME):
        pass
    assert (key.read_bytes(), victim.read_bytes()) == (b"A" * 32, b"untouched")


def test_without_hard_links_there_is_a_key_too(tmp_path, monkeypatch):
    def none(source, target):
        raise PermissionError(1, "Operation not permitted")  # as FAT says it

    monkeypatch.setattr(os, "link", none)
    first, second = Store(tmp_path / "store"), Store(tmp_path / "store")
    assert first._key == second._key
    assert (first.folder / "seal.key").stat().st_mode & 0o777 == 0o600


def test_a_file_system_without_locks_is_told_at_once(store, monkeypatch):
    def none(handle, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(BackendError, match=r"No locks available.*EDGECLF_CACHE_DIR"), store.locked(
        NAME, timeout_s=60
    ):
        pass


def test_what_killed_builds_left_goes_and_what_is_being_made_stays(store):
    store.write(NAME, b"content")
    old = time.time() - 2 * 3600
    left = [".gone.engine.new", ".abc123.engine.new", "gone.engine.lock", ".a.engine.12ab.tmp"]
    stay = [".busy.engine.new", "busy.engine.lock", ".b.engine.12ab.tmp", "abc123.engine.lock"]
    with store.locked("busy.engine"):
        for name in (*left, *stay):
            (store.folder / name).touch()
        os.utime(store.folder / left[-1], (old, old))
        store.prune(2**30)
        found = {path.name for path in store.folder.iterdir()}
        with pytest.raises(BackendError), store.locked("busy.engine", timeout_s=0):
            pass
    assert found == {*stay, NAME, f"{NAME}.seal", "seal.key"}


def test_a_lock_that_is_swept_away_before_it_is_taken_is_made_anew(store, monkeypatch):
    """Two that hold different files at the same place would both build."""
    real, swept = fcntl.flock, []

    def late(handle, how):
        if not swept:
            swept.append(handle)
            (store.folder / "x.engine.lock").unlink()
        return real(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with store.locked("x.engine"):
        assert swept
        with pytest.raises(BackendError), store.locked("x.engine", timeout_s=0):
            pass

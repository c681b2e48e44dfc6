"""Kept files: believed only with this user's seal, written whole, made by one at a time."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from edgeclf.build.cache import Store, default_folder
from edgeclf.errors import ArgumentError, BackendError

ROOT = Path(__file__).resolve().parents[2]
NAME = "abc123.engine"


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def test_what_is_written_is_read_again(store):
    assert store.read(NAME) is None
    path = store.write(NAME, b"content")
    assert path == store.path(NAME)
    assert path.read_bytes() == b"content"
    assert store.read(NAME) == b"content"
    assert Store(store.folder).read(NAME) == b"content"
    store.write(NAME, b"newer")
    assert store.read(NAME) == b"newer"


def test_the_seal_is_an_hmac_with_the_user_s_key(store):
    store.write(NAME, b"content")
    key = (store.folder / "seal.key").read_bytes()
    assert len(key) == 32
    message = NAME.encode() + b"\0" + hashlib.sha256(b"content").digest()
    seal = (store.folder / f"{NAME}.seal").read_bytes()
    assert seal == hmac.new(key, message, "sha256").digest()


def test_folder_and_key_are_this_user_s_alone(store):
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert (store.folder / "seal.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: content + b"\0",
        lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],
        lambda content: os.urandom(len(content)),
    ],
    ids=["truncated", "empty", "longer", "one bit", "another"],
)
def test_what_was_changed_is_not_believed(damage, store, caplog):
    path = store.write(NAME, bytes(range(200)))
    path.write_bytes(damage(bytes(range(200))))
    assert store.read(NAME) is None
    assert "damaged" in caplog.text
    store.write(NAME, b"again")
    assert store.read(NAME) == b"again"


def test_a_seal_belongs_to_one_name_and_one_content(store):
    store.write(NAME, b"one")
    store.write("other.engine", b"two")
    for suffix in ("", ".seal"):
        (store.folder / f"other.engine{suffix}").replace(store.folder / f"{NAME}{suffix}")
    assert store.read(NAME) is None


@pytest.mark.parametrize("seal", [None, b"", b"0" * 32, b"0" * 1000])
def test_without_its_seal_a_file_is_none(seal, store):
    store.write(NAME, b"content")
    path = store.folder / f"{NAME}.seal"
    path.unlink() if seal is None else path.write_bytes(seal)
    assert store.read(NAME) is None


def test_another_key_opens_nothing(store, tmp_path):
    store.write(NAME, b"content")
    other = Store(tmp_path / "other")
    other.write(NAME, b"forged")
    for suffix in ("", ".seal"):
        (other.folder / f"{NAME}{suffix}").replace(store.folder / f"{NAME}{suffix}")
    assert store.read(NAME) is None


@pytest.mark.parametrize("spoil", ["readable", "short"])
def test_a_key_that_others_could_have_is_replaced(spoil, store, caplog):
    store.write(NAME, b"content")
    key = store.folder / "seal.key"
    before = key.read_bytes()
    if spoil == "readable":
        key.chmod(0o644)
    else:
        key.write_bytes(b"short")
    again = Store(store.folder)
    assert key.read_bytes() != before
    assert key.stat().st_mode & 0o777 == 0o600
    assert again.read(NAME) is None
    assert "new key" in caplog.text


def test_many_that_begin_at_once_have_one_key(tmp_path):
    keys = []
    start = threading.Barrier(8)

    def begin():
        start.wait()
        keys.append(Store(tmp_path / "shared")._key)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(set(keys)) == 1
    assert [p.name for p in (tmp_path / "shared").iterdir()] == ["seal.key"]


@pytest.mark.parametrize(
    "name", ["../x.engine", "a/b.engine", "", "noend", ".x.engine", "x.engine\n"]
)
def test_only_plain_names(name, store):
    with pytest.raises(ArgumentError, match="plain file name"):
        store.write(name, b"")


def test_a_folder_that_cannot_be_had(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="EDGECLF_CACHE_DIR"):
        Store(tmp_path / "file" / "cache")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_user_s_folder_is_refused(tmp_path):
    Store(tmp_path / "theirs")
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(ArgumentError, match="another user"):
        Store(tmp_path / "theirs")


def test_a_full_disk_is_a_typed_error(store, monkeypatch):
    from edgeclf.manifest import atomic

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_write_through", full)
    with pytest.raises(BackendError, match="No space left"):
        store.write(NAME, b"content")


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLF_CACHE_DIR", str(tmp_path / "own"))
    assert Store().folder == default_folder() == tmp_path / "own" / "engines"
    monkeypatch.delenv("EDGECLF_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "edgeclf" / "engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "edgeclf" / "engines"


def test_pruning_removes_what_was_not_used_for_longest(store):
    for number in range(4):
        path = store.write(f"n{number}.engine", bytes(100))
        os.utime(path, (1000 + number, 1000 + number))
    store.read("n0.engine")  # of use now
    assert store.prune(250, keep=lambda name: name == "n1.engine") == 200
    left = sorted(path.name for path in store.folder.glob("*.engine"))
    assert left == ["n0.engine", "n1.engine"]
    assert not (store.folder / "n2.engine.seal").exists()
    assert store.prune(250) == 0
    assert (store.folder / "seal.key").exists()


def test_threads_take_turns(store):
    inside, most = [], []

    def work():
        with store.locked(NAME):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert most == [1] * 4


def test_other_files_are_not_in_the_way(store):
    with store.locked(NAME), store.locked("other.engine", timeout_s=0):
        pass


def test_waiting_ends_in_time(store):
    refused = pytest.raises(BackendError, match="still being made")
    with store.locked(NAME), refused, store.locked(NAME, timeout_s=0):
        pass
    with store.locked(NAME, timeout_s=0):
        pass


def _process(code: str, folder: Path) -> "subprocess.Popen[str]":
    script = f"""
        import sys, time
        sys.path.insert(0, {str(ROOT)!r})
        from edgeclf.build.cache import Store
        store = Store({str(folder)!r})
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script) + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


HOLDING = """
    with store.locked("abc123.engine"):
        print("held", flush=True)
        time.sleep(60)
"""


def test_a_killed_process_does_not_block(store):
    holder = _process(HOLDING, store.folder)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BackendError, match="still being made"), store.locked(NAME, timeout_s=0.3):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with store.locked(NAME, timeout_s=10):
        pass


def test_a_forked_child_does_not_keep_the_lock(store):
    with store.locked(NAME):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        with store.locked(NAME, timeout_s=0.5):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

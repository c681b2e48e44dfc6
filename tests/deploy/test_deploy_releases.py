"""The installer's housekeeping, in this process: what cannot be removed, and what failed first."""

from __future__ import annotations

import json
import shutil

import pytest

from edgeclf.deploy import on_board


def made(prefix, *names, current):
    for name in names:
        (prefix / "releases" / name / "app").mkdir(parents=True)
        (prefix / "releases" / name / "passed.json").write_text("{}")
    (prefix / "current").symlink_to(f"releases/{current}")


@pytest.fixture
def stuck(monkeypatch):
    """A folder that this user cannot remove, as one with files of root's is."""
    rmtree = shutil.rmtree

    def refuse(path, *args, **kwargs):
        if "stuck" in str(path):
            raise PermissionError(13, "Permission denied", f"{path}/app")
        rmtree(path, *args, **kwargs)

    monkeypatch.setattr(on_board.shutil, "rmtree", refuse)


def test_a_folder_that_cannot_be_removed_stops_nobody(tmp_path, stuck):
    made(tmp_path, "stuck", "old", "new", current="new")
    (tmp_path / "releases" / "new" / "previous.json").write_text('{"id": "old"}')
    for name in ("a-leftover", "z-leftover"):
        (tmp_path / "releases" / name).mkdir()
    (warning,) = on_board.prune(tmp_path)
    assert "stuck" in warning
    assert "Permission denied" in warning
    left = sorted(path.name for path in (tmp_path / "releases").iterdir())
    assert left == [".removed-stuck", "new", "old"]
    # And again, with a release of the same name.
    (tmp_path / "releases" / "stuck").mkdir()
    assert len(on_board.prune(tmp_path)) == 2
    assert not (tmp_path / "releases" / "stuck").exists(), "nobody takes it for a release"


@pytest.mark.heavy
def test_a_deployment_goes_on_beside_it(prefix, payload, stuck, tmp_path, capsys):
    (prefix.path / "releases" / "stuck").mkdir()
    order = {"action": "deploy", "sha256": payload.sha256, "size": payload.tar.stat().st_size}
    (tmp_path / "sent").write_bytes(payload.tar.read_bytes() + b"go\n")
    with (tmp_path / "sent").open("rb", buffering=0) as stream:
        done = on_board._ordered({**order, "need_bytes": 0}, prefix.path, stream)
    assert prefix.current() == done["id"] == payload.manifest["id"]
    assert ["stuck" in warning for warning in done["warnings"]] == [True]


@pytest.mark.parametrize("call", ["mkdir", "open"])
def test_a_full_disk_is_called_that(tmp_path, monkeypatch, call):
    """The clean-up finds nothing to remove; what failed before it is what is told."""
    original = getattr(on_board.Path, call)

    def full(self, *args, **kwargs):
        if self.name in ("one", "abc.part"):
            raise OSError(28, "No space left on device", str(self))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(on_board.Path, call, full)
    (tmp_path / "releases").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    payload = tmp_path / "payload"
    payload.mkdir()
    target = {"arch": on_board.architecture(), "glibc": [0, 0]}
    target["python"] = "{}.{}".format(*on_board.sys.version_info[:2])
    manifest = {"id": "one", "sha256": {}, "target": target}
    (payload / "manifest.json").write_text(json.dumps(manifest))
    order = {"sha256": "abc", "size": 0, "need_bytes": 0}
    with (tmp_path / "empty").open("rb") as stream:
        act = {
            "mkdir": lambda: on_board.install(tmp_path, payload, lambda event: None, lambda: None),
            "open": lambda: on_board.received(tmp_path, order, stream),
        }[call]
        with pytest.raises(OSError, match="No space left"):
            act()

"""What the service runs after each switch, and that a failed one leaves none behind.

systemd's place is taken by a script that remembers what is enabled and which release it started.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeclf.deploy import on_board, scripts

_SYSTEMCTL = """#!/bin/sh
echo "$2" >> "$STATE/log"
[ "$2" = "$FAIL_AT" ] && exit 1
wants="$XDG_CONFIG_HOME/systemd/user/default.target.wants"
for unit; do :; done
case "$2" in
  enable) mkdir -p "$wants" && ln -sf "../$unit" "$wants/$unit";;
  disable) rm -f "$wants/$unit" "$STATE/runs";;
  restart) basename "$(readlink -f "$BOARD/current")" > "$STATE/runs";;
  is-active) [ "$(cat "$STATE/runs")" != "$DOWN" ];;
  show)
    echo . >> "$STATE/crashes"
    if [ "$(cat "$STATE/runs")" = "$CRASHES" ]; then echo "NRestarts=$(wc -l < "$STATE/crashes")"
    else echo NRestarts=7; fi;;
esac
"""


class Systemd:
    """What runs, and which unit files there are."""

    def __init__(self, folder):
        self.folder = folder

    def runs(self):
        path = self.folder / "runs"
        return path.read_text().strip() if path.exists() else None

    def files(self):
        folder = self.folder / "config"
        return [path.name for path in sorted(folder.rglob("*")) if not path.is_dir()]


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "systemctl"
    script.write_text(_SYSTEMCTL)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(on_board, "LOOKS", 2)
    monkeypatch.setattr(on_board, "LOOK_S", 0.01)
    return Systemd(tmp_path)


@pytest.fixture
def board(tmp_path, monkeypatch):
    """A prefix, and releases that need no environment: only the last steps are of interest."""
    prefix = tmp_path / "board"
    monkeypatch.setenv("BOARD", str(prefix))
    for step in ("check_fits", "make_venv", "pip_install"):
        monkeypatch.setattr(on_board, step, lambda *args: None)
    monkeypatch.setattr(on_board, "run_doctor", lambda *args: {})
    monkeypatch.setattr(on_board, "self_test", lambda *args: {})
    monkeypatch.setattr(on_board, "python_of", lambda release: Path(shutil.which("true")))
    return prefix


def deployed(prefix, name, service=False):
    payload = prefix.parent / "payload"
    shutil.rmtree(payload, ignore_errors=True)
    payload.mkdir()
    manifest = {"id": name, "sha256": {}, "run": "", "model": "m"}
    manifest["service"] = {"unit": scripts.unit("app.py"), "enable": service}
    (payload / "manifest.json").write_text(json.dumps(manifest))
    with on_board.locked(prefix):
        return on_board.install(prefix, payload, lambda event: None, lambda: None)


def unit_of(prefix):
    digest = hashlib.sha256(str(prefix).encode()).hexdigest()[:8]
    return f"edgeclf-{prefix.name}-{digest}.service"


def test_a_service_is_started_and_follows_each_switch(board, systemd):
    deployed(board, "a")
    assert systemd.runs() is None
    assert systemd.files() == []
    deployed(board, "b", service=True)
    assert systemd.runs() == "b"
    assert systemd.files() == [unit_of(board)] * 2
    with on_board.locked(board):
        on_board.rollback(board, lambda event: None)
    assert on_board.current_of(board) == systemd.runs() == "a"
    deployed(board, "c")  # without --service
    assert systemd.runs() == "c"
    unit = (systemd.folder / "config/systemd/user" / unit_of(board)).read_text()
    assert f'ExecStart=/bin/sh "{board}/current/run"' in unit


@pytest.mark.parametrize("sign", ["DOWN", "CRASHES"])
def test_the_next_program_does_not_stay_up(board, systemd, monkeypatch, sign):
    deployed(board, "a", service=True)
    monkeypatch.setenv(sign, "b")
    with pytest.raises(on_board.Failure, match="a is current again") as caught:
        deployed(board, "b")
    assert caught.value.step == "service"
    assert "disable --now" in caught.value.advice
    assert on_board.current_of(board) == systemd.runs() == "a"
    assert systemd.files() == [unit_of(board)] * 2
    assert on_board.status(board)["releases"] == ["a"]


@pytest.mark.parametrize("step", ["daemon-reload", "enable", "restart", "is-active", "show"])
def test_a_first_service_that_fails_leaves_no_service(board, systemd, monkeypatch, step):
    deployed(board, "a")
    monkeypatch.setenv("FAIL_AT", step)
    with pytest.raises(on_board.Failure, match="a is current again"):
        deployed(board, "b", service=True)
    assert on_board.current_of(board) == "a"
    assert systemd.runs() is None
    assert systemd.files() == []


def test_the_very_first_release_stays_without_a_service(board, systemd, monkeypatch):
    monkeypatch.setenv("DOWN", "a")
    with pytest.raises(on_board.Failure, match="a stays, for there is no other"):
        deployed(board, "a", service=True)
    assert on_board.current_of(board) == "a"
    assert systemd.files() == []


def test_going_back_to_a_program_that_is_down_says_what_is_current(board, systemd, monkeypatch):
    deployed(board, "a")
    deployed(board, "b", service=True)
    monkeypatch.setenv("DOWN", "a")
    standing = on_board.standing_of(board)
    with on_board.locked(board), pytest.raises(on_board.Failure, match="status 1"):
        on_board.rollback(board, lambda event: None)
    assert standing() == "a is current now"


def test_the_sender_is_gone_after_the_switch(board, systemd):
    deployed(board, "a", service=True)
    original = on_board.json.loads((board.parent / "payload" / "manifest.json").read_text())
    (board.parent / "payload" / "manifest.json").write_text(json.dumps({**original, "id": "b"}))

    def tell(event):
        if event["step"] == "service":
            raise BrokenPipeError

    with on_board.locked(board):
        on_board.install(board, board.parent / "payload", tell, lambda: None)
    assert on_board.current_of(board) == systemd.runs() == "b"


def test_two_folders_of_one_name_are_two_services(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    places = ["edgeclf", "a/edgeclf", "b/edgeclf", "a b", "a-b", "~"]
    names = [on_board.unit_name(tmp_path / place) for place in places]
    assert names[0] == "edgeclf.service"
    assert len(set(names)) == len(names)
    assert all(name.startswith("edgeclf") for name in names), "no unit of anybody else's"


def test_a_crash_is_seen_before_systemd_starts_it_again():
    """Every second the unit is looked at; it is down for longer than that after a crash."""
    line = next(x for x in scripts.unit("app.py").splitlines() if x.startswith("RestartSec="))
    pause = int(line.split("=")[1])
    assert on_board.LOOK_S < pause < on_board.LOOKS * on_board.LOOK_S


def test_the_units_are_systemds(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / on_board.unit_name(tmp_path / "a $b")
    manifest = {"service": {"unit": scripts.unit("app.py")}}
    unit.write_text(on_board.unit_text(manifest, tmp_path / "a $b"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []

"""What the user is told, and that nothing of the board's home or login shell has a say.

The board is this machine without ssh: its installer runs as a process beside us.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

import pytest

from edgeclf import deploy
from edgeclf.deploy import board_facts, deployment, on_board, scripts
from edgeclf.deploy.ssh import Remote
from edgeclf.errors import DeployError

SHADOWS = ("json", "signal", "platform", "fcntl", "struct", "argparse")


class Here:
    """A connection to this machine; `home` is where the installer starts."""

    host = "here"

    def __init__(self, home, **variables):
        self.home, self.variables, self.words = home, variables, None

    def start(self, words):
        self.words = words
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - the Remote closes it
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=self.home,
            env={**os.environ, **self.variables},
        )
        return Remote(process, errors)


@pytest.fixture
def board(tmp_path):
    """Two releases; "b" is current, and "a" is the one before."""
    for name in "ab":
        (tmp_path / "p/releases" / name / "venv/bin").mkdir(parents=True)
        (tmp_path / "p/releases" / name / "passed.json").write_text("{}")
        # It answers all that it is asked with success.
        (tmp_path / "p/releases" / name / "venv/bin/python").symlink_to("/bin/true")
    (tmp_path / "p/releases/b/previous.json").write_text('{"id": "a"}')
    (tmp_path / "p/current").symlink_to("releases/b")
    return tmp_path / "p"


@pytest.fixture
def home(tmp_path):
    """A home with files that have the names of the standard library's modules."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in SHADOWS:
        (folder / f"{name}.py").write_text("raise SystemExit(9)\n")
    return folder


def roll_back(board, facts, home, **variables):
    connection = Here(home, **variables)
    return deploy.rollback(connection, facts, str(board), lambda event: None)


def test_files_in_the_home_are_no_modules(board, home, here):
    """Neither of the installer nor of the question what the board is."""
    assert roll_back(board, here, home)["id"] == "a"
    given = f"wanted={board_facts._quoted(sys.executable)}\nnames=\n"
    given += f"code={board_facts._quoted(board_facts._ASK_PYTHON)}\n{board_facts._SCRIPT}"
    done = subprocess.run(["sh"], input=given, capture_output=True, text=True, cwd=home)
    assert deploy.facts_from(done.stdout, "here", sys.executable)[0] == here


def test_no_environment_is_made_with_them(home, tmp_path, monkeypatch):
    (home / "venv.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(home)
    release = tmp_path / "release"
    release.mkdir()
    on_board.make_venv(release, {"target": {"system_site_packages": False}})
    assert on_board.python_of(release).exists()


def test_nothing_that_csh_reads_otherwise(board, home, here):
    connection = Here(home)
    deploy.status(connection, here, str(board))
    assert not any("\n" in word or "!" in word for word in connection.words)


def test_a_failed_step_leaves_what_it_says(board, home, here):
    (board / "releases/a/venv/bin/python").unlink()
    (board / "releases/a/venv/bin/python").symlink_to("/bin/false")
    with pytest.raises(DeployError, match=r"^rollback: on here: .*\. b is current, as before$"):
        roll_back(board, here, home)


def test_a_failure_after_the_switch_says_what_is_current(board, home, here, tmp_path):
    """The service cannot be restarted: that is so, and the earlier release is current."""
    units = tmp_path / "config/systemd/user"
    (units / "default.target.wants").mkdir(parents=True)
    (units / on_board.unit_name(board)).touch()
    link = units / "default.target.wants" / on_board.unit_name(board)
    link.symlink_to(f"../{on_board.unit_name(board)}")
    with pytest.raises(DeployError, match=r"^service: .*a is current now$"):
        roll_back(board, here, home, XDG_CONFIG_HOME=str(tmp_path / "config"), PATH="/none")
    assert on_board.current_of(board) == "a"


def test_nothing_there_is_said_too(tmp_path, home, here):
    with pytest.raises(DeployError, match=r"no earlier release.*Nothing is installed there"):
        roll_back(tmp_path / "new", here, home)


@pytest.mark.parametrize("content", ["{", "[]", '{"id": {}}', "\udcff"])
def test_a_damaged_note_is_no_traceback(board, home, here, content):
    (board / "releases/b/previous.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DeployError, match=r"^rollback: .*no earlier.* b is current, as before$"):
        roll_back(board, here, home)


def test_whatever_is_raised_is_told(board, home, here, monkeypatch):
    """A mistake of the installer's own is told as one, and not as a connection that was cut."""
    code = "raise KeyError('x')"
    script = board.parent / "on_board.py"
    source = open(on_board.__file__).read()  # noqa: SIM115, PTH123
    script.write_text(source + f"\ndef rollback(prefix, tell):\n    {code}\n")
    monkeypatch.setattr(on_board, "__file__", str(script))
    with pytest.raises(DeployError, match=r"^connect: .*KeyError.*report it.* b is current, as"):
        roll_back(board, here, home)


def test_the_switch_stands_though_the_folder_cannot_be_synced(board, monkeypatch):
    def refuse(folder):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(on_board, "sync", refuse)
    on_board.switch(board, board / "releases/a")
    assert on_board.current_of(board) == "a"


@pytest.mark.parametrize(
    ("step", "said"), [("install", "What was current there still is"), ("switch", "may be current")]
)
def test_a_message_that_was_cut(home, here, tmp_path, monkeypatch, step, said):
    lines = [json.dumps({"step": step}), '{"done": {"id": "x"']
    script = "".join(f"print('edgeclf> ' + {line!r})\n" for line in lines)
    monkeypatch.setattr(deployment, "_BOOT", ("-I", "-c", f"exec({script!r})"))
    with pytest.raises(DeployError, match=f"^{step}: .*ended in this step.*{said}"):
        roll_back(tmp_path, here, home)


def release_with(folder, main):
    """A release whose Python is this one and whose program is `main`."""
    (folder / "venv/bin").mkdir(parents=True)
    (folder / "venv/bin/python").symlink_to(sys.executable)
    payload = folder.parent / f"payload of {folder.name}"
    (payload / "app").mkdir(parents=True)
    (payload / "app/app.py").write_text(main)
    on_board.place_files(folder, payload, {"run": scripts.run_script("m.onnx", "app/app.py")})
    return folder


def test_a_switch_between_two_looks_mixes_no_releases(tmp_path):
    """The shell has opened the script of "a" when current is set to "b"."""
    releases = tmp_path / "p q; $(x)" / "releases"
    for name in "ab":
        release_with(releases / name, f"import os; print({name!r}, os.environ['EDGECLF_MODEL'])")
    (releases.parent / "current").symlink_to("releases/b")
    words = ["sh", "-c", (releases / "a/run").read_text(), str(releases.parent / "current/run")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"a {releases}/a/model/m.onnx"


def test_packages_of_the_users_own_do_not_join(tmp_path):
    """They were not there when the release was tested, with -I."""
    release = release_with(tmp_path / "r", "import site; print(site.ENABLE_USER_SITE)")
    done = subprocess.run([release / "run"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_lock_outlives_an_installer_whose_program_still_writes(tmp_path):
    code = (
        "import importlib.util, os, signal, sys, threading\n"
        "spec = importlib.util.spec_from_file_location('o', sys.argv[1])\n"
        "o = importlib.util.module_from_spec(spec); spec.loader.exec_module(o)\n"
        "from pathlib import Path\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "with o.locked(Path(sys.argv[2])):\n"
        "    o.run('install', ['sh', '-c', 'echo $$ >\"$0\"; exec sleep 60', sys.argv[3]], '', 9)\n"
    )
    prefix, note = tmp_path / "p", tmp_path / "pid"
    words = [sys.executable, "-c", code, on_board.__file__, str(prefix), str(note)]
    assert subprocess.run(words).returncode == -9
    orphan = int(note.read_text())
    try:
        with pytest.raises(on_board.Failure, match="another deployment"), on_board.locked(prefix):
            pass
    finally:
        os.kill(orphan, 9)
    for _ in range(100):
        try:
            with on_board.locked(prefix):
                return
        except on_board.Failure:
            time.sleep(0.05)
    raise AssertionError("the lock is still held")


@pytest.mark.parametrize(("system", "advice"), [(True, "apt install python3-numpy"), (False, "")])
def test_a_board_without_its_systems_packages_is_told_their_names(
    tmp_path, monkeypatch, system, advice
):
    """32-bit ARM uses Debian's NumPy: downloading anew would not bring it."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "pip-24.0-py3-none-any.whl").touch()
    monkeypatch.setattr(on_board, "python_of", lambda release: "/bin/false")
    manifest = {"requirements": [], "target": {"system_site_packages": system}}
    with pytest.raises(on_board.Failure) as caught:
        on_board.pip_install(tmp_path, tmp_path, manifest)
    assert advice in caught.value.advice
    assert ("apt" in caught.value.advice) == system

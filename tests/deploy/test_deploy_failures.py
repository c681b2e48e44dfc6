"""Whatever fails, and wherever: what the board ran before, it still runs.

The board is this machine behind a real sshd. Each test begins with a release "old" that answers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import deploy_board as boards
import pytest
from deploy_board import PHOTOS, Prefix

from edgeclf import deploy
from edgeclf.deploy import on_board
from edgeclf.errors import DeployError

pytestmark = pytest.mark.heavy

STEPS = ("transfer", "verify", "venv", "install", "doctor", "selftest", "confirm")
DRAGONFLY = "dragonfly"


def intact(prefix):
    """The old release is current and answers, and no other one claims to be whole."""
    assert prefix.current() == "old"
    assert prefix.label().startswith(DRAGONFLY)
    whole = [p.parent.name for p in prefix.path.glob("releases/*/passed.json")]
    assert whole == ["old"]


def wait_for_lock(prefix):
    for _ in range(600):
        try:
            with on_board.locked(prefix.path):
                return
        except on_board.Failure:
            time.sleep(0.1)
    raise AssertionError("the lock is still held")


def end_session(pid):
    """Kill the sshd process that serves the installer: what a cut cable looks like, but at once."""
    while pid > 1:
        if (Path("/proc") / str(pid) / "comm").read_text().startswith("sshd"):
            os.kill(pid, signal.SIGKILL)
            return
        stat = (Path("/proc") / str(pid) / "stat").read_text()
        pid = int(stat.rpartition(")")[2].split()[1])
    raise AssertionError("no sshd above the installer")


class At:
    """Does something when the board begins a step."""

    def __init__(self, step, act):
        self.step, self.act, self.pid, self.seen = step, act, None, []

    def __call__(self, event):
        self.pid = event.get("pid", self.pid)
        if "step" in event:
            self.seen.append(event["step"])
            if event["step"] == self.step:
                self.act(self.pid)


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)


@pytest.mark.parametrize("step", STEPS)
def test_the_installer_is_killed(connection, payload, prefix, step):
    tell = At(step, kill)
    with pytest.raises(DeployError, match=f"^{step}: .*ended in this step.*same command"):
        deploy.deploy(connection, payload, str(prefix.path), tell)
    wait_for_lock(prefix)
    # A whole release that is not current may be left; nobody ever looks at it.
    assert prefix.current() == "old"
    assert prefix.label().startswith(DRAGONFLY)
    if step == "install":  # and what was left over is in nobody's way
        deploy.deploy(connection, payload, str(prefix.path), lambda event: None)
        assert prefix.current() != "old"
        assert prefix.label().startswith(DRAGONFLY)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_installer_is_killed_at_the_switch(payload, prefix, moment):
    """One rename: before it the old release is current, after it the new one, and nothing else."""
    code = (
        "import os, runpy, signal, sys\n"
        "from pathlib import Path\n"
        "on_board = runpy.run_path(sys.argv[1], run_name='on_board')\n"
        "original = Path.replace\n"
        "def replace(self, target):\n"
        "    if Path(target).name != 'current': return original(self, target)\n"
        "    if sys.argv[4] == 'after': original(self, target)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Path.replace = replace\n"
        "prefix, payload = map(Path, sys.argv[2:4])\n"
        "with on_board['locked'](prefix):\n"
        "    on_board['install'](prefix, payload, print, lambda: None)\n"
    )
    words = [sys.executable, "-c", code, on_board.__file__, prefix.path, payload.folder, moment]
    assert subprocess.run(list(map(str, words))).returncode == -signal.SIGKILL
    name = payload.manifest["id"]
    assert prefix.current() == {"before": "old", "after": name}[moment]
    assert prefix.label().startswith(DRAGONFLY)
    kept = {"old"} if moment == "before" else {"old", name}
    assert on_board.prune(prefix.path) == []
    assert set(prefix.releases()) == kept
    assert not list(prefix.path.glob(".current.*"))


def another_processor(folder, manifest):
    manifest["target"]["arch"] = "aarch64" if manifest["target"]["arch"] != "aarch64" else "x86_64"


def another_answer(folder, manifest):
    path = folder / "expected.json"
    document = json.loads(path.read_text())
    for photo in document["photos"].values():
        photo["top"]["label"] = "unicorn"
    path.write_text(json.dumps(document))


def a_missing_module(folder, manifest):
    (folder / "app").mkdir()
    (folder / "app" / "app.py").write_text("import no_such_x\n")
    manifest["main"] = "app.py"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (another_processor, r"^verify: .*made for the processor .*--arch"),
        (another_answer, r"^selftest: .*instead of unicorn.*same version on both"),
        (a_missing_module, r"^selftest: .*app\.py imports no_such_x, which is not there"),
    ],
)
def test_a_payload_that_is_not_for_this_board(connection, payload, prefix, tmp_path, change, said):
    other = boards.changed(payload, tmp_path / "other", change)
    with pytest.raises(DeployError, match=said) as caught:
        deploy.deploy(connection, other, str(prefix.path), lambda event: None)
    assert str(caught.value).endswith("old is current, as before")
    intact(prefix)
    assert prefix.releases() == ["old"]
    assert list((prefix.path / "incoming").iterdir()) == []


@pytest.mark.parametrize("step", ["transfer", "install", "confirm"])
def test_the_connection_is_cut(connection, payload, prefix, step):
    tell = At(step, end_session)
    with pytest.raises(DeployError, match=f"^{step}: "):
        deploy.deploy(connection, payload, str(prefix.path), tell)
    wait_for_lock(prefix)
    intact(prefix)
    assert prefix.releases() == ["old"], "the installer has cleaned up"


def test_a_cut_transfer_goes_on_where_it_was(connection, payload, prefix):
    part = prefix.path / "incoming" / f"{payload.sha256}.part"
    part.parent.mkdir()
    part.write_bytes(payload.tar.read_bytes()[:1_000_003])
    offsets = []
    tell = lambda event: offsets.append(event.get("offset"))  # noqa: E731
    done = deploy.deploy(connection, payload, str(prefix.path), tell)
    assert 1_000_003 in offsets
    assert done["previous"] == "old"
    assert prefix.label().startswith(DRAGONFLY)
    assert list(part.parent.iterdir()) == []


def test_a_damaged_transfer_is_noticed_and_forgotten(connection, payload, prefix):
    part = prefix.path / "incoming" / f"{payload.sha256}.part"
    part.parent.mkdir()
    part.write_bytes(b"\0" * 1000)
    with pytest.raises(DeployError, match=r"^transfer: .*not what was sent.*same command"):
        deploy.deploy(connection, payload, str(prefix.path), lambda event: None)
    intact(prefix)
    assert not part.exists()


@pytest.mark.parametrize("step", ["transfer", "install"])
def test_our_own_process_is_killed(sshd, wheels, offline, prefix, tmp_path, step):
    command = [sys.executable, "-m", "edgeclf", "deploy", boards.HOST, "--ssh-config", sshd.config]
    command += ["--wheels", wheels, "--prefix", prefix.path, "--python", sys.executable]
    variables = {**os.environ, **offline, "PYTHONPATH": str(boards.ROOT)}
    variables["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    process = subprocess.Popen(
        [*map(str, command), "--photos", str(PHOTOS)],
        env=variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith(step):
            process.kill()
            break
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    wait_for_lock(prefix)
    intact(prefix)
    assert prefix.releases() == ["old"]


def test_two_at_once(connection, payload, prefix):
    refused = []

    def second(pid):
        with pytest.raises(DeployError, match=r"^lock: .*another deployment") as caught:
            deploy.deploy(connection, payload, str(prefix.path), lambda event: None)
        refused.append(caught.value)

    deploy.deploy(connection, payload, str(prefix.path), At("verify", second))
    assert len(refused) == 1
    assert prefix.label().startswith(DRAGONFLY)
    assert prefix.releases() == sorted(["old", payload.manifest["id"]])


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 120 MB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("free", [3_000_000, 30_000_000])
def test_the_disk_is_full(connection, payload, small_disk, free):
    """With 3 MB while it is received, with 30 MB while it is installed."""
    prefix = Prefix(small_disk / "prefix")
    first = deploy.deploy(connection, payload, str(prefix.path), lambda event: None)
    space = os.statvfs(small_disk)
    with (small_disk / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - free)
    with pytest.raises(DeployError, match=r"^space: .*MB are needed"):
        deploy.deploy(connection, payload, str(prefix.path), lambda event: None)
    # And where the estimate was wrong:
    unaware = payload._replace(manifest={**payload.manifest, "need_bytes": 0})
    with pytest.raises(DeployError, match=r"^(transfer|install|venv): .*No space left"):
        deploy.deploy(connection, unaware, str(prefix.path), lambda event: None)
    assert prefix.current() == first["id"]
    assert prefix.releases() == [first["id"]]
    assert list((prefix.path / "incoming").iterdir()) == [], "the room is given back"
    assert prefix.label().startswith(DRAGONFLY)

"""A board on loopback, payloads for it, and what it answers."""

from __future__ import annotations

import ensurepip
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import deploy_board as boards
import pytest
from deploy_board import PHOTOS, Prefix

from edgeclf import deploy
from edgeclf.deploy.download import _stand_in


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What needs a real server belongs to the heavy group."""
    for item in items:
        if "sshd" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.heavy)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory):
    """A real server; where Debian's openssh-server is not installed the test is skipped."""
    if boards.find_sshd() is None:
        pytest.skip("no sshd here: apt install openssh-server")
    server = boards.Sshd(tmp_path_factory.mktemp("sshd") / "keys")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """A folder with this checkout's wheel, as make wheels leaves it."""
    folder = tmp_path_factory.mktemp("dist")
    boards.pack_wheel(folder)
    return folder


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    """In place of the package index: empty wheels of what is installed here, one of which brings
    this Python's packages by a .pth, so that a release is made in seconds and really runs."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("index")
    for name in ("numpy", "Pillow", "click", "onnxruntime", "protobuf"):
        _stand_in(folder, name, metadata.version(name))
    info = f"onnxruntime-{metadata.version('onnxruntime')}"
    path = folder / f"{info}-py3-none-any.whl"
    text = f"Metadata-Version: 2.1\nName: onnxruntime\nVersion: {info.split('-')[1]}\n"
    files = {
        "packages.pth": f"{sysconfig.get_path('purelib')}\n".encode(),
        f"{info}.dist-info/METADATA": text.encode(),
        f"{info}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    boards.write_wheel(path, files, f"{info}.dist-info")
    bundled = Path(ensurepip.__file__).parent / "_bundled"
    pips = [*bundled.glob("pip-*.whl")]
    if not pips:
        pytest.skip("this Python has no pip bundled")
    shutil.copy(pips[0], folder)
    return folder


@pytest.fixture(scope="session")
def offline(index):
    """The environment in which pip sees that index alone."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": "/dev/null"}


@pytest.fixture(scope="session")
def here():
    """This machine as a board is seen: through the script that is sent to one."""
    from edgeclf.deploy import board_facts

    given = f"wanted={board_facts._quoted(sys.executable)}\nnames=\n"
    given += f"code={board_facts._quoted(board_facts._ASK_PYTHON)}\n{board_facts._SCRIPT}"
    done = subprocess.run(["sh"], input=given, capture_output=True, text=True, check=True)
    return deploy.facts_from(done.stdout, "here", sys.executable)[0]


@pytest.fixture(scope="session")
def make_payload(wheels, offline, here, tmp_path_factory):
    """A payload for this machine; the arguments are those of `deploy.Request`."""

    def make(**changes):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in offline.items():
                patch.setenv(name, value)
            values = {
                "model": None,
                "app": None,
                "wheels": wheels,
                "photos": PHOTOS,
                "service": False,
                "cache": tmp_path_factory.getbasetemp() / "cache",
                **changes,
            }
            work = tmp_path_factory.mktemp("work")
            return deploy.prepared(deploy.Request(**values), [here], work, lambda step: None)

    return make


@pytest.fixture(scope="session")
def payload(make_payload):
    return make_payload()


@pytest.fixture
def connection(sshd):
    with deploy.Connection(boards.HOST, config=sshd.config) as connection:
        yield connection


@pytest.fixture(scope="session")
def installed(payload, tmp_path_factory):
    """A prefix with one release, to be copied: a release does not mind being linked to."""
    from edgeclf.deploy import on_board

    path = tmp_path_factory.mktemp("board") / "prefix"
    with on_board.locked(path):
        on_board.install(path, payload.folder, lambda event: None, lambda: None)
    return Prefix(path)


@pytest.fixture
def prefix(installed, tmp_path):
    """A prefix in whose release "old" the model answers."""
    path = tmp_path / "a prefix; $(touch pwned) 'x'"
    (path / "releases").mkdir(parents=True)
    name = installed.current()
    # The environment names its folder in few places; Python finds it by where it is.
    old = path / "releases" / "old"
    shutil.copytree(installed.path / "releases" / name, old, symlinks=True)
    made = (installed.path / "releases" / name / "run").read_text()
    assert f"here={installed.path}" in made
    run = made.replace(f"here={installed.path}/releases/{name}", f"here={shlex.quote(str(old))}")
    (old / "run").write_text(run)
    (path / "current").symlink_to("releases/old")
    found = Prefix(path)
    yield found
    assert not Path("pwned").exists()
    assert not (Path.home() / "pwned").exists()

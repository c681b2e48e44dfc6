"""The connection: who is let in, what is refused, and that nothing is ever run by accident."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import deploy_board as boards
import pytest
from deploy_board import PHOTOS

from edgeclf import deploy
from edgeclf.errors import ArgumentError, DeployError

BAD_HOSTS = [
    "-oProxyCommand=touch${IFS}pwned",
    "a;touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "a b",
    "a\nb",
    "",
    "user@-oX",
    "a|b",
    "a'b",
]


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_hosts_that_are_none(host, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match="host: expected"):
        deploy.Connection(host)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["pi@raspberrypi.local", "10.0.0.7", "fe80::1%eth0", "board_7"])
def test_hosts(host):
    if shutil.which("ssh") is None:
        pytest.skip("no ssh here")
    with deploy.Connection(host, port=2222) as connection:
        command = connection.command(["a b", "$(x)"])
    assert command[-3:] == ["--", host, "'a b' '$(x)'"]
    assert command[command.index("-p") + 1] == "2222"


def test_words_arrive_as_they_were(connection, tmp_path):
    words = ["$(touch pwned)", "a'b\"c", "x; y", "*", "new\nline", "", "~"]
    out = connection.output([sys.executable, "-c", "import sys; print(sys.argv[1:])", *words], "")
    assert out.strip() == repr(words)


def test_the_board_is_asked(connection, here):
    found = deploy.probe(connection, sys.executable)
    assert found == [here]
    assert all(board.arch == here.arch for board in deploy.probe(connection))


@pytest.mark.parametrize("python", ["no-such-python", "$(touch pwned)", "-x", "a b'; touch pwned"])
def test_no_python_there(connection, python, tmp_path):
    with pytest.raises(DeployError, match=r"probe: no .*apt install python3"):
        deploy.probe(connection, python)


def test_a_python_whose_path_has_spaces(connection, tmp_path, here):
    link = tmp_path / "my $(x) python"
    link.symlink_to(sys.executable)
    assert deploy.probe(connection, str(link))[0].python == here.python


def test_the_host_key_is_unknown(sshd):
    (sshd.folder / "none").write_text("")
    config = sshd.client_config("unknown", UserKnownHostsFile=sshd.folder / "none")
    with deploy.Connection(boards.HOST, config=config) as connection, pytest.raises(
        DeployError, match=r"Host key verification failed.*by hand and compare"
    ):
        deploy.probe(connection)


def test_the_key_is_not_known_there(sshd):
    config = sshd.client_config("stranger", IdentityFile=sshd.folder / "other")
    with deploy.Connection(boards.HOST, config=config) as connection, pytest.raises(
        DeployError, match=r"Permission denied.*ssh-copy-id"
    ):
        deploy.probe(connection)


def test_nobody_listens(sshd):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = sshd.client_config("nobody", Port=port)
    with deploy.Connection(boards.HOST, config=config) as connection, pytest.raises(
        DeployError, match=r"refused.*Is ssh enabled"
    ):
        deploy.probe(connection)


def test_there_is_no_ssh(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployError, match="openssh-client"):
        deploy.Connection("pi")


def command_line(sshd, *args, **variables):
    command = [sys.executable, "-m", "edgeclf", "deploy", *args]
    if sshd is not None:
        command += ["--ssh-config", sshd.config]
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(boards.ROOT), **variables},
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "expected a HOST"),
        (["--bundle", "x.tar"], "--arch and --python"),
        (["pi", "--status", "--rollback"], "exclude each other"),
        (["pi", "--requirement", "-r/etc/passwd"], "expected a package such as pyserial"),
        (["pi", "--requirement", "x @ https://a.b"], "expected a package such as pyserial"),
        (["--bundle", "x", "--arch", "aarch64", "--python", "three"], "expected such as 3.11"),
        (["--bundle", "x", "--arch", "aarch64", "--python", "3.11", "--glibc", "new"], "2.31"),
        (["--bundle", "x", "--arch", "armv7l", "--python", "3.11", "--has", "numpy"], "NAME=="),
    ],
)
def test_commands_that_are_not_understood(args, said):
    done = command_line(None, *args)
    assert done.returncode == 2
    assert said in done.stderr


def test_no_wheel_for_this_board_is_said_before_anything_is_sent(sshd, tmp_path):
    (tmp_path / "edgeclf-1.0-cp311-cp311-manylinux2014_riscv64.whl").touch()
    prefix = tmp_path / "prefix"
    done = command_line(sshd, boards.HOST, "--wheels", tmp_path, "--prefix", prefix)
    assert done.returncode == 1
    assert "wheels: expected in" in done.stderr
    assert "riscv64" in done.stderr
    assert not prefix.exists()


@pytest.mark.heavy
def test_the_whole_way(sshd, wheels, offline, tmp_path):
    """Two releases, status, back, and forth; names that a shell would read are names."""
    prefix = tmp_path / "pre fix; $(touch pwned)"
    app = tmp_path / "my app'; touch pwned;'.py"
    app.write_text(
        "import os, edgeclf\n"
        "with edgeclf.Classifier(os.environ['EDGECLF_MODEL']) as classifier:\n"
        f"    print('FIRST', classifier.predict({str(PHOTOS / 'dragonfly.jpg')!r}).label)\n"
    )
    common = ["--wheels", wheels, "--prefix", prefix, "--python", sys.executable]
    variables = {**offline, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*args):
        done = command_line(sshd, boards.HOST, "--prefix", prefix, *args, **variables)
        assert done.returncode == 0, done.stderr
        return done

    def says():
        done = subprocess.run([prefix / "current" / "run"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first = run(*common, "--app", app)
    assert "8 photographs gave the same answers" in first.stdout
    assert " ".join(says()).startswith("FIRST dragonfly")
    app.write_text(app.read_text().replace("FIRST", "SECOND"))
    run(*common, "--app", app)
    assert says()[0] == "SECOND"
    assert "previous" in run("--status").stdout
    run("--rollback", "--python", sys.executable)
    assert says()[0] == "FIRST"
    run("--rollback", "--python", sys.executable)
    assert says()[0] == "SECOND"
    app.write_text(app.read_text().replace("SECOND", "THIRD"))
    run(*common, "--app", app)
    assert says()[0] == "THIRD"
    releases = [path.name for path in (prefix / "releases").iterdir()]
    assert len(releases) == 2, "the current one and the one before it"
    assert not list(tmp_path.rglob("pwned"))
    unit = next((prefix / "current").glob("edgeclf-pre-fix----touch-pwned--*.service")).read_text()
    assert '/pre fix; $$(touch pwned)/current/run"' in unit

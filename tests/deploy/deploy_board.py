"""A board that is this machine: a real sshd on loopback, a prefix of its own, a real wheel.

The wheel is this checkout's package with its built module. The runtime's wheels come from the
index by `pip download`, as for any board.
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "board"
PHOTOS = ROOT / "examples" / "photos"
# As root it runs without privilege separation's folder only where that exists.
_SEPARATION = Path("/run/sshd")


def find_sshd():
    """The server's absolute path, which it demands to be started by; None where it is not."""
    found = shutil.which("sshd") or "/usr/sbin/sshd"
    return found if Path(found).exists() and shutil.which("ssh") else None


class Sshd:
    """A server with keys of its own for this user alone; `config` is for ``ssh -F``."""

    def __init__(self, folder, environment=()):
        self.folder = folder
        folder.mkdir(mode=0o700)
        for key in ("host", "user", "other"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key]
            subprocess.run(command, check=True)
        shutil.copy(folder / "user.pub", folder / "authorized_keys")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        host_key = (folder / "host.pub").read_text().rsplit(" ", 1)[0]
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}\n")
        self.config = self.client_config("config")
        server = folder / "sshd_config"
        server.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            f"PidFile none\nPasswordAuthentication no\nLogLevel ERROR\nMaxSessions 20\n"
            "PermitRootLogin prohibit-password\n"
            + "".join(f"SetEnv {name}={value}\n" for name, value in environment)
        )
        if os.getuid() == 0:
            _SEPARATION.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [find_sshd(), "-D", "-e", "-f", str(server)],
            stdin=subprocess.DEVNULL,
            stderr=(folder / "log").open("wb"),
        )
        self._wait()

    def client_config(self, name, **changes):
        values = {
            "HostName": "127.0.0.1",
            "Port": self.port,
            "User": getpass.getuser(),
            "IdentityFile": self.folder / "user",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.folder / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            **changes,
        }
        path = self.folder / name
        path.write_text(f"Host {HOST}\n" + "".join(f"  {k} {v}\n" for k, v in values.items()))
        return path

    def _wait(self):
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError("sshd does not listen")

    def stop(self):
        # With its sessions end the clients' masters of tests that killed their clients.
        for pid in descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.process.terminate()
        self.process.wait()


def pack_wheel(folder, tag=None, change=None):
    """This checkout's package as a wheel; `change(name, content)` may alter a file."""
    from edgeclf.version import __version__ as version

    number = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    name = f"edgeclf-{version}"
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in sorted((ROOT / "edgeclf").rglob("*"))
        if path.is_file()
        and "__pycache__" not in path.parts
        and "recipe" not in path.parts
        and (path.suffix != ".so" or path.name == f"_core{suffix}")
    }
    assert f"edgeclf/_core{suffix}" in files, "build the module first"
    files = {n: change(n, c) if change else c for n, c in files.items()}
    tag = tag or f"{number}-{number}-{machine}"
    info = f"{name}.dist-info"
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: edgeclf\nVersion: {version}\n"
        "Requires-Dist: numpy>=1.17.3\nRequires-Dist: Pillow>=8.0\nRequires-Dist: click>=8.0\n"
        "Provides-Extra: onnx\nProvides-Extra: tflite\n"
        "Requires-Dist: onnxruntime>=1.16; extra == 'onnx'\n"
        "Requires-Dist: protobuf>=3.20; extra == 'onnx'\n"
        "Requires-Dist: ai-edge-litert>=1.0.1; extra == 'tflite' and python_version >= '3.9' "
        "and platform_machine != 'armv7l'\n"
        "Requires-Dist: tflite-runtime>=2.13; extra == 'tflite' and (python_version < '3.9' or "
        "platform_machine == 'armv7l')\n"
        "Requires-Dist: flatbuffers>=2.0; extra == 'tflite'\n"
    ).encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\nedgeclf = edgeclf.cli:main\n"
    path = folder / f"{name}-{tag}.whl"
    write_wheel(path, files, info)
    return path


def changed(payload, folder, change):
    """A payload that its maker wrote, and that is wrong all the same: its sums are right again.

    `change(folder, manifest)` changes the unpacked copy in `folder`.
    """
    stage = folder / "payload"
    shutil.copytree(payload.folder, stage)
    manifest = json.loads((stage / "manifest.json").read_text())
    change(stage, manifest)
    manifest["sha256"] = {
        path.relative_to(stage).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in stage.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    (stage / "manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(folder / "payload.tar", "w") as archive:
        for path in sorted(path for path in stage.rglob("*") if path.is_file()):
            archive.add(path, f"top/{path.relative_to(stage)}")
    digest = hashlib.sha256((folder / "payload.tar").read_bytes()).hexdigest()
    tar = folder / "payload.tar"
    return payload._replace(folder=stage, manifest=manifest, tar=tar, sha256=digest)


def write_wheel(path, files, info):
    lines = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            lines.append(f"{name},sha256={digest.decode()},{len(content)}\n")
            archive.writestr(name, content)
        lines.append(f"{info}/RECORD,,\n")
        archive.writestr(f"{info}/RECORD", "".join(lines))
    return path


def descendants(pid):
    """The processes below `pid`, from /proc."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


class Prefix:
    """A folder on the board, and what a user of its current release sees."""

    def __init__(self, path):
        self.path = path

    def label(self, photo="dragonfly.jpg"):
        """The answer of the release that is current."""
        done = subprocess.run(
            [self.path / "current" / "run", PHOTOS / photo, "--json"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["categories"][0]["label"]

    def current(self):
        return (self.path / "current").resolve().name

    def releases(self):
        return sorted(path.name for path in (self.path / "releases").iterdir())

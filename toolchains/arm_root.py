"""An emulated Debian with the ARM wheels in it: does edgeclf answer there as on x86?

    python toolchains/arm_root.py [DIST] [--arch aarch64 ...]     after `make wheels`

Debian's own Python for the other processor is unpacked into build/arm-root with a private apt
configuration; the wheels of DIST, NumPy and the runtimes go beside it; qemu-user runs smoke.py as
each of several processors. Nothing is installed on this machine. Where Debian's packages or qemu
cannot be had it says so and does nothing. Emulation shows that answers are right; it says nothing
of speed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, NoReturn, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent / "wheels"))

import matrix  # noqa: E402
from tags import python_tag  # noqa: E402


class Board(NamedTuple):
    """What is put into one root, and what it is run as."""

    debian: str  # Debian's name of the architecture
    emulator: str
    processors: Tuple[str, ...]
    packages: Tuple[str, ...]  # of Debian, beside Python
    wheels: Tuple[str, ...]  # of PyPI; their dependencies are named here, too
    runtimes: Tuple[Tuple[str, ...], ...]  # each tried by itself


_PURE = ("click>=8", "flatbuffers>=2", "protobuf>=3.20,<4")
BOARDS = {
    "aarch64": Board(
        debian="arm64",
        emulator="qemu-aarch64-static",
        processors=("cortex-a53", "cortex-a72", "cortex-a76"),
        packages=("libstdc++6",),  # for the runtimes; edgeclf needs none
        wheels=("numpy==1.26.4", "Pillow>=10", *_PURE),
        # Later ones of either crash in qemu 7.2.
        runtimes=(
            ("ai-edge-litert==1.4.0",),
            ("tflite-runtime==2.14.0",),
            ("onnxruntime==1.19.2",),
        ),
    ),
    "armv7l": Board(
        debian="armhf",
        emulator="qemu-arm-static",
        processors=("cortex-a7", "cortex-a15"),
        # PyPI has no wheels of these for it.
        packages=("libstdc++6", "python3-numpy", "python3-pil"),
        wheels=_PURE,
        runtimes=(("tflite-runtime==2.14.0",),),
    ),
}
# What those of bookworm and earlier may be tagged with; pip takes no newer ones for the root.
_GLIBCS = ("_2_36", "_2_35", "_2_34", "_2_31", "_2_28", "_2_27", "_2_24", "_2_17", "2014")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dist", type=Path, nargs="?", default=Path("dist"))
    parser.add_argument("--arch", nargs="+", choices=sorted(BOARDS), default=list(BOARDS))
    arguments = parser.parse_args()
    for arch in arguments.arch:
        try:
            check(arch, arguments.dist.resolve(), ROOT / "build" / "arm-root" / arch)
        except _Skipped as exc:
            print(f"arm-root: {arch}: SKIPPED, its wheel was not run: {exc}")


def check(arch: str, dist: Path, folder: Path) -> None:
    """Makes the root and runs the wheel in it; an AssertionError where an answer differs."""
    if not list(dist.glob(f"edgeclf-*_{arch}.whl")):
        sys.exit(f"arm-root: no wheel for {arch} in {dist}: run make wheels")
    board = BOARDS[arch]
    emulator = shutil.which(board.emulator) or _skip(f"no {board.emulator} (qemu-user-static)")
    root = debian_root(board, folder)
    (python,) = (root / "usr" / "bin").glob("python3.[0-9]*[0-9]")
    version = python.name[len("python") :]
    wheels = sorted(dist.glob(f"edgeclf-*-{python_tag(version)}-*_{arch}.whl"))
    if not wheels:
        _skip(f"{dist} has no wheel for Python {version} on {arch}, which is this Debian's")
    (model,) = dist.glob("edgeclf_default_model-*.whl")
    base = folder / "site"
    shutil.rmtree(base, ignore_errors=True)
    _install(arch, version, base, [str(wheels[-1]), str(model), *board.wheels])
    for number, runtime in enumerate(board.runtimes):
        site = folder / f"site-{number}"
        shutil.rmtree(site, ignore_errors=True)
        _install(arch, version, site, runtime)
        for cpu in board.processors if number == 0 else board.processors[:1]:
            found = _run(emulator, cpu, root, python, [base, site], folder)
            assert found["predictions"], f"{runtime}: it was not used"
            where = f"emulated {cpu}, Debian {board.debian}, {found['libc']}, {runtime[0]}"
            matrix.record(dist, wheels[-1], where, found)
            print(f"{arch}: {where}: {json.dumps(found)}", flush=True)


class _Skipped(Exception):
    """Something of this machine is missing; the message says what."""


def _skip(reason: str) -> NoReturn:
    raise _Skipped(reason)


def debian_root(board: Board, folder: Path) -> Path:
    """Python and its libraries for that architecture, of the release that this machine has."""
    root = folder / "root"
    complete = root / "complete"
    if complete.exists() and complete.read_text(encoding="utf-8") == repr(board.packages):
        return root
    shutil.rmtree(folder, ignore_errors=True)
    archives = folder / "archives"
    for path in (folder / "lists" / "partial", archives / "partial", root):
        path.mkdir(parents=True)
    (folder / "status").touch()  # nothing counts as installed, so all dependencies come along
    options = {
        "APT::Architecture": board.debian,
        "APT::Architectures": board.debian,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Dir::State::Lists": str(folder / "lists"),
        "Dir::State::status": str(folder / "status"),
        "Dir::Cache::archives": str(archives),
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-qq", *(part for pair in options.items() for part in ("-o", "=".join(pair)))]
    if not shutil.which("apt-get"):
        _skip("no apt-get on this machine")
    # One index may fail; whether the others suffice the next command shows.
    subprocess.run([*apt, "update"], capture_output=True)
    wanted = ["install", "-y", "--download-only", "python3", *board.packages]
    done = subprocess.run([*apt, *wanted], capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        _skip(f"Debian's packages for {board.debian} cannot be had: {said}")
    for package in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
    complete.write_text(repr(board.packages), encoding="utf-8")
    return root


def _install(arch: str, version: str, site: Path, requirements: Sequence[str]) -> None:
    """Unpacks wheels that pip takes for that machine; it must find a tag that fits."""
    tags = [part for one in _GLIBCS for part in ("--platform", f"manylinux{one}_{arch}")]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    wanted = ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
    subprocess.run([*pip, *wanted, *tags, "--target", str(site), *requirements], check=True)


def _run(
    emulator: str, cpu: str, root: Path, python: Path, sites: List[Path], folder: Path
) -> "Dict[str, object]":
    triple = next(path.name for path in (root / "usr" / "lib").glob("*-linux-gnu*"))
    libraries = root / "usr" / "lib" / triple
    # Debian chooses among several by links that its installer would make.
    search = [libraries / "blas", libraries / "lapack"]
    target = {
        "PYTHONPATH": ":".join(
            map(str, [*sites, root / "usr" / "lib" / "python3" / "dist-packages"])
        ),
        "LD_LIBRARY_PATH": ":".join(map(str, search)),
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [emulator, "-cpu", cpu, "-L", str(root)]
    command += [part for name, value in target.items() for part in ("-E", f"{name}={value}")]
    return dict(matrix.smoke([*command, str(python), "-s"], folder))


if __name__ == "__main__":
    os.umask(0o022)
    main()

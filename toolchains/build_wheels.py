"""Makes all wheels, the sdist and the list of parts, on any x86-64 Linux machine.

    python toolchains/build_wheels.py [--python 3.11 ...] [--arch aarch64 ...] [-o dist]

The compiler is zig's clang, from PyPI like every other tool; nothing is installed on the machine.
The Pythons are those of the path and of pyenv, with their headers. Everything is checked before it
is kept: what the modules need of the system, which instructions they hold, how large they are. The
same sources give the same bytes, wherever they lie. docs/wheels.md says more.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(__file__).resolve().parent / "wheels"
sys.path.insert(0, str(TOOLS))

from interpreters import Interpreter, find  # noqa: E402
from tags import PYTHONS, PYTHONS_IF_FOUND, TARGETS, Target  # noqa: E402

LARGEST = 1_500_000  # bytes of a wheel without the built-in model
_READY = "EDGECLF_WHEEL_TOOLS"


def main() -> None:
    arguments = _arguments()
    work = ROOT / "build" / "wheels"
    if os.environ.get(_READY) != "1":
        _run_again_with_tools(work)
    dist = arguments.output.resolve()
    dist.mkdir(parents=True, exist_ok=True)
    build_all(_interpreters(arguments.python), arguments.arch, work, dist)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", nargs="+", metavar="3.X", help="these Pythons, not all")
    parser.add_argument("--arch", nargs="+", choices=sorted(TARGETS), default=list(TARGETS))
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"))
    return parser.parse_args()


def _run_again_with_tools(work: Path) -> None:
    """The same command with a Python that has the pinned tools, made when they change."""
    if sys.version_info < (3, 9):
        sys.exit("edgeclf: making wheels takes Python 3.9 or newer; it makes them for 3.8, too")
    pins = (TOOLS / "tools.txt").read_text(encoding="utf-8")
    venv = work / "tools"
    stamp = venv / "tools.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "-q", "-r", str(TOOLS / "tools.txt")], check=True)
        stamp.write_text(pins, encoding="utf-8")
    python = str(venv / "bin" / "python")
    os.environ[_READY] = "1"
    os.execv(python, [python, *sys.argv])


def _interpreters(wanted: "list[str] | None") -> "list[Interpreter]":
    """One of each version; who is missing is named, and an error if it was asked for."""
    found = []
    for version in wanted or (*PYTHONS, *PYTHONS_IF_FOUND):
        python = find(version, headers=True)
        if python:
            found.append(python)
        else:
            print(f"edgeclf: no CPython {version} with headers on this machine: no wheels for it")
            if wanted:
                sys.exit(1)
    if not found:
        sys.exit(
            "edgeclf: no wheel can be made. A wheel is for one version of Python, and takes that "
            "version with its headers here (Debian: python3-dev; or pyenv install 3.11)"
        )
    return found


def build_all(pythons: "list[Interpreter]", arches: "list[str]", work: Path, dist: Path) -> None:
    """Builds from the sdist, so that it is complete."""
    import packing
    import sbom
    import sources

    # Nothing is kept but the tools and zig's cache, which goes by contents: the files of an sdist
    # are all equally old, so a build tool would take changed ones for built.
    for folder in work.iterdir():
        if folder.name not in ("tools", "zig-cache"):
            shutil.rmtree(folder)
    sdist = sources.make_sdist(ROOT, work, dist)
    print(f"{sdist.name}: {sdist.stat().st_size} bytes")
    source = sources.unpack(sdist, work / "source")
    info = sources.pure_tree(source, work / "pure")
    version = info.name[: -len(".dist-info")].split("-")[1]
    parts = sbom.bill_of_materials(version, _llvm_version(), [])
    for arch in arches:
        for python in pythons:
            _build_one(source, work, TARGETS[arch], python, parts, dist)
        _check_instructions(work / TARGETS[arch].name, TARGETS[arch])
    model = packing.pack_pure_wheel(sources.model_tree(source, work / "model"), dist)
    print(f"{model.name}: {model.stat().st_size} bytes")
    _write_lists(version, dist, [model, sdist])


def _write_lists(version: str, dist: Path, others: "list[Path]") -> None:
    """Of all wheels of that version in the folder, those of earlier runs for other Pythons, too."""
    import elf
    import sbom

    wheels = sorted(dist.glob(f"edgeclf-{version}-*.whl"), key=_order)
    bill = sbom.bill_of_materials(version, _llvm_version(), [*wheels, *others])
    _write_json(dist / f"edgeclf-{version}.cdx.json", bill)
    facts = []
    for wheel in wheels:
        found = elf.read(_module_of(wheel))
        facts.append(
            {
                "wheel": wheel.name,
                "size": wheel.stat().st_size,
                "module_size": found.size,
                "glibc": found.highest_glibc,
                "needed": sorted(found.needed),
            }
        )
    _write_json(dist / "wheels.json", facts)


def _order(wheel: Path) -> "tuple[int, int]":
    """By processor, then by Python, as they are made."""
    _, _, python, _, platform = wheel.stem.split("-")
    arch = next(number for number, name in enumerate(TARGETS) if platform.endswith(name))
    return arch, int(python[len("cp3") :])


def _module_of(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.startswith("edgeclf/_core.cpython")]
        return archive.read(name)


def _build_one(
    source: Path, work: Path, target: Target, python: Interpreter, parts: dict, dist: Path
) -> None:
    """Makes one wheel; ends the program if it must not be shipped."""
    import elf
    from compiling import compile_module
    from packing import pack_module_wheel

    module = compile_module(source, work / target.name, target, python)
    facts = elf.read(module.read_bytes())
    wheel = pack_module_wheel(work / "pure", module, target, python.version, parts, dist)
    problems = elf.check(facts, target)
    if wheel.stat().st_size > LARGEST:
        problems.append(f"expected at most {LARGEST} bytes, got {wheel.stat().st_size}")
    if problems:
        wheel.unlink()
        sys.exit("\n".join(f"edgeclf: {wheel.name}: {problem}" for problem in problems))
    print(f"{wheel.name}: {wheel.stat().st_size} bytes, glibc {facts.highest_glibc}", flush=True)


def _check_instructions(objects: Path, target: Target) -> None:
    import instructions

    if target.elf_machine == "EM_X86_64":
        problems = instructions.check(objects)
        if problems:
            sys.exit("\n".join(f"edgeclf: {problem}" for problem in problems))


def _llvm_version() -> str:
    """Of the C++ library that zig links in."""
    command = [sys.executable, "-m", "ziglang", "c++", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.search(r"clang version (\S+)", said).group(1)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

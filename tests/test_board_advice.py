"""The advice for each board: a line that pip can follow there (pypi_index.py), or a reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, Optional, Tuple

import pypi_index
import pytest
from pypi_index import System
from test_board import BOARDS, machine_of

from edgeclf.backends.install import wheel_architecture
from edgeclf.board import Board, read_board
from edgeclf.board_advice import Advice, advise
from edgeclf.board_state import BoardState
from edgeclf.python_facts import Python, this_python

NOTHING = {"onnxruntime": False, "tflite": False, "tensorrt": False}
PLAIN = BoardState(None, None, None, None)


def board(root: Path, family: str, machine: str) -> Board:
    if family not in BOARDS:
        return read_board(root, machine=machine)
    model, compatible, cpuinfo, _, _ = BOARDS[family]
    files = {
        "proc/device-tree/model": model + "\0",
        "proc/device-tree/compatible": compatible,
        "proc/cpuinfo": cpuinfo,
    }
    return read_board(machine_of(root, files), machine=machine)


# Board, kernel, bits of the system, glibc 2.N, Python: systems as they are delivered. 0: the pip of
# Ubuntu 20.04, which knows no tag beyond manylinux2014.
SYSTEMS = {
    "Raspberry Pi OS 11, 64": ("Raspberry Pi 3", "aarch64", 64, 31, (3, 9)),
    "Raspberry Pi OS 12, 64": ("Raspberry Pi 4", "aarch64", 64, 36, (3, 11)),
    "Raspberry Pi OS 13, 64": ("Raspberry Pi 5", "aarch64", 64, 41, (3, 13)),
    "Raspberry Pi OS 12, 64, CM4": ("Raspberry Pi Compute Module 4", "aarch64", 64, 36, (3, 11)),
    "Raspberry Pi OS 12, 32": ("Raspberry Pi Zero 2", "armv7l", 32, 36, (3, 11)),
    # The trap: since 2023 the 32-bit system starts a 64-bit kernel on a Pi 4 and 5.
    "Raspberry Pi OS 12, 32 on 64": ("Raspberry Pi 4", "aarch64", 32, 36, (3, 11)),
    "Ubuntu 20.04, x86": ("x86-64", "x86_64", 64, 31, (3, 8)),
    "Ubuntu 20.04, x86, its own pip": ("x86-64", "x86_64", 64, 0, (3, 8)),
    "JetPack 5, its own pip": ("Jetson Xavier", "aarch64", 64, 0, (3, 8)),
    "Debian 11, x86": ("x86-64", "x86_64", 64, 31, (3, 9)),
    "Ubuntu 22.04, x86": ("x86-64", "x86_64", 64, 35, (3, 10)),
    "Debian 12, x86": ("x86-64", "x86_64", 64, 36, (3, 11)),
    "Ubuntu 24.04, x86": ("x86-64", "x86_64", 64, 39, (3, 12)),
    "Debian 13, x86": ("x86-64", "x86_64", 64, 41, (3, 13)),
    "JetPack 4, Python 3.8": ("Jetson Nano", "aarch64", 64, 27, (3, 8)),
    "JetPack 5, 64": ("Jetson Xavier", "aarch64", 64, 31, (3, 8)),
    "JetPack 6, 64": ("Jetson Orin", "aarch64", 64, 35, (3, 10)),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_pip_can_follow_the_advice(tmp_path: Path, name: str) -> None:
    family, machine, bits, glibc, version = SYSTEMS[name]
    # Jetsons without the TensorRT backend, which needs no wheel: what is left for their processor.
    backends = {"onnxruntime": False, "tflite": False}
    advice = advise(board(tmp_path, family, machine), PLAIN, Python(version, bits), backends)
    assert advice.backend == ("onnxruntime" if machine == "x86_64" else "tflite")
    architecture = "armv7l" if bits == 32 else machine
    assert wheel_architecture(machine, bits) == architecture
    (line,) = advice.install
    assert line.startswith("pip install ")
    system = System(machine, architecture, glibc, version)
    assert pypi_index.missing(line, system) == []
    installed = advise(
        board(tmp_path, family, machine),
        PLAIN,
        Python(version, bits),
        {**backends, str(advice.backend): True},
    )
    assert installed.install == ()


def test_the_index_knows_what_cannot_be_had() -> None:
    """Else the test above would say nothing."""
    trap = System("aarch64", "armv7l", 36, (3, 11))
    assert "ai-edge-litert" in str(pypi_index.missing("pip install 'edgeclf[tflite]'", trap))
    old = System("armv7l", "armv7l", 31, (3, 9))
    assert pypi_index.missing("pip install 'tflite-runtime==2.14.0'", old) != []
    assert pypi_index.missing("pip install onnxruntime", old) != []
    # Of Raspberry Pi OS 11 the wheel fits, and not the NumPy that it wants.
    wanted = pypi_index.missing("pip install 'tflite-runtime>=2.13' 'numpy<2'", old)
    assert wanted == ["tflite-runtime>=2.13"]
    new = System("armv7l", "armv7l", 41, (3, 13))
    assert pypi_index.missing("pip install tflite-runtime", new) != []


def advice_for(
    root: Path,
    family: str,
    python: Python,
    machine: str = "aarch64",
    state: BoardState = PLAIN,
    **backends: bool,
) -> Advice:
    return advise(board(root, family, machine), state, python, {**NOTHING, **backends})


def test_a_32_bit_system_under_a_64_bit_kernel_is_said(tmp_path: Path) -> None:
    advice = advice_for(tmp_path, "Raspberry Pi 5", Python((3, 11), 32))
    assert any("32-bit and the kernel is aarch64" in note for note in advice.notes)
    assert "edgeclf[" not in advice.install[0]
    advice = advice_for(tmp_path, "Raspberry Pi 5", Python((3, 11), 64))
    assert advice.notes == ()


@pytest.mark.parametrize("machine", ["armv7l", "aarch64", "armv8l"])
@pytest.mark.parametrize("python", [(3, 9), (3, 13)], ids=["3.9", "3.13"])
def test_other_pythons_on_32_bit_arm_have_no_runtime(
    tmp_path: Path, machine: str, python: Tuple[int, int]
) -> None:
    """Raspberry Pi OS 11's and 13's."""
    advice = advice_for(tmp_path, "Raspberry Pi 4", Python(python, 32), machine)
    assert advice.backend is None
    assert advice.install == ()
    assert "64-bit system" in advice.because
    assert "Raspberry Pi OS 12" in advice.because
    assert "{}.{}".format(*python) in advice.because


def test_what_a_32_bit_bundle_expects_of_debian_is_enough_for_tflite() -> None:
    from edgeclf.deploy.board_facts import assumed_board

    assumed = {minor: assumed_board("armv7l", (3, minor)) for minor in range(8, 14)}
    assert [minor for minor in assumed if assumed[minor].has] == [11]
    expected = {name.lower(): version for name, version in assumed[11].has.items()}
    assert pypi_index.DEBIAN[(3, 11)] == expected


@pytest.mark.parametrize(
    ("machine", "bits", "word"),
    [("armv6l", 32, "ARMv6"), ("x86_64", 32, "64-bit system"), ("riscv64", 64, "riscv64")],
)
def test_other_processors(tmp_path: Path, machine: str, bits: int, word: str) -> None:
    advice = advice_for(tmp_path, "none", Python((3, 11), bits), machine)
    assert advice.backend is None
    assert word in advice.because


JETPACK_6 = BoardState("36.4.3", "6.2", "0 (MAXN)", None)


@pytest.mark.parametrize(
    ("jetpack", "python", "install", "word"),
    [
        ("6.2", Python((3, 10), 64), ("sudo apt install nvidia-jetpack",), None),
        # JetPack is there, and the environment does not see it.
        (
            "6.2",
            Python((3, 10), 64, True, "system"),
            ("python3 -m venv --system-site",),
            "is there",
        ),
        ("6.2", Python((3, 10), 64, True), ("sudo apt", "python3 -m venv --system"), "comes with"),
        ("6.2", Python((3, 12), 64, True), ("python3 -m venv --system-site",), "for Python 3.10"),
        ("5.1.2", Python((3, 10), 64), ("python3 -m venv --system-site",), "for Python 3.8"),
        ("5.1.2", Python((3, 8), 64), ("sudo apt install nvidia-jetpack",), None),
        ("4.6.1", Python((3, 8), 64), (), "docs/jetson.md"),
        (None, Python((3, 12), 64), ("sudo apt install nvidia-jetpack",), None),
    ],
)
def test_tensorrt_on_a_jetson(
    tmp_path: Path,
    jetpack: Optional[str],
    python: Python,
    install: Tuple[str, ...],
    word: Optional[str],
) -> None:
    state = BoardState("36.4.3", jetpack, None, None)
    advice = advice_for(tmp_path, "Jetson Orin", python, state=state)
    assert advice.backend == "tensorrt"
    assert len(advice.install) == len(install)
    assert all(line.startswith(begin) for line, begin in zip(advice.install, install))
    # Not ~/edgeclf, which is where `edgeclf deploy` puts releases.
    for line in advice.install:
        made = re.findall(r"~/\S+", line)
        assert made in ([], ["~/edgeclf-venv", "~/edgeclf-venv/bin/activate"])
    assert (word in " ".join(advice.notes)) if word else advice.notes == ()


@pytest.mark.parametrize(
    ("jetpack", "glibc", "python"),
    [("4.6.1", 27, (3, 8)), ("5.1.2", 31, (3, 8)), ("6.2", 35, (3, 10))],
)
def test_a_jetson_without_any_runtime_can_use_its_processor(
    tmp_path: Path, jetpack: str, glibc: int, python: Tuple[int, int]
) -> None:
    state = BoardState("36.4.3", jetpack, None, None)
    advice = advice_for(tmp_path, "Jetson Nano", Python(python, 64), state=state)
    (line,) = advice.meanwhile
    assert line.startswith("pip install ")
    assert pypi_index.missing(line, System("aarch64", "aarch64", glibc, python)) == []
    # TensorRT's own advice does not depend on it, and whoever has a runtime is not told of another.
    other = advice_for(tmp_path, "Jetson Nano", Python(python, 64), state=state, onnxruntime=True)
    assert other == advice._replace(meanwhile=())


def test_tensorrt_that_is_there_needs_nothing(tmp_path: Path) -> None:
    python = Python((3, 10), 64, False, "here")
    advice = advice_for(tmp_path, "Jetson Orin", python, state=JETPACK_6, tensorrt=True)
    assert advice == Advice("tensorrt", advice.because, (), ())
    # Not Jetson Linux: nothing is guessed in silence.
    advice = advice_for(tmp_path, "Jetson Orin", python, tensorrt=True)
    assert "nv_tegra_release" in advice.notes[0]


@pytest.mark.parametrize(
    ("throttling", "words"),
    [
        (("under-voltage now", "throttled now"), ("power supply",)),
        (("at its temperature limit now",), ("cool it",)),
        (("clock capped since it was started",), ("clock capped",)),
        ((), ()),
        (None, ()),
    ],
)
def test_power_is_reported_and_never_a_failure(
    tmp_path: Path, throttling: Optional[Tuple[str, ...]], words: Tuple[str, ...]
) -> None:
    state = BoardState(None, None, None, throttling)
    advice = advice_for(tmp_path, "Raspberry Pi 4", Python((3, 11), 64), state=state, tflite=True)
    assert advice.backend == "tflite"
    assert len(advice.notes) == (1 if throttling else 0)
    assert all(word in " ".join(advice.notes) for word in words)


def test_this_python(tmp_path: Path) -> None:
    import platform
    import struct

    python = this_python(tmp_path)
    assert python.version == tuple(int(part) for part in platform.python_version_tuple()[:2])
    assert python.bits == struct.calcsize("P") * 8
    if python.tensorrt != "here":
        (tmp_path / "python3.10" / "dist-packages" / "tensorrt").mkdir(parents=True)
        assert this_python(tmp_path).tensorrt == "system"


def test_the_table_of_families_is_complete(tmp_path: Path) -> None:
    """Every board that edgeclf knows by name gets an advice with a reason."""
    families: Dict[str, str] = {}
    for family in BOARDS:
        advice = advice_for(tmp_path / re.sub(r"\W", "", family), family, Python((3, 10), 64))
        assert advice.because
        families[family] = str(advice.backend)
    assert {families[name] for name in families if name.startswith("Jetson")} == {"tensorrt"}
    assert {families[name] for name in families if name.startswith("Raspberry")} == {"tflite"}

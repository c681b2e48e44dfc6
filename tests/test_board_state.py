"""JetPack, power modes and a Raspberry Pi's power, from files in the form the makers give them."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional, Tuple

import pytest

from edgeclf.board_state import BoardState, read_board_state

RELEASE = "# R{} (release), REVISION: {}, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: x\n"
DPKG = """Package: nvidia-jetpack-dev
Status: install ok installed
Version: 9.9-b1

Package: nvidia-jetpack
Status: {}
Priority: standard
Architecture: arm64
Version: {}
Description: NVIDIA Jetpack Meta Package

Package: zlib1g
Status: install ok installed
Version: 1:1.2.11
"""
NVPMODEL = """# MAXN is the NONE power model to release all constraints
< POWER_MODEL ID=0 NAME=MAXN >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=2 NAME=MODE_15W >
CPU_ONLINE CORE_0 1
"""
INSTALLED = "install ok installed"
SYSFS = "sys/devices/platform/soc/soc:firmware/get_throttled"
SYSFS_PI5 = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
NOTHING = BoardState(None, None, None, None)


def tree(root: Path, files: Dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("release", "package", "expected"),
    [
        (("32", "7.1"), None, ("32.7.1", "4.6.1")),
        (("35", "1.0"), None, ("35.1.0", "5.0.2")),
        (("35", "4.1"), (INSTALLED, "5.1.2-b104"), ("35.4.1", "5.1.2")),
        (("36", "3.0"), None, ("36.3.0", "6.0")),
        (("36", "4.3"), None, ("36.4.3", "6.2")),
        # What is installed says more than the table.
        (("36", "4.7"), (INSTALLED, "6.2.1+b38"), ("36.4.7", "6.2.1")),
        # A package that was removed says nothing, and an unknown release is not guessed at.
        (("36", "4.7"), ("deinstall ok config-files", "6.2.1+b38"), ("36.4.7", None)),
        (("99", "1.0"), None, ("99.1.0", None)),
    ],
)
def test_jetpack(
    tmp_path: Path,
    release: Tuple[str, str],
    package: Optional[Tuple[str, str]],
    expected: Tuple[str, Optional[str]],
) -> None:
    files = {"etc/nv_tegra_release": RELEASE.format(*release)}
    if package:
        files["var/lib/dpkg/status"] = DPKG.format(*package)
    state = read_board_state(tree(tmp_path, files))
    assert (state.jetson_linux, state.jetpack) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [("pmode:0000\n", "0 (MAXN)"), ("pmode:0002 fmode:quiet\n", "2 (MODE_15W)"), ("pmode:7", "7")],
)
def test_power_mode(tmp_path: Path, status: str, expected: str) -> None:
    files = {"var/lib/nvpmodel/status": status, "etc/nvpmodel.conf": NVPMODEL}
    assert read_board_state(tree(tmp_path, files)).power_mode == expected


# The bits are those of the documentation of vcgencmd get_throttled.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0\n", ()),
        (
            "50005\n",
            ("under-voltage now", "throttled now", "under-voltage since", "throttled since"),
        ),
        ("80008\n", ("at its temperature limit now", "at its temperature limit since")),
        ("20002\n", ("clock capped now", "clock capped since")),
    ],
)
@pytest.mark.parametrize("path", [SYSFS, SYSFS_PI5])
def test_throttling(tmp_path: Path, path: str, text: str, expected: Tuple[str, ...]) -> None:
    state = read_board_state(tree(tmp_path, {path: text}))
    assert state.throttling is not None
    assert tuple(said.replace(" it was started", "") for said in state.throttling) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("echo throttled=0x0", ()),
        ("echo throttled=0x10000", ("under-voltage since it was started",)),
        ("echo VCHI initialization failed; exit 255", None),
    ],
)
def test_throttling_by_vcgencmd(
    tmp_path: Path, answer: str, expected: Optional[Tuple[str, ...]]
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text(f'#!/bin/sh\n[ "$*" = get_throttled ] || exit 3\n{answer}\n')
    program.chmod(0o755)
    assert read_board_state(tmp_path, vcgencmd=str(program)).throttling == expected


def test_a_vcgencmd_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert read_board_state(tmp_path, vcgencmd=str(tmp_path / "none")) == NOTHING


# The kernel's driver, where the firmware's own file is not there.
@pytest.mark.parametrize(
    ("alarm", "expected"), [("0\n", ()), ("1\n", ("under-voltage now",)), ("?", None)]
)
def test_throttling_by_hwmon(
    tmp_path: Path, alarm: str, expected: Optional[Tuple[str, ...]]
) -> None:
    files = {
        "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
        "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
        "sys/class/hwmon/hwmon1/in0_lcrit_alarm": alarm,
    }
    assert read_board_state(tree(tmp_path, files)).throttling == expected


def test_other_machines_have_none_of_it(tmp_path: Path) -> None:
    assert read_board_state(tmp_path) == NOTHING
    files = {"var/lib/dpkg/status": DPKG.replace("nvidia-jetpack\n", "other\n")}
    assert read_board_state(tree(tmp_path, files)).jetpack is None
    broken = {"etc/nv_tegra_release": "\0\xff", SYSFS: "x", "var/lib/nvpmodel/status": "?"}
    assert read_board_state(tree(tmp_path, broken)) == NOTHING

"""What a board's maker lets one read of it: Jetson Linux and JetPack, the power mode, and whether a
Raspberry Pi had too little power. Read from files, and from vcgencmd where there is one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple, Optional, Tuple, Union

__all__ = ["BoardState", "read_board_state"]


class BoardState(NamedTuple):
    """What cannot be found out is None.

    Attributes:
        jetson_linux: the release of a Jetson's system, "36.4.3".
        jetpack: the JetPack that is installed, or that this release belongs to: "6.2".
        power_mode: nvpmodel's, number and name: "0 (MAXN)".
        throttling: what slows a Raspberry Pi down now, or did since it was started; () is nothing.
    """

    jetson_linux: Optional[str]
    jetpack: Optional[str]
    power_mode: Optional[str]
    throttling: Optional[Tuple[str, ...]]


# NVIDIA's release notes. A release that is not here is not guessed at.
_JETPACKS = {
    "32.5.1": "4.5.1",
    "32.6.1": "4.6",
    "32.7.1": "4.6.1",
    "32.7.2": "4.6.2",
    "32.7.3": "4.6.3",
    "32.7.4": "4.6.4",
    "32.7.5": "4.6.5",
    "35.1": "5.0.2",
    "35.2.1": "5.1",
    "35.3.1": "5.1.1",
    "35.4.1": "5.1.2",
    "35.5.0": "5.1.3",
    "35.6.0": "5.1.4",
    "35.6.1": "5.1.5",
    "36.3": "6.0",
    "36.4": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",
}
# Bits of the firmware's answer to get_throttled (Raspberry Pi's documentation of vcgencmd).
_THROTTLED = (
    (0, "under-voltage now"),
    (1, "clock capped now"),
    (2, "throttled now"),
    (3, "at its temperature limit now"),
    (16, "under-voltage since it was started"),
    (17, "clock capped since it was started"),
    (18, "throttled since it was started"),
    (19, "at its temperature limit since it was started"),
)
_TIMEOUT_S = 5


def read_board_state(
    root: Union[str, "os.PathLike[str]"] = "/", *, vcgencmd: Optional[str] = None
) -> BoardState:
    """Read it. Never raises: what cannot be read stays unknown.

    Args:
        root: the folder that holds proc, sys, etc and var; another one only in tests.
        vcgencmd: that program's path instead of the one on PATH; looked for only with root "/".
    """
    top = Path(root)
    if vcgencmd is None and str(top) == "/":
        vcgencmd = shutil.which("vcgencmd")
    release = _jetson_linux(_text(top / "etc/nv_tegra_release"))
    return BoardState(
        jetson_linux=release,
        jetpack=_installed_jetpack(_text(top / "var/lib/dpkg/status")) or _jetpack_of(release),
        power_mode=_power_mode(top),
        throttling=_throttling(top, vcgencmd),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _jetson_linux(text: str) -> Optional[str]:
    """ "# R35 (release), REVISION: 4.1, GCID: ..." says 35.4.1."""
    match = re.match(r"# R(\d+)\s*\(release\), REVISION: (\d[\d.]*)", text)
    return f"{match.group(1)}.{match.group(2)}" if match else None


def _jetpack_of(release: Optional[str]) -> Optional[str]:
    """35.1.0 and 35.1 are one release."""
    if release is None:
        return None
    return _JETPACKS.get(release) or _JETPACKS.get(re.sub(r"\.0$", "", release))


def _installed_jetpack(status: str) -> Optional[str]:
    """The version of dpkg's package nvidia-jetpack, without its build: 5.1.2 of 5.1.2-b104."""
    match = re.search(r"^Package: nvidia-jetpack\n(.*?)(?:\n\n|\Z)", status, re.M | re.S)
    if match is None or "Status: install ok installed" not in match.group(1):
        return None
    version = re.search(r"^Version: ([\d.]+)", match.group(1), re.M)
    return version.group(1) if version else None


def _power_mode(top: Path) -> Optional[str]:
    """nvpmodel's current mode; the names of all stand in its configuration."""
    current = re.search(r"pmode:(\d+)", _text(top / "var/lib/nvpmodel/status"))
    if current is None:
        return None
    number = int(current.group(1))
    models = re.findall(
        r"^\s*<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", _text(top / "etc/nvpmodel.conf"), re.M
    )
    names = {int(found): name for found, name in models}
    return f"{number} ({names[number]})" if number in names else str(number)


def _throttling(top: Path, vcgencmd: Optional[str]) -> Optional[Tuple[str, ...]]:
    bits = _throttled_bits(top, vcgencmd)
    if bits is not None:
        return tuple(meaning for bit, meaning in _THROTTLED if bits >> bit & 1)
    for name in sorted((top / "sys/class/hwmon").glob("hwmon*/name")):
        if _text(name).strip() == "rpi_volt":
            alarm = _text(name.parent / "in0_lcrit_alarm").strip()
            return {"0": (), "1": (_THROTTLED[0][1],)}.get(alarm)
    return None


def _throttled_bits(top: Path, vcgencmd: Optional[str]) -> Optional[int]:
    for path in sorted((top / "sys/devices/platform").glob("soc*/*firmware/get_throttled")):
        return _hexadecimal(_text(path))
    if vcgencmd is None:
        return None
    try:
        done = subprocess.run(
            [vcgencmd, "get_throttled"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _hexadecimal(done.stdout.decode("utf-8", "replace").replace("throttled=", ""))


def _hexadecimal(text: str) -> Optional[int]:
    try:
        return int(text.strip(), 16)
    except ValueError:
        return None

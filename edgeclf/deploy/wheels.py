"""Which wheel fits a board: file names (PEP 427, 600) against its processor, Python and glibc."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Iterable, List, NamedTuple, Optional, Set, Tuple

from edgeclf.deploy.board_facts import BoardFacts
from edgeclf.errors import DeployError

__all__ = ["Wheel", "edgeclf_wheel", "fits", "glibc_of", "parsed", "platform_tags"]

# The glibc that the old names stand for (PEP 513, 571, 599).
OLD_NAMES = {"manylinux2014": (2, 17), "manylinux2010": (2, 12), "manylinux1": (2, 5)}
_NAME = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-(?P<py>[^-]+)-(?P<abi>[^-]+)-(?P<plat>[^-]+)\.whl"
)


class Wheel(NamedTuple):
    """A wheel's file and what its name says; several tags stand for each other with dots."""

    path: Path
    name: str
    version: str
    pythons: Tuple[str, ...]
    abis: Tuple[str, ...]
    platforms: Tuple[str, ...]


def parsed(path: Path) -> Optional[Wheel]:
    """None where the name is no wheel's. Names are compared in lower case, with "-" for "_"."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
    tags = (tuple(match[key].split(".")) for key in ("py", "abi", "plat"))
    return Wheel(path, name, match["version"], *tags)


def platform_tags(board: BoardFacts) -> List[str]:
    """What pip may take for this board, the newest first."""
    major, newest = board.glibc
    if major != 2:
        raise DeployError(f"wheels: expected glibc 2, got {board.glibc}")
    tags = [f"manylinux_2_{minor}_{board.arch}" for minor in range(newest, 4, -1)]
    tags += [f"{name}_{board.arch}" for name, floor in OLD_NAMES.items() if floor <= board.glibc]
    return [*tags, f"linux_{board.arch}"]


def glibc_of(platform: str) -> Tuple[int, int]:
    """The glibc that a platform tag asks for; (0, 0) where it asks for none."""
    match = re.match(r"manylinux_(\d+)_(\d+)_", platform)
    if match:
        return int(match.group(1)), int(match.group(2))
    return OLD_NAMES.get(platform.split("_")[0], (0, 0))


def fits(wheel: Wheel, board: BoardFacts) -> bool:
    """Whether pip on that board would take it (PEP 425)."""
    named = product(wheel.pythons, wheel.abis, wheel.platforms)
    return not _tags(board).isdisjoint(named)


def _tags(board: BoardFacts) -> Set[Tuple[str, str, str]]:
    major, minor = board.python
    own = f"cp{major}{minor}"
    anyones = [f"py{major}", *(f"py{major}{n}" for n in range(minor + 1))]
    tags = {(own, "none", "any"), *((python, "none", "any") for python in anyones)}
    for platform in platform_tags(board):
        tags |= {(own, abi, platform) for abi in (own, "abi3", "none")}
        tags |= {(f"cp{major}{n}", "abi3", platform) for n in range(2, minor)}
        tags |= {(python, "none", platform) for python in anyones}
    return tags


def edgeclf_wheel(folder: Path, boards: Iterable[BoardFacts]) -> Tuple[Wheel, BoardFacts]:
    """The newest edgeclf in `folder` for the first of the board's Pythons that has one.

    Raises:
        DeployError: none fits; the message says what is there and what would.
    """
    tried = list(boards)
    wheels = [wheel for wheel in map(parsed, sorted(folder.glob("*.whl"))) if wheel is not None]
    ours = [wheel for wheel in wheels if wheel.name == "edgeclf"]
    for board in tried:
        fitting = [wheel for wheel in ours if fits(wheel, board)]
        if fitting:
            return max(fitting, key=lambda wheel: _order(wheel.version)), board
    wanted = " or ".join(f"cp{b.python[0]}{b.python[1]} on {b.arch}" for b in tried)
    there = ", ".join(wheel.path.name for wheel in ours) or "no edgeclf wheel"
    oldest = ".".join(map(str, tried[0].glibc))
    raise DeployError(
        f"wheels: expected in {folder} an edgeclf wheel for {wanted} (glibc {oldest}); there is: "
        f"{there}. Make it: make wheels, and give its folder: --wheels DIR"
    )


def _order(version: str) -> Tuple[Tuple[int, ...], bool, str]:
    """Later versions are greater; a pre-release is before its release (PEP 440, as far as ours)."""
    match = re.match(r"\d+(\.\d+)*", version)
    numbers = match.group(0) if match else "0"
    rest = version[len(numbers) :]
    final = not re.match(r"\.?(a|b|rc|dev)", rest)
    return tuple(map(int, numbers.split("."))), final, rest

"""Which wheels pip finds on a board: PyPI's, as recorded in pypi_wheels.json, by packaging's rules.

What a package wants on a board is read from pyproject.toml, so an advice that pip cannot follow
there is found without the board.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

try:
    import tomllib
except ImportError:  # before Python 3.11; pytest brings it there
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
WHEELS: Dict[str, List[str]] = json.loads((HERE / "pypi_wheels.json").read_text())["wheels"]
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
# Without compiled parts: their wheels are for every machine.
PURE = {"click", "flatbuffers", "protobuf"}
# What Debian and Raspberry Pi OS have where PyPI has nothing.
DEBIAN = {"numpy": "1.24.2", "pillow": "9.4.0"}


class System(NamedTuple):
    """What decides which wheels pip takes."""

    machine: str  # the kernel's
    architecture: str  # the wheels'
    glibc: int  # 2.N; 0 for a pip that knows no tag beyond manylinux2014
    python: Tuple[int, int]


def platforms(system: System) -> List[str]:
    names = [f"manylinux_2_{minor}" for minor in range(5, system.glibc + 1)]
    names += ["manylinux1", "manylinux2010", "manylinux2014"]
    return [f"{name}_{system.architecture}" for name in names]


def newest(system: System, requirement: Requirement) -> Optional[Version]:
    """The version that pip would install there, None for none."""
    name = canonicalize_name(requirement.name)
    if name in PURE:
        return Version("999")
    fitting = []
    for wheel in WHEELS.get(name, []):
        _, version, _, tags = parse_wheel_filename(wheel)
        if version in requirement.specifier and any(_fits(tag, system) for tag in tags):
            fitting.append(version)
    if not fitting and system.architecture == "armv7l" and name in DEBIAN:
        version = Version(DEBIAN[name])
        return version if version in requirement.specifier else None
    return max(fitting, default=None)


def _fits(tag, system: System) -> bool:
    if tag.platform not in platforms(system):
        return False
    major, minor = system.python
    if tag.abi == "abi3":
        built = re.fullmatch(r"cp3(\d+)", tag.interpreter)
        return built is not None and int(built.group(1)) <= minor
    return tag.interpreter == f"cp{major}{minor}"


def requirements(text: str, system: System) -> List[Requirement]:
    """A requirement, with those of edgeclf and of its extras in the place of edgeclf[extra]."""
    requirement = Requirement(text)
    if requirement.name != "edgeclf":
        return [requirement]
    texts = list(PROJECT["dependencies"])
    for extra in requirement.extras:
        texts += PROJECT["optional-dependencies"][extra]
    environment = {
        "platform_machine": system.machine,
        "python_version": "{}.{}".format(*system.python),
        "python_full_version": "{}.{}.0".format(*system.python),
    }
    found = [Requirement(one) for one in texts]
    return [one for one in found if one.marker is None or one.marker.evaluate(environment)]


def missing(text: str, system: System) -> List[str]:
    """What of a `pip install` line has no wheel there."""
    words = re.findall(r"'[^']*'|\S+", re.sub(r"^\s*pip install\s+", "", text))
    wanted = [one for word in words for one in requirements(word.strip("'"), system)]
    return [str(one) for one in wanted if newest(system, one) is None]

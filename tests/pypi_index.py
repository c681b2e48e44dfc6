"""Which wheels pip finds on a board: PyPI's, as recorded in pypi_wheels.json, by packaging's rules.

What a package wants on a board is read from pyproject.toml, so an advice that pip cannot follow
there is found without the board.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

try:
    import tomllib
except ImportError:  # before Python 3.11; pytest brings it there
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
RECORDED = json.loads((HERE / "pypi_wheels.json").read_text())
WHEELS: Dict[str, List[str]] = RECORDED["wheels"]
# What each version of a package asks of NumPy, the one requirement that old systems fail at.
NUMPY: Dict[str, Dict[str, List[str]]] = RECORDED["numpy"]
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
# Without compiled parts: their wheels are for every machine.
PURE = {"click", "flatbuffers", "pip", "protobuf"}
# What Debian 11 and 12, and Raspberry Pi OS with them, have where PyPI has nothing; by Python.
DEBIAN = {
    (3, 9): {"numpy": "1.19.5", "pillow": "8.1.2"},
    (3, 11): {"numpy": "1.24.2", "pillow": "9.4.0"},
}


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


def versions(system: System, requirement: Requirement) -> List[Version]:
    """Those that pip could install there, the newest first."""
    name = canonicalize_name(requirement.name)
    if name in PURE:
        return [Version("999")]
    fitting = []
    for wheel in WHEELS.get(name, []):
        _, version, _, tags = parse_wheel_filename(wheel)
        if version in requirement.specifier and any(fits(tag, system) for tag in tags):
            fitting.append(version)
    debian = DEBIAN.get(system.python, {}) if system.architecture == "armv7l" else {}
    if name in debian and Version(debian[name]) in requirement.specifier:
        fitting.append(Version(debian[name]))
    return sorted(fitting, reverse=True)


def fits(tag, system: System) -> bool:
    """Whether pip there takes a wheel with that tag."""
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
    return _that_hold(texts, system)


def _that_hold(texts: List[str], system: System) -> List[Requirement]:
    environment = {
        "platform_machine": system.machine,
        "python_version": "{}.{}".format(*system.python),
        "python_full_version": "{}.{}.0".format(*system.python),
    }
    found = [Requirement(one) for one in texts]
    return [one for one in found if one.marker is None or one.marker.evaluate(environment)]


def missing(text: str, system: System) -> List[str]:
    """What of a `pip install` line cannot be had there, alone or with the NumPy that it wants."""
    words = re.findall(r"'[^']*'|\S+", re.sub(r"^\s*pip install\s+", "", text))
    names = [word.strip("'") for word in words if not word.startswith("-")]
    wanted = [one for name in names for one in requirements(name, system)]
    numpy = [one for one in wanted if one.name == "numpy"]
    return [
        str(one)
        for one in wanted
        if not any(_has_numpy(one, version, numpy, system) for version in versions(system, one))
    ]


def _has_numpy(
    package: Requirement, version: Version, numpy: List[Requirement], system: System
) -> bool:
    """Whether there is a NumPy for that version that the rest of the line takes, too."""
    own = NUMPY.get(canonicalize_name(package.name), {}).get(str(version), [])
    specifiers = [str(one.specifier) for one in (*numpy, *_that_hold(own, system))]
    joint = Requirement("numpy" + ",".join(one for one in specifiers if one))
    return not own or versions(system, joint) != []

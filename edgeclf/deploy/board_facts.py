"""What a board is: asked of it by one small POSIX shell script, or stated by the user."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from edgeclf.deploy.ssh import Connection
from edgeclf.errors import DeployError

__all__ = ["ARCHITECTURES", "BoardFacts", "assumed_board", "facts_from", "probe"]

ARCHITECTURES = ("x86_64", "aarch64", "armv7l")
OLDEST_PYTHON = (3, 8)
_MARK = "edgeclf-probe: "
_VERSIONS = tuple(f"python3.{minor}" for minor in range(14, 7, -1))

# A line of JSON about the Python that runs it. Python 3.6 reads it too, to be named as too old.
_ASK_PYTHON = """
import json, os, platform, struct, sys
def version(name):
    try:
        return str(getattr(__import__(name), "__version__", "") or "")
    except Exception:
        return ""
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except Exception:
    libc = ""
print(json.dumps({
    "path": sys.executable, "version": list(sys.version_info[:3]),
    "bits": 8 * struct.calcsize("P"), "machine": platform.machine(), "libc": libc,
    "implementation": platform.python_implementation(), "system": platform.system(),
    "release": platform.release(), "build": platform.version(),
    "has": {"numpy": version("numpy"), "Pillow": version("PIL")},
}))
"""

# $1 is the Python asked for, or nothing; every line of the answer begins with the mark, so that a
# greeting of the login shell is not taken for one.
_SCRIPT = """
say() { printf 'edgeclf-probe: %s\\n' "$*"; }
say "uname $(uname -s) $(uname -m)"
say "home $HOME"
ask() {
  found=$(command -v -- "$1" 2>/dev/null) || return 0
  answer=$("$found" -I -c "$code" 2>/dev/null </dev/null) && say "python $answer"
}
if [ -n "$wanted" ]; then ask "$wanted"; else for name in python3 $names; do ask "$name"; done; fi
say "end"
"""


class BoardFacts(NamedTuple):
    """What has to be known of a board to choose what it can run.

    Attributes:
        arch: of its Python: "x86_64", "aarch64" or "armv7l", also on a 64-bit kernel.
        python: (3, 11). python_path: where it is there; "" where nobody was asked.
        glibc: (2, 36).
        has: packages of its system's Python, name -> version, that releases are to use: on
            32-bit ARM, for which there are few wheels.
        markers: the environment of PEP 508 on that board.
    """

    arch: str
    python: Tuple[int, int]
    python_path: str
    glibc: Tuple[int, int]
    has: Mapping[str, str]
    markers: Mapping[str, str]


def probe(connection: Connection, python: Optional[str] = None) -> List[BoardFacts]:
    """The Pythons of the board, the one that `python3` means first; those too old are left out.

    Raises:
        DeployError: no connection, or no Python that could do.
    """
    values = (("wanted", python or ""), ("names", " ".join(_VERSIONS)), ("code", _ASK_PYTHON))
    # On stdin, so that not even the quoting of an unusual login shell matters.
    script = "".join(f"{name}={_quoted(value)}\n" for name, value in values) + _SCRIPT
    return facts_from(connection.output(["sh", "-s"], script), connection.host, python)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def facts_from(answer: str, host: str, wanted: Optional[str]) -> List[BoardFacts]:
    """What the script's `answer` says.

    Raises:
        DeployError: it is no answer, no Linux, or there is no Python that could do.
    """
    lines = [line[len(_MARK) :] for line in answer.splitlines() if line.startswith(_MARK)]
    if "end" not in lines:
        raise DeployError(f"probe: {host} has no POSIX shell that answers. Does 'ssh {host}' work?")
    machine = next((line for line in lines if line.startswith("uname ")), "uname ? ?")
    found = [json.loads(line[len("python ") :]) for line in lines if line.startswith("python {")]
    if not machine.startswith("uname Linux"):
        raise DeployError(f"probe: expected Linux on {host}, got {machine[6:]!r}")
    if not found:
        what = repr(wanted) if wanted else "python3 (or " + ", ".join(_VERSIONS) + ")"
        raise DeployError(f"probe: no {what} on {host}. On the board: sudo apt install python3")
    facts = [fact for fact in map(_facts, found) if fact is not None]
    unique = list({fact.python: fact for fact in reversed(facts)}.values())[::-1]
    if not unique:
        raise DeployError(f"probe: {_too_old(found, host)}")
    return unique


def _facts(python: Dict[str, Any]) -> Optional[BoardFacts]:
    version = tuple(python["version"])
    libc = re.fullmatch(r"glibc (\d+)\.(\d+).*", python["libc"])
    if version[:2] < OLDEST_PYTHON or python["implementation"] != "CPython" or libc is None:
        return None
    arch = _architecture(python["machine"], python["bits"])
    if arch not in ARCHITECTURES:
        return None
    # What pip there would say of the machine: for a 32-bit Python, that of its own wheels.
    markers = _markers(arch, version, python["system"], python["release"], python["build"])
    glibc = (int(libc.group(1)), int(libc.group(2)))
    # Where wheels are to be had, a release stands on its own feet.
    has = {name: v for name, v in python["has"].items() if v and arch == "armv7l"}
    return BoardFacts(arch, (version[0], version[1]), python["path"], glibc, has, markers)


def _architecture(machine: str, bits: int) -> str:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
    if bits == 32:
        return "armv7l" if machine in ("aarch64", "armv8l", "armv7l") else f"{machine} (32-bit)"
    return machine


def _too_old(found: Sequence[Dict[str, Any]], host: str) -> str:
    said = "; ".join(
        f"{p['implementation']} {'.'.join(map(str, p['version']))}, "
        f"{_architecture(p['machine'], p['bits'])}, {p['libc'] or 'no glibc'}"
        for p in found
    )
    return (
        f"expected on {host} CPython {'.'.join(map(str, OLDEST_PYTHON))} or newer with glibc on "
        f"{', '.join(ARCHITECTURES)}; found {said}. Install a newer Python, or name it: --python"
    )


def _markers(
    arch: str, version: Sequence[int], system: str, release: str, build: str
) -> Dict[str, str]:
    full = ".".join(map(str, version))
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": arch,
        "platform_python_implementation": "CPython",
        "platform_release": release,
        "platform_system": system,
        "platform_version": build,
        "python_full_version": full,
        "python_version": f"{version[0]}.{version[1]}",
        "sys_platform": "linux",
    }


# Debian's own packages for 32-bit ARM, for which PyPI has no wheels: bookworm. Bullseye's NumPy
# (1.19.5) is older than every TFLite wheel for its Python wants.
_DEBIAN_ARMHF = {
    (3, 11): {"numpy": "1.24.2", "Pillow": "9.4.0"},
}


# The C library of the system whose own Python it is: Ubuntu 20.04, Debian 11, Ubuntu 22.04,
# Debian 12, Ubuntu 24.04, Debian 13.
_GLIBC = {8: (2, 31), 9: (2, 31), 10: (2, 35), 11: (2, 36), 12: (2, 39), 13: (2, 41)}


def assumed_board(
    arch: str,
    python: Tuple[int, int],
    glibc: Optional[Tuple[int, int]] = None,
    has: Optional[Mapping[str, str]] = None,
) -> BoardFacts:
    """A board that nobody can ask: for bundles and images.

    Args:
        glibc: unless said, that of the Debian or Ubuntu whose own Python this is. The installer
            refuses a payload whose wheels need a newer one than the board has.
        has: what its system's Python brings; for armv7l, python3-numpy and python3-pil of its
            Debian unless said.
    """
    if has is None:
        has = _DEBIAN_ARMHF.get(python, {}) if arch == "armv7l" else {}
    markers = _markers(arch, (*python, 0), "Linux", "", "")
    glibc = glibc or _GLIBC.get(python[1], (2, 31))
    return BoardFacts(arch, python, "", glibc, dict(has), markers)

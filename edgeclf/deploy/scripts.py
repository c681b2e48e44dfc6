"""The small texts that go to a board: what starts a program, installs a bundle, or is a unit."""

from __future__ import annotations

import re
import shlex
from typing import Optional, Tuple

__all__ = ["first_boot_unit", "install_script", "run_script", "unit"]


def run_script(model: str, main: Optional[str]) -> str:
    """``current/run``: the program, or ``edgeclf predict`` where there is none.

    @RELEASE@ is put in on the board, quoted. Without -s, packages of the user's own that the
    release was not tested with would join where the system's packages are used (armv7l).
    """
    if main is None:
        start = '-m edgeclf predict --model "$EDGECLF_MODEL"'
    else:
        start = f'"$here"/{shlex.quote(main)}'
    return f"""#!/bin/sh
# The link "current" was followed to find this file, and is not again: no switch mixes two releases.
here=@RELEASE@
EDGECLF_MODEL="$here"/model/{shlex.quote(model)}
export EDGECLF_MODEL
exec "$here/venv/bin/python" -s {start} "$@"
"""


def install_script(python: Tuple[int, int]) -> str:
    """``install.sh`` of a bundle: finds the Python that the bundle was made for."""
    version = f"{python[0]}.{python[1]}"
    return f"""#!/bin/sh
# sh install.sh [--prefix DIR] [--rollback]; the variable EDGECLF_PYTHON names another Python.
here=$(cd "$(dirname "$0")" && pwd -P) || exit 1
for python in "$EDGECLF_PYTHON" python{version} python3; do
  [ -n "$python" ] && command -v -- "$python" >/dev/null 2>&1 || continue
  "$python" -c 'import sys; sys.exit(sys.version_info[:2] != {python!r})' || continue
  exec "$python" -I "$here/install.py" "$@"
done
echo "edgeclf: expected Python {version}, which this bundle was made for, and found none." >&2
echo "Install it, name it in EDGECLF_PYTHON, or make a bundle for another (--python)." >&2
exit 1
"""


def unit(program: str) -> str:
    """A systemd unit that runs ``current/run``; @PREFIX@ is put in on the board."""
    shown = re.sub(r"[^A-Za-z0-9._-]", "_", program)
    return f"""[Unit]
Description=edgeclf: {shown}

[Service]
ExecStart=/bin/sh "@PREFIX@/current/run"
Restart=on-failure
RestartSec=5

[Install]
WantedBy=default.target
"""


def first_boot_unit(payload: str, prefix: str) -> str:
    """A systemd unit that installs a payload when an image starts for the first time."""
    return f"""[Unit]
Description=edgeclf: install and test at the first start
ConditionPathExists=!{prefix}/current
After=local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {payload}/install.sh --prefix {prefix}
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
"""

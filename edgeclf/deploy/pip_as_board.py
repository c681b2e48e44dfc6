"""``pip`` as if it ran on the board: ``python pip_as_board.py MARKERS download ...``.

pip's --platform chooses wheels for another machine, but "; platform_machine == ..." behind a
requirement is still read for the machine that pip runs on. MARKERS is the board's environment of
PEP 508 as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Dict, List


def main(markers: Dict[str, str], arguments: List[str]) -> int:
    from pip._internal.cli.main import main as pip
    from pip._vendor.packaging import markers as vendored

    module: Any = vendored
    if not hasattr(module, "default_environment"):
        print("this pip is not known: expected pip 20.3 or newer", file=sys.stderr)
        return 2
    module.default_environment = lambda: dict(markers)
    return int(pip(arguments))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))

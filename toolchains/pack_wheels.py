"""Carries wheels to a machine without network, where single files may have to be small.

    pip download --no-deps --only-binary=:all: -d wheels NAME ...     # here
    python toolchains/pack_wheels.py pack wheels pieces               # here
    python toolchains/pack_wheels.py join pieces site                 # there; then PYTHONPATH=site

`pack` cuts each wheel into pieces and writes down their checksums; `join` puts them together again,
checks them, and unpacks the wheels into one folder. It needs Python 3.8 and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import List, Optional

MEGABYTES = 60
INDEX = "wheels.json"


def pack(wheels: Path, pieces: Path, piece_bytes: int) -> None:
    found = sorted(wheels.glob("*.whl"))
    if not found:
        raise SystemExit(f"{wheels}: expected wheels (*.whl), found none")
    pieces.mkdir(parents=True, exist_ok=True)
    index = {}
    for wheel in found:
        names, digest = [], hashlib.sha256()
        with wheel.open("rb") as source:
            for number, part in enumerate(iter(lambda: source.read(piece_bytes), b"")):
                digest.update(part)
                names.append(f"{wheel.name}.{number:03d}")
                (pieces / names[-1]).write_bytes(part)
        index[wheel.name] = {"pieces": names, "sha256": digest.hexdigest()}
        print(f"{wheel.name}: {len(names)} pieces")
    (pieces / INDEX).write_text(json.dumps(index, indent=1) + "\n")


def join(pieces: Path, site: Path) -> None:
    index = json.loads((pieces / INDEX).read_text())
    missing = [n for entry in index.values() for n in entry["pieces"] if not (pieces / n).exists()]
    if missing:
        raise SystemExit(f"{pieces}: expected {', '.join(missing)} beside {INDEX}")
    site.mkdir(parents=True, exist_ok=True)
    for name, entry in index.items():
        with tempfile.TemporaryFile(dir=str(site)) as whole:
            digest = hashlib.sha256()
            for piece in entry["pieces"]:
                part = (pieces / piece).read_bytes()
                digest.update(part)
                whole.write(part)
            if digest.hexdigest() != entry["sha256"]:
                raise SystemExit(
                    f"{name}: its pieces are damaged; copy {', '.join(entry['pieces'])}"
                )
            with zipfile.ZipFile(whole) as wheel:
                wheel.extractall(str(site))
        print(f"{name}: unpacked")


def main(arguments: Optional[List[str]] = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="cut wheels into pieces")
    packing.add_argument("wheels", type=Path)
    packing.add_argument("pieces", type=Path)
    packing.add_argument("--megabytes", type=float, default=MEGABYTES, help="of a piece, at most")
    joining = commands.add_parser("join", help="unpack them into a folder")
    joining.add_argument("pieces", type=Path)
    joining.add_argument("site", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "join":
        join(given.pieces, given.site)
    elif given.megabytes * 1e6 < 1:
        raise SystemExit(f"--megabytes: expected more than 0, got {given.megabytes:g}")
    else:
        pack(given.wheels, given.pieces, int(given.megabytes * 1e6))


if __name__ == "__main__":
    sys.exit(main())

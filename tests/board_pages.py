"""The pages of the boards, cut into their commands, and stand-ins for the cameras' programs.

Each block of commands has a comment before it that says how it is proven:

    pc        makes the wheels: run with the stand-ins of board_pc.py, on PCs of several systems
    apt       the packages are in the recorded lists
    run       run as it stands, in a home folder of its own
    camera    the same, after the `run` blocks, with stand-ins for the camera's programs
    device    needs a camera, or TensorRT: our commands, options, files and extras exist
    checkout  builds from a checkout: the extras exist and can be had
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Dict, List, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGES = {path.stem: path for path in sorted((ROOT / "docs" / "boards").glob("*.md"))}
PAGES["jetson"] = ROOT / "docs" / "jetson.md"
KINDS = ("pc", "apt", "run", "camera", "device", "checkout")
RECORDED = json.loads((Path(__file__).resolve().parent / "board_programs.json").read_text())


class Block(NamedTuple):
    """Some commands of a page. `kind` is "" where the page does not say how they are proven."""

    kind: str
    lines: List[str]


def blocks(page: Path) -> List[Block]:
    found = re.findall(
        r"(?:<!-- proof: (\w+) -->\n)?^```\w*\n(.*?)^```$", page.read_text(), re.M | re.S
    )
    return [Block(kind, text.splitlines()) for kind, text in found]


def lines_of(page: Path, *kinds: str) -> List[str]:
    return [line for block in blocks(page) if block.kind in kinds for line in block.lines]


def boards(page: Path) -> List[List[str]]:
    """The rows of the page's first table: board, what ran, on the real board."""
    table = re.search(r"^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n)+)", page.read_text(), re.M)
    rows = table.group(1).splitlines() if table else []
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def copied(page: Path) -> List[str]:
    """The files, as patterns, that the page has copied to the board's home folder."""
    words = [line.split() for line in lines_of(page, "pc")]
    return [source for line in words if line[0] in ("cp", "scp") for source in line[1:-1]]


# Each checks its options against the recorded ones, then does what its test needs: a photograph
# into the file, or two frames to stdout.
_STAND_IN = """#!{python}
import shutil, sys
from pathlib import Path
name, arguments = {name!r}, sys.argv[1:]
known = {options!r}
options = [word for word in arguments if word.startswith("-") and len(word) > 1]
unknown = set(options) - set(known)
if unknown:
    sys.exit(f"{{name}}: unknown options {{unknown}}")
def value(option):
    return arguments[arguments.index(option) + 1] if option in arguments else None
out = sys.stdout.buffer
if name == "gst-launch-1.0":
    print("GST_ARGUS: as NVIDIA's library does, on stdout", flush=True)
    # The last of each is what leaves the pipeline.
    last = dict(one.split("=") for word in arguments for one in word.split(",") if "=" in one)
    target = last.get("location", "-")
    size, layout = "{{width}}x{{height}}".format_map(last), last.get("format", "").lower()
    out = open(int(last.get("fd", 1)), "wb")
else:
    target = arguments[-1] if name == "ffmpeg" else value("-o")
    size = value("-video_size") or f"{{value('--width')}}x{{value('--height')}}"
    layout = value("-pix_fmt") or {{"yuv420": "i420"}}.get(value("--codec"))
if target == "-":
    out.write(2 * Path({frames!r}, f"{{size}}.{{layout}}").read_bytes())
else:
    shutil.copy({photo!r}, target)
"""


def write_stand_ins(folder: Path, python: str, photo: Path, frames: Path) -> None:
    """The cameras' programs; `frames` holds files such as 640x480.nv12."""
    options: Dict[str, List[str]] = RECORDED["options"]
    for name, known in options.items():
        program = folder / name
        program.write_text(
            _STAND_IN.format(
                python=python, name=name, options=known, photo=str(photo), frames=str(frames)
            )
        )
        program.chmod(0o755)

"""A stranger who follows a board's page needs no line that is not on it.

The PC's lines are run by test_board_pc.py. The board's are run from real wheels, as far as
they can be here, in a home folder with nothing in it; the rest is checked for existence.
`make test-wheels` names the wheels' folder in EDGECLF_WHEELS.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import board_pages
import numpy as np
import pypi_index
import pytest
from board_pages import PAGES, RECORDED, ROOT, blocks, boards, copied, lines_of
from PIL import Image
from pypi_index import System
from test_board_advice import SYSTEMS

from edgeclf.cli.app import cli

# The boards of each page, and the systems of test_board_advice.SYSTEMS that it is for: those whose
# names begin so.
BOARDS = {
    "jetson": ("JetPack 4", "JetPack 5", "JetPack 6.0", "JetPack 6.1", "cameras"),
    "raspberry-pi-32": ("Pi 2, 3, 4, 5, Zero 2 W", "32-bit system under a 64-bit", "cameras"),
    "raspberry-pi-64": ("Pi 3, Zero 2 W", "Pi 4", "Pi 5", "any with Raspberry Pi OS 13", "cameras"),
    "x86": ("x86-64 with SSE4.1", "Atom", "cameras"),
}
FOR = {
    "jetson": ("JetPack",),
    "raspberry-pi-32": ("Raspberry Pi OS 12, 32",),
    "raspberry-pi-64": ("Raspberry Pi OS 12, 64", "Raspberry Pi OS 13, 64"),
    "x86": ("Debian", "Ubuntu"),
}
PHOTO = ROOT / "examples" / "photos" / "cat.jpg"


def systems_of(page):
    return {name: system_of(name) for name in SYSTEMS if name.startswith(FOR[page])}


def system_of(name):
    _, machine, bits, glibc, python = SYSTEMS[name]
    return System(machine, "armv7l" if bits == 32 else machine, glibc, python)


def test_there_is_a_page_for_each_board():
    assert sorted(PAGES) == sorted(BOARDS) == sorted(FOR)
    promised = {name for page in PAGES for name in systems_of(page)}
    # edgeclf runs there, and doctor has an advice for it; the page is not for it.
    assert set(SYSTEMS) - promised == {"Raspberry Pi OS 11, 64"}


@pytest.mark.parametrize("name", PAGES)
def test_every_block_says_how_it_is_proven(name):
    kinds = [block.kind for block in blocks(PAGES[name])]
    assert set(kinds) <= set(board_pages.KINDS)
    assert {"pc", "apt", "run", "camera"} <= set(kinds)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", PAGES[name].read_text())
    assert links
    for file, heading in links:
        page = PAGES[name].parent / file if file else PAGES[name]
        assert page.exists(), file
        headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
        slugs = [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings]
        assert heading in ("", *slugs)


@pytest.mark.parametrize("name", PAGES)
def test_what_was_not_run_is_said_next_to_each_board(name):
    rows = {row[0]: row[-1] for row in boards(PAGES[name])}
    for board in BOARDS[name]:
        (said,) = (rows[row] for row in rows if row.startswith(board))
        assert said == "**never run**", board
    others = [row for row in rows if rows[row] != "**never run**"]
    assert others == (["x86-64 with AVX2 and AVX-512"] if name == "x86" else [])
    (unproven,) = re.findall(r"\*\*(?:Also )?not run:\*\* ([^.]+),", PAGES[name].read_text(), re.I)
    for command in ("git clone", "uv python install"):
        used = any(command in line for line in lines_of(PAGES[name], "pc"))
        assert (f"`{command}`" in unproven) == used


@pytest.mark.parametrize("name", PAGES)
def test_a_version_that_is_said_to_have_run_emulated_is_in_the_record(name):
    text = PAGES[name].read_text()
    record = (ROOT / "docs" / "wheels.md").read_text()
    for row in boards(PAGES[name]):
        for runtime, version in re.findall(r"emulated.*`([\w-]+)` ([\d.]+\d)", row[1]):
            assert re.search(rf"emulated cortex.*{runtime}=={version}", record), row
    for version in re.findall(r"'ai-edge-litert==([\d.]+)'", text):
        assert f"`ai-edge-litert` {version}" in boards(PAGES[name])[0][1]
        line = f"pip install ai-edge-litert=={version}"
        found = [s.python for s in systems_of(name).values() if not pypi_index.missing(line, s)]
        assert set(found) == {(3, 11)}  # as the page says


@pytest.mark.parametrize("name", PAGES)
def test_packages_exist(name):
    known = [one for names in RECORDED["packages"].values() for one in names]
    installs = re.findall(r"sudo apt install ([^\n`]+)", PAGES[name].read_text())
    assert installs
    assert [one for line in installs for one in line.split() if one not in known] == []
    apt = [line for line in lines_of(PAGES[name], "apt") if line != "sudo apt update"]
    assert all(line.startswith("sudo apt install ") for line in apt)


@pytest.mark.parametrize("name", PAGES)
def test_extras_exist(name):
    extras = re.findall(r"'(?:\.|edgeclf)\[([^\]]+)\]'", PAGES[name].read_text())
    assert extras
    known = pypi_index.PROJECT["optional-dependencies"]
    assert [one for text in extras for one in text.split(",") if one not in known] == []


@pytest.mark.parametrize("name", PAGES)
def test_our_commands_exist_with_these_options(name):
    for words in re.findall(r"^edgeclf (.+)$|`edgeclf ([^`]+)`", PAGES[name].read_text(), re.M):
        command, *arguments = shlex.split(words[0] or words[1])
        known = {o for parameter in cli.get_command(None, command).params for o in parameter.opts}
        assert {word for word in arguments if word.startswith("-")} <= known


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page in PAGES for name in systems_of(page)]
)
def test_pip_finds_everything_on_every_system(page, name):
    lines = [line for line in lines_of(PAGES[page], "run") if line.startswith("pip install ")]
    ours = [line for line in lines if "edgeclf-default-model" in line]
    assert len(ours) == 1
    assert "--no-index" in ours[0]  # edgeclf from the copied files, never from elsewhere
    built = [line for line in lines_of(PAGES[page], "checkout") if line.startswith("pip install ")]
    lines += [line.replace(".[", "edgeclf[") for line in built]
    lines.remove(ours[0])
    assert lines
    for line in lines:
        assert pypi_index.missing(line, system_of(name)) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_environment_is_not_where_deployments_go(name):
    text = PAGES[name].read_text()
    assert set(re.findall(r"~/(edgeclf[\w-]*)", text)) == {"edgeclf-venv", "edgeclf-source"}
    made = re.findall(r"^python3\S* -m venv (?:--system-site-packages )?(\S+)$", text, re.M)
    assert set(made) <= {"~/edgeclf-venv", "~/uv-venv"}


@pytest.mark.parametrize("name", PAGES)
def test_options_of_others_are_recorded(name):
    programs = RECORDED["options"]
    lines = lines_of(PAGES[name], "camera", "device")
    for line in lines + re.findall(r"`((?:rpicam|ffmpeg)[^`]+)`", PAGES[name].read_text()):
        words = shlex.split(line.split("|")[0])
        if words[0] in programs and words[1:] and words[1] != "command":
            options = [word for word in words if word.startswith("-") and len(word) > 1]
            assert set(options) <= set(programs[words[0]]), line
        here = [Path(pattern).name for pattern in copied(PAGES[name])]
        assert all(script in here for script in re.findall(r"python (\S+\.py)", line))


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_that_is_classified_was_copied_or_taken(name):
    there = {Path(pattern).name for pattern in copied(PAGES[name])}
    for line in lines_of(PAGES[name], "run", "camera", "device"):
        there.update(re.findall(r"(?<!predict )\b(\w+\.jpg)", line))
        assert set(re.findall(r"edgeclf predict (\S+)", line)) <= there, line


@pytest.fixture(scope="module")
def dist():
    """The wheel of this Python and the model's."""
    folder = os.environ.get("EDGECLF_WHEELS")
    if not folder:
        pytest.skip("no wheels: `make test-wheels` makes them and runs these tests")
    return Path(folder).resolve()


def frames(folder):
    """The photograph as a camera's frames: BT.601, limited range."""
    folder.mkdir()
    for width, height in ((640, 480), (640, 360)):
        write_frames(folder / f"{width}x{height}", (width, height))
    return folder


def write_frames(path, size):
    rgb = np.asarray(Image.open(PHOTO).convert("RGB").resize(size), float)
    matrix = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112], [112, -93.786, -18.214]])
    yuv = np.rint(rgb / 255 @ matrix.T + (16, 128, 128)).astype(np.uint8)
    y, u, v = yuv[:, :, 0], yuv[::2, ::2, 1], yuv[::2, ::2, 2]
    path.with_suffix(".i420").write_bytes(y.tobytes() + u.tobytes() + v.tobytes())
    path.with_suffix(".nv12").write_bytes(y.tobytes() + np.dstack([u, v]).tobytes())


def test_ctrl_c_ends_the_frames_of_a_pipe_without_a_traceback(tmp_path):
    write_frames(tmp_path / "frame", (640, 480))
    running = subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / "raw_yuv.py"), "640", "480"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    running.stdin.write((tmp_path / "frame.i420").read_bytes())
    running.stdin.flush()
    assert b"cat" in running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, b"Traceback" in said) == (0, False)


@pytest.fixture
def home(tmp_path, dist):
    """A function from a page to a home folder with what the page has copied, and nothing else."""

    def filled(page):
        home = tmp_path / "home"
        home.mkdir()
        for pattern in copied(page):
            name = Path(pattern).name
            for one in ("aarch64", "armv7l"):
                name = name.replace(f"_{one}.whl", "_x86_64.whl")
            folder = dist if pattern.startswith("dist/") else ROOT / Path(pattern).parent
            found = list(folder.glob(name))
            assert found, f"{pattern}: none in {folder}"
            for path in found:
                shutil.copy(path, home)
        return home

    return filled


@pytest.mark.heavy
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the page's wheels are x86-64's here")
@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_needs_no_other_line(name, home, tmp_path):
    if name == "raspberry-pi-32" and sys.version_info >= (3, 12):
        pytest.skip("no tflite-runtime for this Python, as the page says")
    if name == "jetson" and sys.version_info >= (3, 13):
        pytest.skip("no NumPy 1 for this Python; JetPack has older ones")
    page = PAGES[name]
    programs = tmp_path / "programs"
    programs.mkdir()
    board_pages.write_stand_ins(programs, sys.executable, PHOTO, frames(tmp_path / "frames"))
    python = programs / "python3"
    base = Path(sys.base_prefix) / "bin" / "python{}.{}".format(*sys.version_info[:2])
    python.write_text(f'#!/bin/sh\nexec {base} "$@"\n')
    python.chmod(0o755)
    script = "\n".join(["set -euo pipefail", *lines_of(page, "run", "camera")])
    keep = {key: os.environ[key] for key in os.environ if not key.startswith(("PYTHON", "VIRTUAL"))}
    folder = home(page)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=str(folder),
        env={**keep, "HOME": str(folder), "PATH": f"{programs}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "OK: this machine can classify." in done.stdout
    raw = [line for line in done.stdout.splitlines() if re.match(r" ?\s*\d\.\d{3}  ", line)]
    assert len(raw) == 2, done.stdout  # the two frames of the stand-in
    assert all("cat" in line or "tabby" in line for line in raw)
    predicted = done.stdout.split("OK: this machine can classify.")[1]
    assert predicted.count("cat.jpg") == 1
    assert predicted.count("first.jpg") == 1

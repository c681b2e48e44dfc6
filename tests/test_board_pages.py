"""A stranger who follows a page of docs/boards needs no line that is not on it.

What can run here is run, from real wheels, in a home folder with nothing in it; the rest is checked
for existence. `make test-wheels` names the wheels' folder in EDGECLF_WHEELS.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import board_pages
import numpy as np
import pypi_index
import pytest
from board_pages import PAGES, RECORDED, ROOT, blocks, copied, lines_of
from PIL import Image
from pypi_index import System
from test_board_advice import SYSTEMS

from edgeclf.cli.app import cli
from edgeclf.version import __version__

sys.path.insert(0, str(ROOT / "toolchains" / "wheels"))

ARCHITECTURES = {"raspberry-pi-64": "aarch64", "raspberry-pi-32": "armv7l", "x86": "x86_64"}
PHOTO = ROOT / "examples" / "photos" / "cat.jpg"


def test_there_is_a_page_for_each_board():
    assert sorted(PAGES) == sorted(ARCHITECTURES)
    assert (ROOT / "docs" / "jetson.md").exists()


@pytest.mark.parametrize("name", PAGES)
def test_every_block_says_how_it_is_proven(name):
    kinds = [block.kind for block in blocks(PAGES[name])]
    assert set(kinds) <= set(board_pages.KINDS)
    assert {"pc", "apt", "run", "camera"} <= set(kinds)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    for link in re.findall(r"\]\(([^)#]+)\)", PAGES[name].read_text()):
        assert (PAGES[name].parent / link).exists(), link


@pytest.mark.parametrize("name", PAGES)
def test_what_was_not_run_is_said(name):
    assert "**never run**" in PAGES[name].read_text()


@pytest.mark.parametrize("name", PAGES)
def test_packages_exist(name):
    known = [one for names in RECORDED["packages"].values() for one in names]
    installs = re.findall(r"sudo apt install ([^\n`]+)", PAGES[name].read_text())
    assert installs
    assert [one for line in installs for one in line.split() if one not in known] == []
    apt = [line for line in lines_of(PAGES[name], "apt") if line != "sudo apt update"]
    assert all(line.startswith("sudo apt install ") for line in apt)


def wheel_name(architecture):
    """As docs/wheels.md says that they are called."""
    tag = f"manylinux2014_{architecture}.manylinux_2_17_{architecture}"
    return f"edgeclf-{__version__}-cp311-cp311-{tag}.whl"


@pytest.mark.parametrize("name", PAGES)
def test_what_is_made_and_copied_exists(name):
    from tags import TARGETS

    architecture = ARCHITECTURES[name]
    makefile = (ROOT / "Makefile").read_text()
    for line in lines_of(PAGES[name], "pc"):
        words = shlex.split(line)
        assert words[0] in ("make", "cp", "scp")
        if words[0] == "make":
            assert f"\n{words[1]}:" in makefile
            assert words[2] == f"WHEEL_ARGS=--arch {architecture}"
            assert architecture in str(TARGETS)
    made = [f"dist/{wheel_name(architecture)}", "dist/edgeclf_default_model-1.0.0-py3-none-any.whl"]
    for pattern in copied(PAGES[name]):
        fits = fnmatch.filter(made, pattern) or list(ROOT.glob(pattern))
        assert len(fits) == 1, pattern


@pytest.mark.parametrize("name", PAGES)
def test_our_commands_exist_with_these_options(name):
    for words in re.findall(r"^edgeclf (.+)$|`edgeclf ([^`]+)`", PAGES[name].read_text(), re.M):
        command, *arguments = shlex.split(words[0] or words[1])
        known = {o for parameter in cli.get_command(None, command).params for o in parameter.opts}
        assert {word for word in arguments if word.startswith("-")} <= known


@pytest.mark.parametrize("name", SYSTEMS)
def test_pip_finds_everything_on_every_system(name):
    _, machine, bits, glibc, python = SYSTEMS[name]
    architecture = "armv7l" if bits == 32 else machine
    system = System(machine, architecture, glibc, python)
    (page,) = (page for page, one in ARCHITECTURES.items() if one == architecture)
    lines = [line for line in lines_of(PAGES[page], "run") if line.startswith("pip install ")]
    assert len(lines) == 2
    assert "--no-index" in lines[0]  # edgeclf from the copied files, never from elsewhere
    assert pypi_index.missing(lines[1], system) == []
    for line in lines_of(PAGES[page], "checkout"):
        wanted = re.sub(r"\.\[", "edgeclf[", line)
        assert pypi_index.missing(wanted, system) == []


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


@pytest.fixture(scope="module")
def dist():
    """The wheel of this Python and the model's."""
    folder = os.environ.get("EDGECLF_WHEELS")
    if not folder:
        pytest.skip("no wheels: `make test-wheels` makes them and runs these tests")
    return Path(folder).resolve()


def frames(folder):
    """The photograph as a camera's frame of 640x480: BT.601, limited range."""
    folder.mkdir()
    rgb = np.asarray(Image.open(PHOTO).convert("RGB").resize((640, 480)), float)
    matrix = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112], [112, -93.786, -18.214]])
    yuv = np.rint(rgb / 255 @ matrix.T + (16, 128, 128)).astype(np.uint8)
    y, u, v = yuv[:, :, 0], yuv[::2, ::2, 1], yuv[::2, ::2, 2]
    (folder / "640x480.i420").write_bytes(y.tobytes() + u.tobytes() + v.tobytes())
    (folder / "640x480.nv12").write_bytes(y.tobytes() + np.dstack([u, v]).tobytes())
    return folder


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

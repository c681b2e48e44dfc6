"""The pages' lines for the PC, on PCs of several systems, make the wheels that each board needs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pypi_index
import pytest
from board_pages import PAGES, blocks, copied, lines_of
from board_pc import run_on_pc
from packaging.utils import parse_wheel_filename
from test_board_pages import system_of, systems_of

PCS = {"Debian 12": "3.11", "Ubuntu 22.04": "3.10", "Ubuntu 24.04": "3.12"}


def packages_before(page, kind):
    """Those that the page has installed before its first block of that kind."""
    kinds = [block.kind for block in blocks(page)]
    before = blocks(page)[: kinds.index(kind)]
    return [w for block in before for line in block.lines for w in line.split()[3:]]


@pytest.mark.parametrize("pc", PCS)
@pytest.mark.parametrize("name", PAGES)
def test_an_ordinary_pc_makes_the_wheels_and_copies_them(name, pc, tmp_path):
    page = PAGES[name]
    # Without it a Python that is not there is no error.
    (made,) = (line for line in lines_of(page, "pc") if line.startswith("make "))
    assert "--python " in made
    home = run_on_pc(lines_of(page, "pc"), packages_before(page, "pc"), PCS[pc], tmp_path)
    files = [path.name for path in home.iterdir() if path.is_file()]
    systems = systems_of(name)
    if name == "x86":  # it is the PC itself
        systems = {pc: system_of(f"{pc}, x86")}
        assert "{}.{}".format(*systems[pc].python) == PCS[pc]
    wheels = [one for one in files if one.startswith("edgeclf-")]
    for system in systems.values():
        tags = [parse_wheel_filename(wheel)[3] for wheel in wheels]
        fitting = [one for one in tags if any(pypi_index.fits(tag, system) for tag in one)]
        assert len(fitting) == 1, (system, wheels)
    others = ["edgeclf_default_model-1-py3-none-any.whl"]
    others += [Path(one).name for one in copied(page) if not one.startswith("dist/")]
    assert sorted(files) == sorted([*wheels, *others])


def test_the_stand_in_of_a_pc_has_only_what_was_installed(tmp_path):
    """Else the test above would say nothing."""
    page = PAGES["raspberry-pi-64"]
    lines, packages = lines_of(page, "pc"), packages_before(page, "pc")
    without_uv = [line for line in lines if "uv" not in line]
    for_one = [line.replace(" 3.13", "") for line in without_uv]
    without_git = [one for one in packages if one != "git"]
    with pytest.raises(subprocess.CalledProcessError):
        run_on_pc(without_uv, packages, "3.12", tmp_path / "uv")
    with pytest.raises(subprocess.CalledProcessError):
        run_on_pc(for_one, packages, "3.11", tmp_path / "debian")
    assert list(run_on_pc(for_one, [*packages, "python3-dev"], "3.11", tmp_path / "dev").iterdir())
    with pytest.raises(subprocess.CalledProcessError):
        run_on_pc(lines, without_git, "3.12", tmp_path / "git")

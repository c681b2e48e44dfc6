"""The user's program: what of it is brought, and what of it has to be there."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile

import pytest

from edgeclf.deploy import on_board, program
from edgeclf.deploy.packing import copied_app, write_tar
from edgeclf.errors import ArgumentError, DeployError


def written(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def checked(folder, main="main.py"):
    """As on the board: a process of its own."""
    words = [sys.executable, "-I", program.__file__, str(folder), main]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode == bool(done.stdout.strip())
    return done.stdout.split("\n")[:-1] if done.returncode else []


@pytest.mark.parametrize(
    "line",
    [
        "import no_such_x",
        "import json, no_such_x.y",
        "from no_such_x import y",
        "from no_such_x.y import z as w",
        "import no_such_x as os",
    ],
)
def test_a_module_that_is_not_there_is_named(tmp_path, line):
    written(tmp_path, main_py=f"{line}\n")
    assert checked(tmp_path) == ["main.py imports no_such_x, which is not there"]


def test_what_the_program_can_do_without_is_not_asked_for(tmp_path):
    text = (
        "import os, sys, __main__\nfrom xml.dom import minidom\n"
        "try:\n    import no_such_x\nexcept ImportError:\n    no_such_x = None\n"
        "if False:\n    import no_such_y\n"
        "def f():\n    import no_such_z\n"
    )
    assert checked(written(tmp_path, main_py=text)) == []


def test_its_own_modules_are_followed_and_others_are_not(tmp_path):
    written(
        tmp_path,
        main_py="import helper\nfrom package import part\nfrom names import x\nimport a.b\n",
        helper_py="import os\n",
        package____init___py="",
        package__part_py="from . import deep\nfrom .other import y\nfrom .. import z\n",
        package__deep_py="import no_such_deep\n",
        package__other_py="import no_such_other\n",
        names_py="x = 1\n",
        a__b_py="import no_such_b\n",
        tests__test_it_py="import no_such_pytest\n",
    )
    (tmp_path / "package" / "__init__.py").touch()
    assert sorted(checked(tmp_path)) == [
        "a/b.py imports no_such_b, which is not there",
        "package/deep.py imports no_such_deep, which is not there",
        "package/other.py imports no_such_other, which is not there",
    ]


def test_what_does_not_compile_is_named_wherever_it_is(tmp_path):
    written(tmp_path, main_py="import os\n", sub__bad_py="return 1\n", null_py="\0")
    said = checked(tmp_path)
    assert [line.split(":")[0] for line in said] == ["null.py", "sub/bad.py"]
    assert "SyntaxError" in said[1]


def test_the_installer_says_what_is_missing_and_what_to_do(tmp_path):
    release, payload = tmp_path / "release", tmp_path / "payload"
    written(release / "app", app_py="import no_such_x\n")
    (release / "venv" / "bin").mkdir(parents=True)
    (release / "venv" / "bin" / "python").symlink_to(sys.executable)
    payload.mkdir()
    (payload / "program.py").symlink_to(program.__file__)
    with pytest.raises(on_board.Failure, match=r"app\.py imports no_such_x, which") as caught:
        on_board.check_program(release, payload, {"main": "app.py"})
    assert caught.value.step == "selftest"
    assert "--app FOLDER" in caught.value.advice
    (release / "app" / "no_such_x.py").touch()
    on_board.check_program(release, payload, {"main": "app.py"})
    on_board.check_program(release, payload, {"main": None})


def test_environments_stay_behind(tmp_path):
    app = written(tmp_path / "app", main_py="", env____init___py="", other__x_py="")
    for name in ("venv", "my environment", ".venv"):
        (app / name / "lib").mkdir(parents=True)
        (app / name / "pyvenv.cfg").touch()
    (app / "__pycache__").mkdir()
    assert copied_app(app, tmp_path / "copy") == "main.py"
    names = sorted(path.name for path in (tmp_path / "copy").iterdir())
    assert names == ["env", "main.py", "other"], "a package named env is a package"


def test_programs_and_empty_folders_arrive(tmp_path):
    app = written(tmp_path / "app", main_py="", tools__run="#!/bin/sh\n", data="x")
    (app / "tools" / "run").chmod(0o750)
    (app / "pictures" / "out").mkdir(parents=True)
    stage = tmp_path / "stage"
    stage.mkdir()
    copied_app(app, stage / "app")
    write_tar(stage, tmp_path / "payload.tar", "top")
    on_board.unpack(tmp_path / "payload.tar", tmp_path / "came")
    came = tmp_path / "came" / "app"
    assert (came / "pictures" / "out").is_dir()
    assert os.access(came / "tools" / "run", os.X_OK)
    assert (came / "data").stat().st_mode & 0o777 == 0o644
    with tarfile.open(tmp_path / "payload.tar") as archive:
        folders = [member.name for member in archive if member.isdir()]
    assert folders == ["top/app/pictures/out"]


def test_a_single_file_keeps_that_it_is_a_program(tmp_path):
    path = written(tmp_path, x_py="") / "x.py"
    path.chmod(0o755)
    assert copied_app(path, tmp_path / "copy") == "x.py"
    assert os.access(tmp_path / "copy" / "x.py", os.X_OK)


def test_what_is_no_program(tmp_path):
    assert copied_app(None, tmp_path / "copy") is None
    with pytest.raises(ArgumentError, match=r"a main\.py in the folder"):
        copied_app(tmp_path, tmp_path / "copy")
    with pytest.raises(ArgumentError, match="is neither"):
        copied_app(tmp_path / "absent.py", tmp_path / "copy")
    written(tmp_path / "app", main_py="")
    (tmp_path / "app" / "broken").symlink_to("nowhere")
    with pytest.raises(DeployError, match=r"cannot be copied.*broken"):
        copied_app(tmp_path / "app", tmp_path / "copy")

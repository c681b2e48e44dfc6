"""Which wheels a board gets: tags as `packaging` has them, markers as pip reads them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from edgeclf.deploy import assumed_board, facts_from
from edgeclf.deploy.download import _stand_in, needed_wheels
from edgeclf.deploy.wheels import edgeclf_wheel, fits, parsed, platform_tags
from edgeclf.errors import DeployError

BOARDS = [
    assumed_board("aarch64", (3, 11), (2, 36)),
    assumed_board("aarch64", (3, 8), (2, 31)),
    assumed_board("armv7l", (3, 9), (2, 31)),
    assumed_board("x86_64", (3, 13), (2, 41)),
    assumed_board("x86_64", (3, 9), (2, 17)),
]
NAMES = [
    f"edgeclf-1.0-{python}-{platform}.whl"
    for python in ("cp38-cp38", "cp39-cp39", "cp311-cp311", "cp313-cp313", "cp37-abi3", "py3-none")
    for platform in (
        "any",
        "linux_aarch64",
        "manylinux_2_17_aarch64.manylinux2014_aarch64",
        "manylinux_2_34_aarch64",
        "manylinux2014_armv7l",
        "manylinux1_x86_64",
        "manylinux_2_27_x86_64.manylinux_2_28_x86_64",
        "musllinux_1_2_aarch64",
        "win_amd64",
        "macosx_11_0_arm64",
    )
]


@pytest.mark.parametrize("board", BOARDS, ids=lambda b: f"{b.arch}-{b.python[1]}")
def test_fits_as_packaging_says(board):
    tags = pytest.importorskip("packaging.tags")
    utils = pytest.importorskip("packaging.utils")
    glibc = range(board.glibc[1], 4, -1)
    platforms = [f"manylinux_2_{minor}_{board.arch}" for minor in glibc]
    platforms += [f"manylinux2014_{board.arch}", f"linux_{board.arch}"]
    platforms += ["manylinux2010_" + board.arch, "manylinux1_" + board.arch]
    taken = set(tags.cpython_tags(board.python, platforms=platforms))
    taken |= set(tags.compatible_tags(board.python, f"cp3{board.python[1]}", platforms))
    abi = f"cp3{board.python[1]}"
    for name in NAMES:
        wheel = parsed(Path(name))
        theirs = utils.parse_wheel_filename(name)[3]
        # Of the running interpreter's flags: a release build has the plain ABI.
        theirs = {t for t in theirs if t.abi in (abi, "abi3", "none")}
        assert fits(wheel, board) == bool(theirs & taken), name


def test_the_newest_edgeclf_is_taken_and_the_others_are_named(tmp_path):
    names = [
        f"edgeclf-{v}-cp311-cp311-manylinux2014_aarch64.whl" for v in ("0.9", "0.10", "0.10rc1")
    ]
    names += ["edgeclf_default_model-1.0-py3-none-any.whl", "notes.whl"]
    for name in names:
        (tmp_path / name).touch()
    wheel, board = edgeclf_wheel(tmp_path, [BOARDS[1], BOARDS[0]])
    assert (wheel.version, board) == ("0.10", BOARDS[0])
    with pytest.raises(DeployError, match=r"cp39 on armv7l.*0\.10rc1.*make wheels"):
        edgeclf_wheel(tmp_path, [BOARDS[2]])


def answer(**changes):
    python = {
        "path": "/usr/bin/python3",
        "version": [3, 11, 2],
        "bits": 64,
        "machine": "aarch64",
        "libc": "glibc 2.36",
        "implementation": "CPython",
        "system": "Linux",
        "release": "6.1",
        "build": "#1",
        "has": {"numpy": "1.24.2", "Pillow": ""},
        **changes,
    }
    mark = "edgeclf-probe: "
    lines = ["Welcome!", f"{mark}uname Linux aarch64", f"{mark}python {json.dumps(python)}"]
    return "\n".join([*lines, f"{mark}end"])


def test_what_a_board_says():
    board = facts_from(answer(), "pi", None)[0]
    assert (board.arch, board.python, board.glibc) == ("aarch64", (3, 11), (2, 36))
    assert board.has == {}
    assert board.markers["platform_machine"] == "aarch64"


def test_a_32_bit_system_on_a_64_bit_kernel_is_armv7l():
    board = facts_from(answer(bits=32), "pi", None)[0]
    assert board.arch == "armv7l"
    assert board.markers["platform_machine"] == "armv7l"
    assert board.has == {"numpy": "1.24.2"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": [3, 6, 9]}, r"3\.6\.9"),
        ({"libc": ""}, "no glibc"),
        ({"machine": "armv6l", "bits": 32}, "armv6l"),
        ({"implementation": "PyPy"}, "PyPy"),
    ],
)
def test_a_board_that_cannot_do(changes, message):
    with pytest.raises(DeployError, match=message):
        facts_from(answer(**changes), "pi", None)


def test_a_board_without_python_or_shell():
    with pytest.raises(DeployError, match="apt install python3"):
        facts_from("edgeclf-probe: uname Linux armv7l\nedgeclf-probe: end\n", "pi", None)
    with pytest.raises(DeployError, match="no POSIX shell"):
        facts_from("This account is not available.\n", "pi", None)
    with pytest.raises(DeployError, match="expected Linux"):
        facts_from("edgeclf-probe: uname Darwin arm64\nedgeclf-probe: end\n", "mac", None)


@pytest.fixture
def local_index(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    folder.mkdir()
    for name, version in (
        ("numpy", "2.2.0"),
        ("Pillow", "11.0"),
        ("pip", "24.0"),
        ("for-64-bit", "1.0"),
        ("for-32-bit", "1.0"),
    ):
        _stand_in(folder, name, version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def wheel_for(folder, board):
    tag = f"cp3{board.python[1]}-cp3{board.python[1]}-manylinux2014_{board.arch}"
    path = folder / f"edgeclf-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "edgeclf-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: edgeclf\nVersion: 1.0\nProvides-Extra: tflite\n"
            "Requires-Dist: numpy\nRequires-Dist: Pillow\n"
            "Requires-Dist: for-64-bit; extra == 'tflite' and platform_machine != 'armv7l'\n"
            "Requires-Dist: for-32-bit; extra == 'tflite' and platform_machine == 'armv7l'\n",
        )
        archive.writestr("edgeclf-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
    return parsed(path)


def test_requirements_are_read_for_the_board_and_not_for_us(local_index, tmp_path):
    board = assumed_board("aarch64", (3, 11), (2, 36))
    found = needed_wheels(board, wheel_for(tmp_path, board), "tflite", tmp_path / "cache")
    assert sorted(w.name for w in found) == ["for-64-bit", "numpy", "pillow", "pip"]


def test_what_a_32_bit_board_brings_is_not_sent(local_index, tmp_path):
    board = assumed_board("armv7l", (3, 11), (2, 36))
    assert set(board.has) == {"numpy", "Pillow"}
    found = needed_wheels(board, wheel_for(tmp_path, board), "tflite", tmp_path / "cache")
    assert sorted(w.name for w in found) == ["for-32-bit", "pip"]


def test_a_choice_is_kept_and_a_failed_one_leaves_nothing(local_index, tmp_path, monkeypatch):
    board = assumed_board("aarch64", (3, 11), (2, 36))
    wheel = wheel_for(tmp_path, board)
    first = needed_wheels(board, wheel, "tflite", tmp_path / "cache")
    (local_index / "for_64_bit-1.0-py3-none-any.whl").unlink()
    assert needed_wheels(board, wheel, "tflite", tmp_path / "cache") == first
    with pytest.raises(DeployError, match=r"no wheels for aarch64.*for-64-bit"):
        needed_wheels(board, wheel, "tflite", tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_a_pin_is_a_choice_of_its_own(local_index, tmp_path, monkeypatch):
    _stand_in(local_index, "for-64-bit", "0.9")
    board = assumed_board("aarch64", (3, 11), (2, 36))
    wheel = wheel_for(tmp_path, board)

    def version():
        found = needed_wheels(board, wheel, "tflite", tmp_path / "cache")
        return next(w.version for w in found if w.name == "for-64-bit")

    assert version() == "1.0"
    pins = tmp_path / "pins.txt"
    monkeypatch.setenv("PIP_CONSTRAINT", str(pins))
    for pinned in ("0.9", "1.0"):  # the same file with another content, too
        pins.write_text(f"for-64-bit=={pinned}\n")
        assert version() == pinned


def test_what_the_program_needs_comes_too(local_index, tmp_path):
    _stand_in(local_index, "py-serial", "3.5")
    _stand_in(local_index, "py-serial", "3.4")
    board = assumed_board("aarch64", (3, 11), (2, 36))
    wheel = wheel_for(tmp_path, board)

    def chosen(*requirements):
        cache = tmp_path / "cache"
        found = needed_wheels(board, wheel, "tflite", cache, requirements=requirements)
        return {w.name: w.version for w in found}

    assert "py-serial" not in chosen()
    assert chosen("py-serial")["py-serial"] == "3.5"
    assert chosen("py-serial<3.5")["py-serial"] == "3.4"
    assert "py-serial" not in chosen()
    with pytest.raises(DeployError, match=r"no wheels for aarch64.*no-such-package"):
        chosen("no-such-package")


def test_old_tags_are_among_those_taken():
    tags = platform_tags(assumed_board("armv7l", (3, 11), (2, 27)))
    assert tags[0] == "manylinux_2_27_armv7l"
    assert "manylinux2014_armv7l" in tags
    assert "manylinux_2_28_armv7l" not in tags

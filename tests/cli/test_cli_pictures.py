"""Which pictures a command line means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import pytest

from edgeclf.cli.pictures import find_pictures


def found(*paths: object, **options: object) -> List[str]:
    items = find_pictures([str(path) for path in paths], **options)  # type: ignore[arg-type]
    assert all(item.problem is None for item in items), items
    return [str(item.path) for item in items]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.JPG", "a.png", "c.txt", ".d.jpg", "sub/e.jpeg", "sub/.git/f.png", "g.png.bak"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def test_a_folder_gives_its_pictures_by_name(folder: Path) -> None:
    assert found(folder) == [str(folder / "a.png"), str(folder / "b.JPG")]


def test_recursive_goes_into_sub_folders_but_not_hidden_ones(folder: Path) -> None:
    (folder / "sub" / "circle").symlink_to(folder)
    names = [os.path.relpath(path, str(folder)) for path in found(folder, recursive=True)]
    assert names == ["a.png", "b.JPG", str(Path("sub", "e.jpeg"))]


def test_a_pattern_that_no_shell_expanded(folder: Path) -> None:
    assert found(folder / "a*") == [str(folder / "a.png")]
    assert found(folder / "?.[jJ][pP][gG]") == [str(folder / "b.JPG")]
    assert found(folder / "**" / "*.jpeg") == [str(folder / "sub" / "e.jpeg")]


def test_a_file_is_taken_whatever_its_suffix_and_each_once(folder: Path) -> None:
    path = folder / "c.txt"
    assert found(path, folder / "a.png", path, folder) == [
        str(path),
        str(folder / "a.png"),
        str(folder / "b.JPG"),
    ]


def test_a_file_with_a_pattern_as_its_name_is_that_file(folder: Path) -> None:
    odd = folder / "a[1].png"
    odd.write_bytes(b"x")
    (folder / "a1.png").write_bytes(b"y")
    assert found(odd) == [str(odd)]


def test_a_path_that_does_not_exist_is_kept(folder: Path) -> None:
    assert found(folder / "none.png") == [str(folder / "none.png")]


def test_problems_name_the_path(folder: Path) -> None:
    (folder / "empty").mkdir()
    for path in (folder / "empty", folder / "*.webp"):
        (item,) = find_pictures([str(path)])
        assert item.problem is not None
        assert str(path) in item.problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read(folder: Path) -> None:
    (folder / "sub").chmod(0)
    try:
        items = find_pictures([str(folder)], recursive=True)
    finally:
        (folder / "sub").chmod(0o755)
    assert [item.problem for item in items if item.problem]


def test_copies_of_an_earlier_run_are_left_out_of_their_folder_only(folder: Path) -> None:
    for name in ("a.annotated.png", "sub/e.annotated.jpg"):
        (folder / name).write_bytes(b"x")
    paths = found(folder, recursive=True, leave_out=folder)
    assert str(folder / "a.annotated.png") not in paths
    assert str(folder / "sub" / "e.annotated.jpg") in paths
    assert str(folder / "a.annotated.png") in found(folder)

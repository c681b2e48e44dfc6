"""edgeclf predict --annotate: the files that are really written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from cli_support import records
from PIL import Image

Invoke = Callable[..., Any]


def opened(path: Path) -> Image.Image:
    image = Image.open(str(path))
    image.load()
    return image


def test_each_picture_gets_a_captioned_copy(
    invoke: Invoke, model: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a" / "b"
    before = {path: path.read_bytes() for path in pictures.iterdir() if path.is_file()}
    result = invoke("predict", pictures, "-m", model, "--annotate", out)
    assert result.exit_code == 0, result.stderr
    names = {"blue.annotated.png", "green.annotated.jpg", "red.annotated.png"}
    assert {path.name for path in out.iterdir()} == names
    for name in names:
        assert str(out / name) in result.stdout
        copy = opened(out / name)
        assert copy.format == ("PNG" if name.endswith("png") else "JPEG")
        assert copy.width == 256
        assert copy.height > 40 + 3 * 14
        # Something is written below the picture: light letters on a dark ground.
        caption = np.asarray(copy.convert("L"))[40:]
        assert caption.max() > 200
        assert np.median(caption) < 60
    assert {path: path.read_bytes() for path in before} == before
    red = np.asarray(opened(out / "red.annotated.png"))[:40, 98:158]
    assert np.array_equal(red, np.asarray(opened(pictures / "red.png").convert("RGB")))


def test_json_names_the_copy(invoke: Invoke, model: Path, pictures: Path, tmp_path: Path) -> None:
    result = invoke(
        "predict", pictures / "red.png", "-m", model, "--annotate", tmp_path / "out", "--json"
    )
    (answer,) = records(result.stdout)
    assert Path(answer["annotated"]) == tmp_path / "out" / "red.annotated.png"
    assert Path(answer["annotated"]).is_file()


def test_inputs_of_one_name_get_copies_of_different_names(
    invoke: Invoke, model: Path, pictures: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    opened(pictures / "blue.png").save(str(twin / "red.png"))
    out = tmp_path / "out"
    for _ in range(2):  # a second run replaces what the first has written
        result = invoke(
            "predict", pictures / "red.png", twin / "red.png", "-m", model, "--annotate", out
        )
        assert result.exit_code == 0, result.stderr
        assert {p.name for p in out.iterdir()} == {"red.annotated.png", "red-2.annotated.png"}
    first, second = (opened(out / f"red{n}.annotated.png") for n in ("", "-2"))
    assert np.asarray(first)[:40, 98:158, 0].mean() > 150
    assert np.asarray(second)[:40, 98:158, 2].mean() > 150


@pytest.mark.parametrize("link", ["symlink_to", "plain"])
def test_an_input_is_never_overwritten(
    invoke: Invoke, model: Path, pictures: Path, link: str
) -> None:
    # Both inputs' copies would like the name that the second input has.
    second = pictures / "red.annotated.png"
    content = (pictures / "blue.png").read_bytes()
    if link == "plain":
        second.write_bytes(content)
    else:
        second.symlink_to(pictures / "blue.png")
    result = invoke(
        "predict", pictures / "red.png", second, "-m", model, "--annotate", pictures, "-k", 1
    )
    assert result.exit_code == 0, result.stderr
    assert second.read_bytes() == content
    assert (pictures / "blue.png").read_bytes() == content
    assert (pictures / "red-2.annotated.png").is_file()
    assert (pictures / "red.annotated.annotated.png").is_file()


def test_a_second_run_does_not_take_the_copies_for_pictures(
    invoke: Invoke, model: Path, pictures: Path
) -> None:
    for _ in range(2):
        result = invoke("predict", pictures, "-m", model, "--annotate", pictures)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.splitlines()[-1].startswith("3 classified")
    assert len(list(pictures.glob("*annotated*"))) == 3


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_pictures_turned_by_exif_come_out_upright(
    invoke: Invoke, model: Path, tmp_path: Path, orientation: int
) -> None:
    upright = np.zeros((300, 400, 3), np.uint8)
    upright[:100] = (255, 0, 0)  # red on top
    turn = {3: 2, 6: 1, 8: 3}[orientation]  # quarter turns counter-clockwise, by the camera
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright, turn)))
    stored.save(str(path), quality=95, exif=exif)
    out = tmp_path / "out"
    assert invoke("predict", path, "-m", model, "--annotate", out).exit_code == 0
    copy = opened(out / "turned.annotated.jpg")
    assert copy.width == 400
    assert copy.getexif().get(0x0112, 1) == 1
    top, bottom = np.asarray(copy)[10:90, :, 0], np.asarray(copy)[110:290, :, 0]
    assert top.mean() > 230
    assert bottom.mean() < 25


def test_a_folder_that_cannot_be_made_is_said(invoke: Invoke, model: Path, pictures: Path) -> None:
    result = invoke(
        "predict", pictures / "red.png", "-m", model, "--annotate", pictures / "notes.txt" / "x"
    )
    assert result.exit_code == 1
    assert "notes.txt" in result.stderr
    result = invoke(
        "predict", pictures / "red.png", "-m", model, "--annotate", pictures / "notes.txt"
    )
    assert result.exit_code == 2


def test_a_copy_that_cannot_be_written_is_a_failure_and_leaves_nothing(
    invoke: Invoke, model: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    out = tmp_path / "out"
    result = invoke("predict", pictures / "red.png", "-m", model, "--annotate", out)
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert list(out.iterdir()) == []

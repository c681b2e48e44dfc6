"""One tar with all that a board needs: wheels, model, program, photographs, answers, installer.

The same inputs give the same bytes, so that a transfer that was cut can go on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from edgeclf.deploy import scripts
from edgeclf.deploy.board_facts import BoardFacts
from edgeclf.deploy.download import needed_wheels
from edgeclf.deploy.model_files import (
    backend_for,
    copied_model,
    default_model_for,
    deployable,
    score_bound,
)
from edgeclf.deploy.own_answers import own_answers
from edgeclf.deploy.packing import copied_app, sums, write_tar
from edgeclf.deploy.wheels import Wheel, edgeclf_wheel, fits, glibc_of, parsed
from edgeclf.errors import ArgumentError, DeployError
from edgeclf.model_file import ModelFile
from edgeclf.version import __version__

__all__ = ["Payload", "Request", "prepared"]

HERE = Path(__file__).resolve().parent
MOST_PHOTOS = 16
_PICTURES = (".jpg", ".jpeg", ".png")
# Beside what is installed: byte code, and the file system's blocks.
_ROOM = 1.3
_MARGIN = 20_000_000


class Request(NamedTuple):
    """What the user wants on the board.

    Attributes:
        model: None for the built-in one. app: a program or a folder with a main.py, or None.
        wheels: the folder with edgeclf's wheels. photos: pictures to test with.
        service: whether the board's systemd is to run `app`.
        cache: where downloaded wheels are kept; refresh: download them anew.
        requirements: packages that `app` needs, as pip takes them.
    """

    model: Optional[Path]
    app: Optional[Path]
    wheels: Path
    photos: Path
    service: bool
    cache: Path
    refresh: bool = False
    requirements: Sequence[str] = ()


class Payload(NamedTuple):
    """The finished tar; `folder` holds the same, unpacked."""

    tar: Path
    folder: Path
    sha256: str
    manifest: Dict[str, Any]
    board: BoardFacts


def prepared(
    request: Request, boards: Sequence[BoardFacts], work: Path, tell: Callable[[str], None]
) -> Payload:
    """Collect everything into the empty folder `work`.

    Args:
        boards: the Pythons of the board; the first that a wheel fits is taken.
        tell: is called with the name of each step.

    Raises:
        DeployError, and what loading the model raises.
    """
    tell("collect")
    wheel, board = edgeclf_wheel(request.wheels, boards)
    model = deployable(request.model or default_model_for(board))
    backend, extra = backend_for(model, board)
    stage = work / "payload"
    name = copied_model(model, stage / "model")
    wheels = [wheel, *_collected_wheels(request, wheel, board, extra)]
    (stage / "wheels").mkdir()
    for each in wheels:
        shutil.copyfile(str(each.path), str(stage / "wheels" / each.path.name))
    _copy_photos(request.photos, stage / "photos")
    main = copied_app(request.app, stage / "app")
    tell("answers")
    expected = {
        **own_answers(stage, name),
        "bound": score_bound(ModelFile(stage / "model" / name)),
    }
    _write_json(stage / "expected.json", expected)
    _write_scripts(stage, board)
    tell("pack")
    manifest = {
        "edgeclf": wheel.version,
        "packed_by": __version__,
        "target": {
            "arch": board.arch,
            "python": f"{board.python[0]}.{board.python[1]}",
            "glibc": list(_needed_glibc(wheels)),
            "system_site_packages": bool(board.has),
        },
        "model": name,
        "backend": backend,
        "default_model": any(_holds_default_model(each) for each in wheels),
        "requirements": sorted(f"{w.name}=={w.version}" for w in wheels if w.name != "pip"),
        "main": main,
        "run": scripts.run_script(name, main and f"app/{main}"),
        "service": _service(request, main),
        "sha256": sums(stage),
    }
    return _packed(stage, work, manifest, wheels, board)


def _collected_wheels(request: Request, wheel: Wheel, board: BoardFacts, extra: str) -> List[Wheel]:
    """What pip chose, and the built-in model's package where it lies beside edgeclf's wheel."""
    found = needed_wheels(board, wheel, extra, request.cache, request.refresh, request.requirements)
    beside = [w for w in map(parsed, sorted(request.wheels.glob("*.whl"))) if w is not None]
    models = [w for w in beside if w.name == "edgeclf-default-model" and fits(w, board)]
    return [*found, *models[-1:]]


def _needed_glibc(wheels: Sequence[Wheel]) -> Sequence[int]:
    """The newest glibc that any wheel's oldest tag asks for."""
    floors = [min(map(glibc_of, w.platforms)) for w in wheels]
    return max(floors)


def _holds_default_model(wheel: Wheel) -> bool:
    if wheel.name not in ("edgeclf", "edgeclf-default-model"):
        return False
    with zipfile.ZipFile(wheel.path) as archive:
        return any("efficientnet_lite0_int8" in name for name in archive.namelist())


def _copy_photos(photos: Path, folder: Path) -> None:
    pictures = sorted(photos.iterdir()) if photos.is_dir() else []
    pictures = [path for path in pictures if path.suffix.lower() in _PICTURES and path.is_file()]
    if not pictures:
        raise DeployError(
            f"collect: expected photographs (.jpg, .png) to test with in {photos}, found none. "
            "Give a folder with some that your model knows: --photos DIR"
        )
    folder.mkdir()
    for path in pictures[:MOST_PHOTOS]:
        shutil.copyfile(str(path), str(folder / path.name))


def _write_scripts(stage: Path, board: BoardFacts) -> None:
    shutil.copyfile(str(HERE / "on_board.py"), str(stage / "install.py"))
    (stage / "install.sh").write_text(scripts.install_script(board.python), encoding="utf-8")


def _service(request: Request, main: Optional[str]) -> Optional[Dict[str, Any]]:
    if main is None:
        if request.service:
            raise ArgumentError("--service: expected a program to run; give it with --app")
        return None
    unit = scripts.unit(main)
    return {"unit": unit, "enable": request.service}


def _packed(
    stage: Path,
    work: Path,
    manifest: Dict[str, Any],
    wheels: Sequence[Wheel],
    board: BoardFacts,
) -> Payload:
    size = sum(path.stat().st_size for path in stage.rglob("*") if path.is_file())
    installed = 0
    for wheel in wheels:
        with zipfile.ZipFile(wheel.path) as archive:
            installed += sum(info.file_size for info in archive.infolist())
    # While it is received there is the tar and its content, and later the content and the release.
    need = size + max(size, int(_ROOM * installed) + size) + _MARGIN
    content = json.dumps(manifest, sort_keys=True).encode()
    manifest.update(id=hashlib.sha256(content).hexdigest()[:12], need_bytes=need)
    _write_json(stage / "manifest.json", manifest)
    tar = work / "payload.tar"
    write_tar(stage, tar, f"edgeclf-{manifest['id']}")
    digest = hashlib.sha256(tar.read_bytes()).hexdigest()
    return Payload(tar, stage, digest, manifest, board)


def _write_json(path: Path, document: Dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")

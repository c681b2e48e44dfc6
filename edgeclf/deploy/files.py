"""The payload as files: a bundle for a board without network, an overlay for image builders."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from pathlib import Path

from edgeclf.deploy import scripts
from edgeclf.deploy.payload import Payload
from edgeclf.errors import ArgumentError, DeployError

__all__ = ["write_bundle", "write_overlay"]

_UNIT = "edgeclf-first-boot.service"


def write_bundle(payload: Payload, path: Path) -> None:
    """Write one tar; on the board: ``tar xf out.tar && sh edgeclf-*/install.sh``.

    Raises:
        DeployError: it cannot be written; an older file is then untouched.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        shutil.copyfile(str(payload.tar), str(temporary))
        temporary.replace(path)
    except OSError as exc:
        if temporary.exists():
            temporary.unlink()
        raise DeployError(f"bundle: {path}: {exc.strerror or exc}") from exc


def write_overlay(payload: Payload, root: Path, prefix: str) -> None:
    """Write the payload and a unit that installs it at the first start, below an image's root.

    Files and one link alone; nothing of the image is run. An existing payload there is replaced.

    Raises:
        ArgumentError: `prefix` is no absolute path of plain characters. DeployError.
    """
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", prefix) or ".." in prefix.split("/"):
        raise ArgumentError(
            f"--prefix: expected an absolute path such as /opt/edgeclf in an image, got {prefix!r}"
        )
    payload_path = f"{prefix}-payload"
    target = root / payload_path[1:]
    units = root / "etc/systemd/system"
    wants = units / "multi-user.target.wants"
    try:
        if target.exists():
            shutil.rmtree(str(target))
        shutil.copytree(str(payload.folder), str(target))
        (target / "install.sh").chmod(0o755)
        wants.mkdir(parents=True, exist_ok=True)
        (units / _UNIT).write_text(scripts.first_boot_unit(payload_path, prefix), encoding="utf-8")
        link = wants / _UNIT
        if not os.path.lexists(str(link)):
            link.symlink_to(f"../{_UNIT}")
    except OSError as exc:
        raise DeployError(f"overlay: {exc.filename or root}: {exc.strerror or exc}") from exc

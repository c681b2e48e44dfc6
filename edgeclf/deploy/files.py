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

__all__ = ["NO_SERVICE", "write_bundle", "write_overlay"]

_UNIT = "edgeclf-first-boot.service"
NO_SERVICE = (
    "--service: expected a board to deploy to; there is no user's systemd at an image's first "
    "start. Leave it out, and put a system unit for PREFIX/current/run into the image: "
    "docs/deploy.md has one"
)


def write_bundle(payload: Payload, path: Path) -> None:
    """Write one tar; on the board: ``tar xf out.tar && sh edgeclf-ID/install.sh``.

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
        ArgumentError: `prefix` is no absolute path of plain characters; the payload has a service,
            which is a user's, and an image's first start has none. DeployError: a file cannot be
            written, or a link in the image leads out of it.
    """
    if (payload.manifest.get("service") or {}).get("enable"):
        raise ArgumentError(NO_SERVICE)
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", prefix) or ".." in prefix.split("/"):
        raise ArgumentError(
            f"--prefix: expected an absolute path such as /opt/edgeclf in an image, got {prefix!r}"
        )
    payload_path = f"{prefix}-payload"
    target = root / payload_path[1:]
    units = root / "etc/systemd/system"
    wants = units / "multi-user.target.wants"
    for path in (target, units / _UNIT, wants):
        _check_inside(root, path)
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


def _check_inside(root: Path, path: Path) -> None:
    """An absolute link in an image is one of this machine's, as seen from here."""
    inside = os.path.realpath(str(root))
    real = os.path.realpath(str(path))
    if os.path.commonpath([inside, real]) != inside:
        raise DeployError(
            f"overlay: {path} leads out of the image by a link, to {real}. Choose a folder without "
            "links (--prefix), or make the link a relative one"
        )

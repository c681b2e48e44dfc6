"""Reads the values of ``edgeclf deploy``'s options."""

from __future__ import annotations

import re
from typing import Dict, Optional, Tuple

import click

__all__ = ["packages", "requirements", "version"]


def version(
    ctx: click.Context, param: click.Parameter, value: Optional[str]
) -> Optional[Tuple[int, int]]:
    """X.Y as two numbers."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+)\.(\d+)", value)
    if match is None:
        raise click.BadParameter(f"expected two numbers such as 2.31, got {value!r}")
    return int(match.group(1)), int(match.group(2))


def packages(
    ctx: click.Context, param: click.Parameter, values: Tuple[str, ...]
) -> Optional[Dict[str, str]]:
    """NAME==VERSION as often as given, as a dictionary; None where there is none."""
    pairs = [value.partition("==") for value in values]
    for name, _, version in pairs:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or not re.match(r"\d", version):
            raise click.BadParameter(f"expected NAME==VERSION, got {name!r}")
    return {name: version for name, _, version in pairs} or None


def requirements(
    ctx: click.Context, param: click.Parameter, values: Tuple[str, ...]
) -> Tuple[str, ...]:
    """Packages as pip takes them: no options of pip's, no files, no addresses."""
    for value in values:
        if not re.fullmatch(
            r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[\w,.-]+\])?([<>=!~]=?=?[\w.*,<>=!~]+)?", value
        ):
            raise click.BadParameter(
                f"expected a package such as pyserial or pyserial==3.5, got {value!r}"
            )
    return values

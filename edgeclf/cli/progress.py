"""A bar on stderr, where somebody watches and there is something to wait for."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import Callable, Iterator, Sequence, TypeVar

import click

__all__ = ["progress"]

Item = TypeVar("Item")

MANY = 10


@contextmanager
def progress(items: Sequence[Item]) -> Iterator["tuple[Iterator[Item], Callable[[], None]]"]:
    """The items, counted by a bar as they are taken, and a call that makes room for output.

    The bar is there only when stderr is a terminal and the items are many. Call the second one
    before anything is printed: it wipes the bar, which the next item draws again.
    """
    watched = bool(sys.stderr and sys.stderr.isatty()) and os.environ.get("TERM") != "dumb"
    if not watched or len(items) < MANY:
        yield iter(items), lambda: None
        return
    with click.progressbar(items, file=sys.stderr, show_pos=True, width=30) as bar:
        yield iter(bar), _wipe


def _wipe() -> None:
    # Not by click.echo, which under NO_COLOR drops this sequence too.
    sys.stderr.write("\r\033[K")
    sys.stderr.flush()

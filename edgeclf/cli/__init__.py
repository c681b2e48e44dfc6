"""The command ``edgeclf``. Only this package prints and exits.

``main`` is the entry point; the group of commands is ``edgeclf.cli.app.cli``.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn, Optional, Sequence

__all__ = ["CLOSED_PIPE", "INTERRUPTED", "main"]

INTERRUPTED = 128 + signal.SIGINT
CLOSED_PIPE = 128 + 13  # SIGPIPE's number, by name not on every system


def main(args: Optional[Sequence[str]] = None) -> NoReturn:
    """Run the command line and exit.

    The status is 0 when all went well, 1 when something failed, 2 when the command was not
    understood, 130 after Ctrl-C, 141 when whoever read the output has closed it.
    """
    try:
        status = _run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        status = CLOSED_PIPE
        _forget_output()
    except OSError as exc:  # a full disk shows when the last of the output is written
        status = 1
        _forget_output()
        print(f"edgeclf: the output cannot be written: {exc.strerror or exc}", file=sys.stderr)
    sys.exit(status)


def _run(args: Optional[Sequence[str]]) -> int:
    # Imported here, so that Ctrl-C during the import is quiet too.
    from edgeclf.cli.app import cli

    for stream in (sys.stdout, sys.stderr):
        # A label that the terminal's encoding lacks must not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        cli.main(args=None if args is None else list(args), prog_name="edgeclf")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    return 0


def _forget_output() -> None:
    # What Python still holds for stdout would fail once more while it shuts down.
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

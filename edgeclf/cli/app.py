"""The group of commands: loads each by name when it is needed, and says what went wrong."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from typing import Any, List, Optional

import click

from edgeclf.cli import CLOSED_PIPE, INTERRUPTED, text
from edgeclf.errors import EdgeclfError
from edgeclf.version import __version__

__all__ = ["cli", "failed"]

# The order of the help: what people need first stands first.
_COMMANDS = ("predict", "inspect", "build", "doctor", "deploy", "completion")


class _LazyGroup(click.Group):
    """Imports ``edgeclf.cli.<name>`` for its ``command`` when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"edgeclf.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:  # whoever read our output has enough
            ctx.exit(CLOSED_PIPE)
        except Exception as exc:
            failed(exc, debug=ctx.params["debug"])
            ctx.exit(1)


def failed(exc: BaseException, debug: bool, about: str = "") -> None:
    """Say on stderr what went wrong: one line, and the traceback where it was asked for.

    `about` is the file that it happened to; it is named where the message does not.
    """
    if debug:
        lines = traceback.format_exception(type(exc), exc, exc.__traceback__)
        click.echo("".join(lines), err=True, nl=False)
        return
    message = str(exc)
    if not isinstance(exc, EdgeclfError):
        # Not foreseen: the type says more than the message does.
        first_line = (message.splitlines() or [""])[0]
        message = f"{type(exc).__name__}: {first_line} (for the traceback: edgeclf --debug ...)"
    if about not in message:
        message = f"{about}: {message}"
    click.echo("\n".join(map(text.printable, f"edgeclf: {message}".split("\n"))), err=True)


def _log_to_stderr(ctx: click.Context) -> None:
    logger = logging.getLogger("edgeclf")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s: %(levelname)s: %(message)s"))
    level = logger.level

    def restore() -> None:
        logger.removeHandler(handler)
        logger.setLevel(level)

    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    ctx.call_on_close(restore)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="edgeclf", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Log to stderr what happens.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, verbose: bool, debug: bool) -> None:
    """Image classification on edge devices.

    Exit status: 0 all went well, 1 something failed, 2 the command was not understood.
    """
    ctx.obj = {"debug": debug}
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    if verbose:
        _log_to_stderr(ctx)

"""``edgeclf completion``: the script that lets a shell complete edgeclf's options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import click

__all__ = ["command"]

_SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the script that completes commands in your shell.")
@click.argument("shell", required=False, type=click.Choice(_SHELLS))
def command(shell: Optional[str]) -> None:
    """Print the script that completes edgeclf's commands and options; default: for your shell.

    \b
    Bash, in ~/.bashrc:
      eval "$(edgeclf completion bash)"
    Zsh, in ~/.zshrc, below compinit:
      eval "$(edgeclf completion zsh)"
    Fish, once:
      edgeclf completion fish > ~/.config/fish/completions/edgeclf.fish
    """
    from click.shell_completion import get_completion_class

    from edgeclf.cli.app import cli

    name = shell or Path(os.environ.get("SHELL", "")).name
    maker = get_completion_class(name) if name in _SHELLS else None
    if maker is None:
        raise click.UsageError(f"give the shell: one of {', '.join(_SHELLS)}")
    click.echo(maker(cli, {}, "edgeclf", "_EDGECLF_COMPLETE").source())

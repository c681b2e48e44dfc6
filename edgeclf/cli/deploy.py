"""``edgeclf deploy``: a model and a program onto a board, tested there, then switched to."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping

import click

from edgeclf.cli import deploy_values, text
from edgeclf.cli.deploy_lines import lines, tell, told_event

if TYPE_CHECKING:
    from edgeclf.deploy import BoardFacts, Connection, Payload

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_ANY = click.Path(path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(short_help="Bring a model and a program onto a board, over ssh or as files.")
@click.argument("host", required=False)
@click.option("-m", "--model", type=_FILE, help="An .onnx or .tflite file; else the built-in one.")
@click.option("--app", type=_ANY, help="Your program: a Python file, or a folder with a main.py.")
@click.option("--service", is_flag=True, help="Let the board's systemd run --app, from now on.")
@click.option(
    "--requirement",
    "requirements",
    metavar="NAME",
    multiple=True,
    callback=deploy_values.requirements,
    help="A package that --app needs, as pip takes it; may be repeated.",
)
@click.option("--wheels", type=_FOLDER, default="dist", show_default=True, help="edgeclf's wheels.")
@click.option("--photos", type=_FOLDER, help="Pictures to compare the model's answers on.")
@click.option("--refresh", is_flag=True, help="Choose and download the other wheels anew.")
@click.option("--prefix", metavar="DIR", help="The folder on the board.  [default: ~/edgeclf]")
@click.option("--python", metavar="NAME", help="The board's Python: python3.11, or its path.")
@click.option("--port", type=click.IntRange(1, 65535), help="ssh's port.")
@click.option("--identity", type=_FILE, help="ssh's key file.")
@click.option("--ssh-config", type=_FILE, help="Another configuration file for ssh.")
@click.option("--status", "status_", is_flag=True, help="Show what is installed; change nothing.")
@click.option("--rollback", "rollback_", is_flag=True, help="Go back to the release before.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
@click.option("--bundle", type=_FILE, help="Write one tar for a board without ssh or network.")
@click.option("--overlay", type=_FOLDER, help="Write files below the root of an image.")
@click.option(
    "--arch",
    type=click.Choice(("x86_64", "aarch64", "armv7l")),
    help="Without HOST: the board's processor.",
)
@click.option(
    "--glibc", metavar="X.Y", callback=deploy_values.version, help="Without HOST: its C library."
)
@click.option(
    "--has",
    metavar="NAME==VERSION",
    multiple=True,
    callback=deploy_values.packages,
    help="Without HOST: what its system's Python brings (armv7l); may be repeated.",
)
def command(**options: Any) -> None:
    """Install edgeclf, a runtime, a model and a program on the board HOST.

    The new release is made beside the old one and has to pass 'edgeclf doctor' and to give the
    answers that the model gives here; then one step switches to it. Whatever fails, the old one
    goes on. The board needs ssh and a Python, and no network.

    \b
    Examples:
      edgeclf deploy pi@raspberrypi.local --model mobilenet.tflite --app app.py
      edgeclf deploy pi@raspberrypi.local --rollback
      edgeclf deploy --bundle out.tar --arch aarch64 --python 3.11 --model mobilenet.tflite
    """
    _check(options)
    if options["host"] is None:
        result = _without_host(options)
    else:
        result = _with_host(options)
    if options["as_json"]:
        text.echo_json(result)
    else:
        for line in lines(result):
            click.echo(text.printable(line))


def _check(options: Mapping[str, Any]) -> None:
    chosen = [n for n in ("status_", "rollback_", "bundle", "overlay") if options[n]]
    if len(chosen) > 1:
        names = ", ".join(f"--{name.rstrip('_')}" for name in chosen)
        raise click.UsageError(f"{names} exclude each other: give one of them.")
    if options["overlay"] and options["service"]:
        from edgeclf.deploy.files import NO_SERVICE

        raise click.UsageError(NO_SERVICE)
    if options["host"] is None and not (options["bundle"] or options["overlay"]):
        raise click.UsageError("expected a HOST, such as pi@raspberrypi.local.")
    if options["host"] is None and not (options["arch"] and options["python"]):
        raise click.UsageError("without a HOST, --arch and --python (such as 3.11) are needed.")


def _with_host(options: Mapping[str, Any]) -> Dict[str, Any]:
    from edgeclf import deploy
    from edgeclf.deploy.model_files import deployable

    if options["model"]:
        deployable(options["model"])
    with deploy.Connection(
        options["host"],
        port=options["port"],
        identity=options["identity"],
        config=options["ssh_config"],
    ) as connection:
        tell("connect", f"asking {connection.host} what it is")
        boards = deploy.probe(connection, options["python"])
        prefix = options["prefix"] or "~/edgeclf"
        if options["status_"]:
            return deploy.status(connection, boards[0], prefix)
        if options["rollback_"]:
            return deploy.rollback(connection, boards[0], prefix, told_event)
        with tempfile.TemporaryDirectory(prefix="edgeclf-deploy-") as work:
            payload = _payload(options, boards, Path(work))
            if options["bundle"] or options["overlay"]:
                return _written(payload, options)
            return _sent(connection, payload, prefix)


def _sent(connection: "Connection", payload: "Payload", prefix: str) -> Dict[str, Any]:
    from edgeclf import deploy

    done = deploy.deploy(connection, payload, prefix, told_event)
    for warning in done.get("warnings", ()):
        click.echo(f"edgeclf: {text.printable(warning)}", err=True)
    return {**done, "host": connection.host, "prefix": prefix}


def _without_host(options: Mapping[str, Any]) -> Dict[str, Any]:
    from edgeclf import deploy

    match = re.fullmatch(r"(?:python)?(\d+)\.(\d+)", options["python"])
    if match is None:
        raise click.UsageError(f"--python: expected such as 3.11, got {options['python']!r}.")
    python = (int(match.group(1)), int(match.group(2)))
    board = deploy.assumed_board(options["arch"], python, options["glibc"], options["has"])
    with tempfile.TemporaryDirectory(prefix="edgeclf-deploy-") as work:
        return _written(_payload(options, [board], Path(work)), options)


def _payload(options: Mapping[str, Any], boards: "List[BoardFacts]", work: Path) -> "Payload":
    from edgeclf import deploy
    from edgeclf.deploy.download import cache_folder

    request = deploy.Request(
        model=options["model"],
        app=options["app"],
        wheels=options["wheels"],
        photos=options["photos"] or _photos(),
        service=options["service"],
        cache=cache_folder(),
        refresh=options["refresh"],
        requirements=options["requirements"],
    )
    return deploy.prepared(request, boards, work, lambda step: told_event({"step": step}))


def _photos() -> Path:
    """Those of a checkout, or a folder of the same name here."""
    checkout = Path(__file__).resolve().parents[2] / "examples" / "photos"
    return checkout if checkout.is_dir() else Path("photos")


def _written(payload: "Payload", options: Mapping[str, Any]) -> Dict[str, Any]:
    from edgeclf import deploy

    if options["bundle"]:
        deploy.write_bundle(payload, options["bundle"])
        return {"bundle": str(options["bundle"]), "id": payload.manifest["id"]}
    deploy.write_overlay(payload, options["overlay"], options["prefix"] or "/opt/edgeclf")
    return {"overlay": str(options["overlay"]), "id": payload.manifest["id"]}

"""What ``edgeclf deploy`` says: a line for each step on stderr, and the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import click

from edgeclf.cli import text

__all__ = ["lines", "tell", "told_event"]

_SAID = {
    "collect": "collecting the wheels for the board",
    "answers": "asking the model here",
    "pack": "packing",
    "transfer": "copying",
    "verify": "checking the sums there",
    "venv": "making an environment there",
    "install": "installing there, without a network",
    "doctor": "running edgeclf doctor there",
    "selftest": "comparing the model's answers there with those here",
    "confirm": "all is well",
    "switch": "switching",
    "service": "starting the service",
}


def told_event(event: Dict[str, Any]) -> None:
    if event.get("step") in _SAID:
        tell(event["step"], _SAID[event["step"]])


def tell(step: str, said: str) -> None:
    click.echo(f"{step:9} {text.printable(said)}", err=True)


def lines(result: Dict[str, Any]) -> List[str]:
    if "bundle" in result:
        top = f"edgeclf-{result['id']}"
        name = Path(result["bundle"]).name
        return [f"{result['bundle']}: on the board: tar xf {name} && sh {top}/install.sh"]
    if "overlay" in result:
        return [f"{result['overlay']}: is installed and tested when the image first starts"]
    if "releases" in result:
        others = [name for name in result["releases"] if name != result["current"]]
        return [
            f"prefix    {result['prefix']} ({result['free_bytes'] / 1e6:.0f} MB free)",
            f"current   {result['current'] or 'nothing'}",
            f"previous  {result['previous'] or 'nothing'}",
            f"others    {', '.join(others) or 'none'}",
        ]
    back = f"; before it: {result['previous']}" if result["previous"] else ""
    said = [f"{result['id']} is current{back}"]
    if "photos" in result:
        said.append(
            f"{result['photos']} photographs gave the same answers in {result['runtime']}; scores "
            f"differ by at most {result['largest_score_difference']:.2g}"
        )
    return said

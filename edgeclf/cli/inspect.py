"""``edgeclf inspect``: what a model is, and where each fact about it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

import click

from edgeclf.cli import text
from edgeclf.cli.app import failed

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Show a model's tensors, spec and labels, and their sources.")
@click.argument("model", required=False, type=_FILE)
@click.option("--spec", type=_FILE, help="A sidecar file (JSON) with what the model does not say.")
@click.option("--labels", type=_FILE, help="A text file with one label per line.")
@click.option("--backend", metavar="NAME", help="The runtime to use: see 'edgeclf doctor'.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    model: Optional[Path],
    spec: Optional[Path],
    labels: Optional[Path],
    backend: Optional[str],
    as_json: bool,
) -> None:
    """Show a model's tensors, what its input and output mean, and where each fact comes from.

    Without MODEL, the built-in one. Of a TensorRT engine, the header, how it was built, the spec
    and the labels are shown also where there is no TensorRT and no GPU.

    When something is missing or contradicts, what is known is shown all the same, stderr says
    what is wrong, and the exit status is 1.
    """
    from edgeclf.cli.facts import Arguments, facts_of_model

    facts = facts_of_model(Arguments(model, spec, labels, backend))
    problem = facts["problem"]
    if as_json:
        if problem is not None:
            facts["problem"] = {"type": type(problem).__name__, "message": str(problem)}
        text.echo_json(facts, pretty=True)
    else:
        _show(facts)
    if problem is not None:
        failed(problem, ctx.obj["debug"])
        ctx.exit(1)


def _show(facts: Dict[str, Any]) -> None:
    text.section(facts["model"]["name"], _model_lines(facts))
    if facts["engine"] is not None:
        from edgeclf.cli.engine_facts import engine_lines

        rows = [(name, text.printable(value)) for name, value in engine_lines(facts["engine"])]
        text.section("Engine", text.columns(rows))
    text.section("Tensors", _tensor_lines(facts))
    complete = facts["problem"] is None and facts["runtime"] is not None
    state = "" if complete else ", as far as known"
    text.section(f"Input spec{state}", _spec_lines(facts["input_spec"]))
    text.section(f"Output spec{state}", _spec_lines(facts["output_spec"]))
    text.section("Labels", _label_lines(facts["labels"]))
    text.section("Placement", _placement_lines(facts["placement"]))
    if facts["inspector"]:
        text.section("Layers", [text.printable(line) for line in facts["inspector"].splitlines()])


def _model_lines(facts: Dict[str, Any]) -> List[str]:
    model, runtime = facts["model"], facts["runtime"]
    rows = [
        ("path", model["path"]),
        ("format", ", ".join(filter(None, (model["format"], facts.get("precision"))))),
        ("size", f"{model['size_bytes']:,} bytes"),
        ("sha256", model["sha256"]),
        ("ends in", facts.get("final_operator") or "unknown"),
    ]
    if runtime is not None:
        rows.append(("runtime", f"{runtime['runtime']} on {runtime['device']}"))
    elif facts["runtime_missing"] is not None:
        rows.append(("runtime", f"none here: {text.printable(facts['runtime_missing'])}"))
    return text.columns(rows)


def _tensor_lines(facts: Dict[str, Any]) -> List[str]:
    rows = [_tensor_row("input", tensor) for tensor in facts["inputs"]]
    rows += [_tensor_row("output", tensor) for tensor in facts["outputs"]]
    return text.columns(rows) if rows else ["unknown: no runtime could load the model"]


def _tensor_row(kind: str, tensor: Dict[str, Any]) -> List[str]:
    shape = "x".join("?" if size is None else str(size) for size in tensor["shape"])
    facts = tensor["quantization"]
    quantization = f"{facts['scale']:.6g} * (code - {facts['zero_point']})" if facts else ""
    return [kind, text.printable(tensor["name"]), shape, tensor["dtype"], quantization]


def _spec_lines(spec: Dict[str, Any]) -> List[str]:
    rows = [(name, _value(fact["value"]), fact["source"]) for name, fact in spec.items()]
    return text.columns(rows) if rows else ["nothing"]


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, dict):  # score_calibration
        return f"{value['transformation']}, {len(value['parameters'])} classes"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _list(values: List[Any]) -> str:
    few = ", ".join(_value(value) for value in values[:4])
    return few if len(values) <= 4 else f"{few}, ... ({len(values)} values)"


def _label_lines(labels: Optional[Dict[str, Any]]) -> List[str]:
    if labels is None:
        return ["none: a category's label is its index"]
    lines = [f"{labels['count']} from {labels['source']}"]
    lines += [text.printable(label) for label in labels["first"]]
    if labels["last"]:
        lines += ["..."] if labels["count"] > len(labels["first"] + labels["last"]) else []
        lines += [text.printable(label) for label in labels["last"]]
    return lines


def _placement_lines(placement: List[Dict[str, Any]]) -> List[str]:
    rows = [(p["unit"], f"{p['operators']} operators", p["reason"]) for p in placement]
    return text.columns(rows) if rows else ["unknown"]

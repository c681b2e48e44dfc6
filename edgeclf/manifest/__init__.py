"""Reads and writes the spec and the labels wherever they live.

`read` collects what is written, `resolve` makes one spec of it; both before a runtime is loaded
any further than its tensors' names and shapes. Nothing here runs code from a file.
"""

from __future__ import annotations

from typing import Any

from edgeclf.manifest.base import GraphFacts, Resolved, Source
from edgeclf.manifest.homes import read
from edgeclf.manifest.merge import resolve
from edgeclf.manifest.sidecar import write_sidecar
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec

__all__ = [
    "GraphFacts",
    "Resolved",
    "Source",
    "check_external_data",
    "embed",
    "graph_facts",
    "read",
    "resolve",
    "write_sidecar",
]


def graph_facts(model: ModelFile) -> GraphFacts:
    """What the model's graph says of its own end and its weights, read without a runtime.

    An engine is a closed box: what is known is the precision that its builder wrote down.

    Raises:
        ModelError: the file is truncated or damaged. BackendUnavailable: its parser is missing.
    """
    if model.format == "onnx":
        from edgeclf.manifest.onnx_graph import graph_facts as of_onnx

        return of_onnx(model)
    if model.format == "tflite":
        from edgeclf.manifest.tflite_graph import graph_facts as of_tflite

        return of_tflite(model)
    from edgeclf.manifest.engine import graph_facts as of_engine

    return of_engine(model)


def check_external_data(model: ModelFile) -> None:
    """Refuse an ONNX model whose weights lie outside its folder; other formats have none.

    Raises:
        ManifestError: a location that is absolute, climbs, is a link, is missing or too short,
            or any at all for a model given as bytes. ModelError: the file is damaged.
    """
    if model.format == "onnx":
        from edgeclf.manifest.external_data import check

        check(model)


def embed(path: Any, input_spec: InputSpec, output_spec: OutputSpec, *, out: Any = None) -> None:
    """Write the specs into an ONNX or TFLite model or a TensorRT engine, in place of older ones.

    Args:
        path: the model.
        out: where the result goes, in one step; None replaces the model itself.

    The graph and its weights stay as they are, so the outputs do too; the checksum changes, and a
    sidecar that states the old one has to be written anew.
    An engine has them in JSON in front of its plan, as Ultralytics writes it; TensorRT itself, and
    what reads plans alone, must then be given what follows it (``edgeclf.engine.split``).
    TFLite gets the standard metadata as well, as far as it can say the same; writing it needs
    ``edgeclf[tools]``.

    Raises:
        ManifestError: the specs take too much room, or the file cannot be written; what was
            there is then untouched. ModelError: the model is damaged. BackendUnavailable: tools are
            missing.
    """
    from edgeclf.manifest.embedding import embed as write

    write(path, input_spec, output_spec, out=out)

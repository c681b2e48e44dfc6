"""What a home of facts gives: the fields it states, and what it only implies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, NamedTuple, Optional, Tuple

from edgeclf.spec import InputSpec, OutputSpec
from edgeclf.types import Quantization

__all__ = ["GraphFacts", "Resolved", "Source"]


@dataclass
class Source:
    """The facts from one home.

    ``fields`` maps names of InputSpec's and OutputSpec's fields (no name is in both) to values.
    ``conventions`` are what this kind of file implies without stating it: they give way to any
    statement and never contradict one. ``name`` is what a person reads: "argument",
    "mobilenet.json", "TFLite Metadata", "preprocessor_config.json".
    ``sha256`` is the model's expected checksum, where the home states one.
    """

    name: str
    fields: Dict[str, Any] = field(default_factory=dict)
    conventions: Dict[str, Any] = field(default_factory=dict)
    sha256: Optional[str] = None


class GraphFacts(NamedTuple):
    """What the model's own graph says, read without a runtime.

    ``activation`` is "none" when the scores' producer is a Softmax or a Sigmoid (looked for
    through operators that only re-shape or re-quantise), else None: not known.
    ``final_operator`` is that producer's name, for messages. ``precision`` is what most weights
    are stored in: "fp32", "fp16" or "int8".
    """

    final_operator: str
    activation: Optional[str]
    precision: str


class Resolved(NamedTuple):
    """One spec out of all homes. ``provenance`` maps each field's name to the home it came from
    ("default" and "convention (...)" among them)."""

    input_spec: InputSpec
    output_spec: OutputSpec
    quantization: Optional[Quantization]
    provenance: Dict[str, str]
    graph: GraphFacts
    sources: Tuple[Source, ...]

"""What an engine's file says of itself, as plain data and as lines for people."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from edgeclf import manifest
from edgeclf.backends import Backend
from edgeclf.engine import facts_of, read_header, split, version_text
from edgeclf.errors import EdgeclfError
from edgeclf.manifest.coherence import refuse_contradictions
from edgeclf.model_file import ModelFile

__all__ = ["contradiction", "engine_facts", "engine_lines", "inspector_text"]


def engine_facts(file: ModelFile) -> Dict[str, Any]:
    """The header's facts and the builder's, ready for JSON, under the key "engine".

    Needs no runtime and no GPU; {} for a model of another format.

    Raises:
        ModelError: cut short, damaged, or a document in front that is not in order.
    """
    if file.format != "engine":
        return {}
    document, plan = split(file.content, name=file.name)
    header = read_header(plan, name=file.name, document=document)
    written = facts_of(document, name=file.name)
    capabilities = [f"{major}.{minor}" for major, minor in header.compute_capabilities]
    facts = {
        "kind": header.kind,
        "builder": version_text(header),
        "serialization_version": header.serialization_version,
        "plan_bytes": len(plan),
        "compute_capabilities": capabilities,
        **written._asdict(),
    }
    facts["batch"] = list(written.batch) if written.batch else None
    return {"engine": facts}


def contradiction(file: ModelFile, spec: Any, labels: Any) -> Optional[EdgeclfError]:
    """What is wrong with what is said of a model, as far as it shows without its tensors."""
    try:
        refuse_contradictions(manifest.read(file, spec=spec, labels=labels), file.name)
    except EdgeclfError as exc:
        return exc
    return None


def inspector_text(backend: Backend) -> Dict[str, Any]:
    """What the runtime's own inspector says of each layer; {} where the backend has none.

    A backend that can tell has a method ``engine_inspector`` that returns the text.
    """
    inspector = getattr(backend, "engine_inspector", None)
    return {"inspector": inspector()} if inspector is not None else {}


def engine_lines(facts: Dict[str, Any]) -> List[Tuple[str, str]]:
    """What `engine_facts` found, as names and texts; only what is known."""
    compatible = facts["version_compatible"]
    capabilities = ", ".join(facts["compute_capabilities"]) or facts["compute_capability"]
    batch = facts["batch"]
    rows = [
        ("built with", facts["builder"]),
        ("built as", facts["built_with"]),
        ("built on", facts["gpu"]),
        ("built for", capabilities and f"compute capability {capabilities}"),
        ("precision", facts["precision"]),
        ("batch", batch and f"{batch[0]} to {batch[2]}, best at {batch[1]}"),
        ("compatible", None if compatible is None else _COMPATIBLE[compatible]),
        ("from", facts["source"]),
        ("from sha256", facts["source_sha256"]),
        ("plan", f"{facts['plan_bytes']:,} bytes, {_CHECKED[facts['plan_sha256'] is not None]}"),
    ]
    return [(name, value) for name, value in rows if value]


_COMPATIBLE = {True: "with later versions of TensorRT too", False: "with this version alone"}
_CHECKED = {True: "as its checksum says", False: "no checksum"}

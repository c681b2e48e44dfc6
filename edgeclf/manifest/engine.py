"""What edgeclf itself wrote in front of a TensorRT engine's plan: the part "edgeclf"."""

from __future__ import annotations

from typing import Any, Dict, Optional

from edgeclf.engine import facts_of, join, read_header, split
from edgeclf.engine.container import DOCUMENT
from edgeclf.manifest.base import GraphFacts, Source
from edgeclf.manifest.sidecar import source_of
from edgeclf.model_file import ModelFile

__all__ = ["embedded", "graph_facts", "read"]

NAME = "JSON in front of the engine"


def read(model: ModelFile) -> Optional[Source]:
    """The part "edgeclf" of the document in front of the plan; None when there is none.

    Raises:
        ManifestError: the document is not in order. ModelError: the file is cut short, or the
            plan is not the one whose checksum the document states.
    """
    document, _ = split(model.content, name=model.name)
    part = None if document is None else document.get(DOCUMENT)
    return None if part is None else source_of(part, NAME)


def embedded(model: ModelFile, document: Dict[str, Any]) -> bytes:
    """The engine's bytes with `document` in front, in place of an older one of edgeclf's.

    The plan and what others wrote in front of it stay as they are.

    Raises:
        ManifestError, ModelError: as for `read`; the document is longer than 16 MiB.
    """
    old, plan = split(model.content, name=model.name)
    return join({**(old or {}), DOCUMENT: document}, plan)


def graph_facts(model: ModelFile) -> GraphFacts:
    """The precision that the builder wrote down, "" where it did not; the header is checked.

    Raises:
        ManifestError: the document is not in order. ModelError: the plan's header is not. Its
            checksum is `read`'s affair.
    """
    document, plan = split(model.content, name=model.name, verify=False)
    read_header(plan, name=model.name, document=document)
    return GraphFacts("", None, facts_of(document, name=model.name).precision or "")

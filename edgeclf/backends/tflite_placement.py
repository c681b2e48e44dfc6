"""Which nodes of a TFLite graph a delegate took, and whether its memory can move while it runs.

TFLite's Python interface lists every node of the model and, after them, one node for each part
that a delegate runs in their place; it does not say which nodes that part replaced. They are found
by walking from the part's outputs back to its inputs: whatever the part needs from outside is
among its inputs, so the walk cannot leave it.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Sequence, Set, Tuple

from edgeclf.types import Placement

__all__ = ["count_delegated", "has_dynamic_tensors", "placements"]

_DELEGATE = "DELEGATE"

Node = Dict[str, Any]


def count_delegated(nodes: Sequence[Node]) -> int:
    """How many parts of the graph delegates run."""
    return sum(node["op_name"] == _DELEGATE for node in nodes)


def placements(
    nodes: Sequence[Node], delegates: Sequence[str], own_parts: int
) -> Tuple[Placement, ...]:
    """Operators per unit.

    Args:
        nodes: ``Interpreter._get_ops_details()``, after the tensors were allocated.
        delegates: the names of the delegates that the user loaded.
        own_parts: how many parts those took; the parts after them are XNNPACK's.
    """
    originals = [node for node in nodes if node["op_name"] != _DELEGATE]
    parts = [node for node in nodes if node["op_name"] == _DELEGATE]
    theirs = _replaced_by(parts[:own_parts], originals)
    xnnpack = _replaced_by(parts[own_parts:], originals) - theirs
    rest = len(originals) - len(theirs) - len(xnnpack)
    found = [
        Placement(", ".join(delegates), len(theirs), "taken by the delegate"),
        Placement("XNNPACK", len(xnnpack), "taken by TFLite's default delegate"),
        Placement("TFLite CPU", rest, "not taken by a delegate"),
    ]
    return tuple(p for p in found if p.operators)


def has_dynamic_tensors(interpreter: Any, nodes: Sequence[Node]) -> bool:
    """Whether a tensor's size is known only while the model runs.

    TFLite may then move all its tensors, the input too, in the middle of a run. Before the first
    run such a tensor has no memory, and asking for it raises, or it has no elements.
    """
    parts = [node for node in nodes if node["op_name"] == _DELEGATE]
    originals = [node for node in nodes if node["op_name"] != _DELEGATE]
    replaced = _replaced_by(parts, originals)
    for node in nodes:
        if node["index"] in replaced:
            continue
        for tensor in _tensors(node["outputs"]):
            try:
                if not interpreter.tensor(tensor)().size:
                    return True
            except ValueError:
                return True
    return False


def _replaced_by(parts: Iterable[Node], originals: Sequence[Node]) -> Set[int]:
    producer = {t: node for node in originals for t in _tensors(node["outputs"])}
    replaced: Set[int] = set()
    for part in parts:
        outside = set(_tensors(part["inputs"]))
        pending = _tensors(part["outputs"])
        while pending:
            node = producer.get(pending.pop())
            if node is None or node["index"] in replaced:
                continue
            replaced.add(node["index"])
            pending.extend(t for t in _tensors(node["inputs"]) if t not in outside)
    return replaced


def _tensors(indices: Iterable[int]) -> List[int]:
    # -1 stands for an optional tensor that is not there.
    return [int(i) for i in indices if i >= 0]

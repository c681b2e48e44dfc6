"""Which of ONNX Runtime's execution providers runs how many operators of a model."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Optional, Tuple

import numpy as np

from edgeclf.errors import BackendError
from edgeclf.types import Placement

__all__ = ["assigned_placement", "profiled_placement"]

_KERNEL_EVENT = "_kernel_time"


def assigned_placement(session: Any) -> Optional[Tuple[Placement, ...]]:
    """What the session recorded when it divided the graph; None where the runtime cannot say."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    counts: Counter[str] = Counter()
    for subgraph in session.get_provider_graph_assignment_info():
        counts[subgraph.ep_name] += len(subgraph.get_nodes())
    return _placements(counts, "assigned when the session was created")


def profiled_placement(load: Callable[..., Any], tensor: np.ndarray) -> Tuple[Placement, ...]:
    """Profile one run on `tensor`; `load(profile_prefix=...)` gives a session of its own.

    Raises:
        BackendError: the run failed, or there is nowhere to write its profile.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="edgeclf-") as folder:
            session = load(profile_prefix=str(Path(folder, "run")))
            session.run(None, {session.get_inputs()[0].name: tensor})
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    except Exception as exc:
        raise BackendError(f"placement: profiling one run failed: {exc}") from exc
    nodes = {
        (event["args"]["node_index"], event["name"]): event["args"]["provider"]
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL_EVENT)
    }
    return _placements(Counter(nodes.values()), "seen in the profile of one run")


def _placements(counts: Counter[str], reason: str) -> Tuple[Placement, ...]:
    return tuple(Placement(unit, number, reason) for unit, number in counts.most_common())

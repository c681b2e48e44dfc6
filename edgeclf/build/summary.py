"""What is said of a build: in the document in front of the plan, and in the report."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from edgeclf.build.job import Job
from edgeclf.build.plan import Built
from edgeclf.build.prepare import Prepared
from edgeclf.build.report import BuildReport, CheckReport, MemoryReport
from edgeclf.engine import EngineHeader
from edgeclf.manifest.sidecar import document_of

__all__ = ["document_for", "report_of"]


def document_for(
    job: Job, prepared: Prepared, built: Built, header: EngineHeader
) -> Dict[str, Dict[str, Any]]:
    """What stands in front of the plan."""
    cuda, origin = job.device.cuda, job.origin
    facts = {
        "built_with": job.api.text,
        "gpu": None if cuda is None else cuda.facts.name,
        "compute_capability": _capability(job, header),
        "precision": job.options.precision,
        "source": "".join(c for c in origin.model.name if c.isprintable()),
        "source_sha256": origin.sha256,
        "version_compatible": job.options.version_compatible,
        "batch": list(built.batch),
        "plan_sha256": hashlib.sha256(built.plan).hexdigest(),
    }
    return {
        "edgeclf": document_of(prepared.input_spec, origin.resolved.output_spec),
        "engine": {name: value for name, value in facts.items() if value is not None},
    }


def _capability(job: Job, header: EngineHeader) -> Optional[str]:
    numbers = header.compute_capabilities
    if not numbers and job.device.cuda is not None:
        numbers = (job.device.cuda.facts.compute_capability,)
    return ", ".join(f"{major}.{minor}" for major, minor in numbers) or None


def report_of(
    job: Job,
    prepared: Prepared,
    memory: MemoryReport,
    verdict: CheckReport,
    facts: Dict[str, Any],
    out: Path,
    size: int,
    seconds: Dict[str, float],
) -> BuildReport:
    """The report; `facts` is the document's part "engine"."""
    options = job.options
    return BuildReport(
        engine=str(out),
        size_bytes=size,
        plan_sha256=facts["plan_sha256"],
        source=facts["source"],
        source_sha256=facts["source_sha256"],
        built_with=facts["built_with"],
        gpu=facts.get("gpu"),
        compute_capability=facts.get("compute_capability"),
        precision=options.precision,
        batch=tuple(facts["batch"]),
        version_compatible=options.version_compatible,
        dla=options.dla,
        changes=prepared.changes,
        notes=_notes(job, memory),
        memory=memory,
        check=verdict,
        seconds=seconds,
    )


def _notes(job: Job, memory: MemoryReport) -> Tuple[str, ...]:
    """What the precision that was asked for means with this builder, and the like."""
    notes: List[str] = []
    precision, api = job.options.precision, job.api
    if precision != "fp32" and not api.strongly_typed:
        notes.append(
            f"{precision} is allowed, and TensorRT chooses for each layer what is quickest; a "
            "layer may run in a wider type"
        )
    if precision == "int8" and api.strongly_typed:
        notes.append("what is not quantised runs in fp32")
    if precision == "fp32":
        notes.append("TF32 is off: fp32 is computed as such")
    if job.options.version_compatible:
        notes.append(
            "it carries the lean runtime of its version, which is host code: loading it, with this "
            "TensorRT or a later one, needs backend_options={'engine_host_code_allowed': True}"
        )
    if memory.warning:
        notes.append(memory.warning)
    return tuple(notes)

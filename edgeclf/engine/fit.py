"""Whether an engine can run here, asked before a runtime sees it."""

from __future__ import annotations

import re
from typing import Any, Mapping, Optional, Tuple

from edgeclf.engine.facts import EngineFacts, capability_of, facts_of, rebuild_command
from edgeclf.engine.header import CAPABILITY_BITS, EngineHeader, version_text
from edgeclf.errors import ModelError

__all__ = [
    "OTHER_VERSION",
    "Capability",
    "built_with",
    "check_fits",
    "here",
    "refusal",
]

Capability = Tuple[int, int]

_MODULES = {
    "tensorrt": "TensorRT",
    "tensorrt-lean": "TensorRT's lean runtime",
    "tensorrt-rtx": "TensorRT for RTX",
}
_VERSION_PARTS = 3  # builds of one release read each other's plans

OTHER_VERSION = "an engine is read by the version of TensorRT that built it, and no other"
_OTHER_GPU = "an engine runs on the compute capability that it was built for"


def check_fits(
    header: EngineHeader,
    *,
    name: str,
    module_kind: str,
    module_version: str,
    compute_capability: Optional[Capability],
    document: Optional[Mapping[str, Any]] = None,
) -> None:
    """Refuse an engine that the runtime here, or the GPU here, cannot use.

    Args:
        header: of its plan.
        name: the file's name, for messages and the command that rebuilds it.
        module_kind: "tensorrt", "tensorrt-lean" or "tensorrt-rtx": the runtime here.
        module_version: its ``__version__``, "10.3.0".
        compute_capability: of the GPU here, (major, minor); None leaves the GPU out.
        document: what `split` found in front of the plan.

    Raises:
        ModelError: says what the engine was built with, what is here, and the command that
            builds it again. ManifestError: the document is not in order.

    What neither header nor document tells is left to the runtime, and to `explain`.
    """
    facts = facts_of(document, name=name)
    more: Tuple[str, ...] = ()
    problem = (
        _other_product(header, module_kind)
        or _other_version(header, facts, module_kind, module_version)
        or _not_lean(facts, module_kind)
    )
    if not problem:
        problem, more = _other_gpu(header, facts, compute_capability)
    if problem:
        ours = here(module_kind, module_version, compute_capability)
        command = rebuild_command(name, facts, more)
        raise refusal(f"{name}: {problem}", built_with(header, facts), ours, command)


def refusal(problem: str, built: str, ours: str, command: str) -> ModelError:
    """The one form that all refusals have."""
    return ModelError(f"{problem}. Built with: {built}; here: {ours}. To build it again: {command}")


def built_with(header: EngineHeader, facts: EngineFacts) -> str:
    """The builder and the GPU for people, as far as they are known."""
    parts = [version_text(header)]
    if header.version == (0, 0, 0, 0) and facts.built_with:
        parts = [facts.built_with[:60]]
    if facts.gpu:
        parts.append(facts.gpu[:60])
    capabilities = ", ".join(f"{major}.{minor}" for major, minor in header.compute_capabilities)
    capabilities = capabilities or (facts.compute_capability or "")[:60]
    if capabilities:
        parts.append(f"compute capability {capabilities}")
    return ", ".join(parts)


def here(
    module_kind: str, module_version: str, compute_capability: Optional[Capability] = None
) -> str:
    """The runtime and the GPU here for people."""
    text = f"{_MODULES.get(module_kind, module_kind)} {module_version}"
    if compute_capability is None:
        return text
    return f"{text}, compute capability {compute_capability[0]}.{compute_capability[1]}"


def _other_product(header: EngineHeader, module_kind: str) -> str:
    if (header.kind == "tensorrt-rtx") == (module_kind == "tensorrt-rtx"):
        return ""
    return f"an engine of {_MODULES[header.kind]} is read by no other runtime"


def _other_version(
    header: EngineHeader, facts: EngineFacts, module_kind: str, module_version: str
) -> str:
    built, ours = _version(header, facts), _numbers(module_version)
    if not any(built) or len(built) < 2 or len(ours) < 2:
        return ""
    known = min(len(built), len(ours))
    if built[:known] == ours[:known]:
        return ""
    # The lean runtime is there for version-compatible engines: without a document it knows best.
    lean = module_kind == "tensorrt-lean" and facts.version_compatible is None
    if (facts.version_compatible or lean) and module_kind != "tensorrt-rtx":
        if built[:known] < ours[:known]:
            return ""
        return "a version-compatible engine is read by its own version of TensorRT and later ones"
    return OTHER_VERSION


def _version(header: EngineHeader, facts: EngineFacts) -> Tuple[int, ...]:
    if any(header.version):
        return header.version[:_VERSION_PARTS]
    # Its document was written by a builder of edgeclf's: "tensorrt 8.2.1".
    return _numbers((facts.built_with or "").split(" ")[-1])


def _numbers(version: str) -> Tuple[int, ...]:
    found = re.match(r"\d{1,4}(?:\.\d{1,4})*", version)
    if found is None:
        return ()
    return tuple(int(part) for part in found.group().split("."))[:_VERSION_PARTS]


def _not_lean(facts: EngineFacts, module_kind: str) -> str:
    if module_kind != "tensorrt-lean" or facts.version_compatible is not False:
        return ""
    return "TensorRT's lean runtime reads version-compatible engines alone, and this is none"


def _other_gpu(
    header: EngineHeader, facts: EngineFacts, ours: Optional[Capability]
) -> Tuple[str, Tuple[str, ...]]:
    """The problem, "" where there is none, and the option that builds for this GPU."""
    if ours is None:
        return "", ()
    if header.kind == "tensorrt-rtx":
        known = header.compute_capabilities
        # A GPU that has no bit may be among the "later" ones: the runtime knows.
        if not known or ours in known or ours not in CAPABILITY_BITS:
            return "", ()
        # Left to itself the builder leaves out 7.5.
        return _OTHER_GPU, ("--compute-capability", f"{ours[0]}.{ours[1]}")
    return (_OTHER_GPU if capability_of(facts) not in (None, ours) else ""), ()

"""What a runtime logged when it refused an engine, as one error that says what to do.

``deserialize_cuda_engine`` returns None and says why in its logger alone, in words that differ
from release to release. The table has those of TensorRT 7 to 11 and of TensorRT for RTX.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, Match, NamedTuple, Optional, Pattern, Sequence

from edgeclf.engine.facts import facts_of, rebuild_command
from edgeclf.engine.fit import OTHER_VERSION, Capability, built_with, here, refusal
from edgeclf.engine.header import EngineHeader
from edgeclf.errors import ModelError

__all__ = ["explain"]

# Of what the runtime says this much is quoted.
_MAX_QUOTE = 400
_VERSION = r"(\d+(?:\.\d+){1,3})"

# The numbers in "Version tag does not match", as far as users have told them with a release.
_SERIALIZATIONS: Dict[int, str] = {
    205: "8.2",
    213: "8.4",
    232: "8.5",
    236: "8.6",
    237: "10.0 or 10.1",
}


class _Reason(NamedTuple):
    """What is wrong; what the message itself tells of the builder and of this machine."""

    problem: str
    built: str = ""
    ours: str = ""


class _Row(NamedTuple):
    pattern: Pattern[str]
    reason: Callable[[Match[str]], _Reason]


def _row(pattern: str, reason: Callable[[Match[str]], _Reason]) -> _Row:
    return _Row(re.compile(pattern, re.IGNORECASE), reason)


def _always(problem: str) -> Callable[[Match[str]], _Reason]:
    return lambda found: _Reason(problem)


def _release(number: str) -> str:
    known = _SERIALIZATIONS.get(int(number))
    return f"serialization version {number}" + (f", TensorRT {known}" if known else "")


# The first row that fits any line is the reason: the cause above what follows from it.
_TABLE = (
    _row(
        rf"expecting library version {_VERSION},? got {_VERSION}",
        lambda found: _Reason(
            OTHER_VERSION,
            f"TensorRT {found.group(2)}",
            f"TensorRT {found.group(1)}",
        ),
    ),
    _row(
        r"expecting compute (\d+\.\d+),? got compute (\d+\.\d+)",
        lambda found: _Reason(
            "an engine runs on the compute capability that it was built for",
            f"compute capability {found.group(2)}",
            f"compute capability {found.group(1)}",
        ),
    ),
    _row(
        r"does not support this compute capability",
        _always("the runtime has no code for this GPU, whatever the engine: use another runtime"),
    ),
    _row(
        r"cannot run on this GPU, which has compute capability\W*(\d+\.?\d*)",
        lambda found: _Reason(
            "an engine runs on the compute capabilities that it was built for",
            ours=f"compute capability {found.group(1).rstrip('.')}",
        ),
    ),
    _row(
        r"Current Version: (\d{1,9}),? *Serialized Engine Version: (\d{1,9})",
        lambda found: _Reason(
            OTHER_VERSION,
            _release(found.group(2)),
            _release(found.group(1)),
        ),
    ),
    _row(
        r"Version tag does not match|old deserialization call on a newer plan",
        _always(OTHER_VERSION),
    ),
    _row(
        r"Platform specific tag mismatch|expectedPlatformTag",
        _always("an engine runs on the operating system and processor it was built for"),
    ),
    _row(
        r"Magic tag does not match|magicTag",
        _always("it is not an engine of this runtime, or it is damaged"),
    ),
    _row(
        r"header\.size == blobSize|blob size mismatches|header entry count|cursor <=? ?blobSize"
        r"|empty (?:blob|memory buffer)",
        _always("the engine is cut short or damaged: copy it again, or build it anew"),
    ),
    _row(
        r"getEngineHostCodeAllowed\(\) is false|engine_host_code_allowed",
        _always(
            "the engine brings program code of its own, which is not run unless you say so: "
            "backend_options={'engine_host_code_allowed': True}, and only if you trust the file"
        ),
    ),
    _row(
        r"plugin.*not found|(?:find|get) ?plugin|IPluginCreator",
        _always("the engine needs a plugin, and edgeclf loads none: build it without"),
    ),
    _row(
        r"kDLA_STANDALONE",
        _always("the engine was built for cuDLA alone, which is no TensorRT runtime"),
    ),
    _row(
        r"driver version is insufficient|current CUDA driver version is|OLD_CUDA",
        _always("the NVIDIA driver is too old for this engine or this runtime: update the driver"),
    ),
)


def explain(
    messages: Sequence[str],
    header: EngineHeader,
    *,
    name: str,
    module_kind: str,
    module_version: str,
    compute_capability: Optional[Capability] = None,
    document: Optional[Mapping[str, Any]] = None,
) -> ModelError:
    """The error for an engine that the runtime refused; to be raised by the caller.

    Args:
        messages: what the runtime's logger was given, warnings and worse, in order.
        header, name, module_kind, module_version, compute_capability, document: as for
            `check_fits`.

    Returns:
        An error that says why, what the engine was built with, what is here, and the command
        that builds it again. Its end quotes the runtime.

    Raises:
        ManifestError: the document is not in order.
    """
    facts = facts_of(document, name=name)
    reason = _reason(messages)
    refused = refusal(
        f"{name}: {reason.problem}",
        _with(built_with(header, facts), reason.built),
        _with(here(module_kind, module_version, compute_capability), reason.ours),
        rebuild_command(name, facts),
    )
    return ModelError(f"{refused}{_quoted(messages)}")


def _reason(messages: Sequence[str]) -> _Reason:
    for row in _TABLE:
        for message in messages:
            found = row.pattern.search(message[:2000])
            if found is not None:
                return row.reason(found)
    return _Reason("the runtime cannot read this engine")


def _with(known: str, said: str) -> str:
    """What is known, and what the runtime says where that adds to it."""
    return known if said in known else f"{known} (the runtime says {said})"


def _quoted(messages: Sequence[str]) -> str:
    lines = [" ".join(message.split()) for message in messages]
    text = " | ".join(line for line in lines if line)[:_MAX_QUOTE]
    if not text:
        return ""
    return f". The runtime said: {''.join(c if c.isprintable() else '?' for c in text)}"

"""Engines with random damage, and bytes that never were one: typed errors and nothing else."""

from __future__ import annotations

import json
import random
from typing import Any, Callable, Dict, List

import pytest
from engine_plans import in_front, packed, rtx_plan
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclf.engine import check_fits, explain, facts_of, join, read_header, split
from edgeclf.errors import ManifestError, ModelError
from edgeclf.manifest import graph_facts, read
from edgeclf.manifest.engine import embedded
from edgeclf.model_file import ModelFile

DOCUMENT: Dict[str, Any] = {
    "edgeclf": {"schema_version": 1, "input": {"width": 8, "mean": [1, 2, 3]}, "output": {}},
    "engine": {"built_with": "tensorrt 10.3.0", "compute_capability": "8.7", "batch": [1, 2, 4]},
    "task": "classify", "imgsz": [8, 8], "names": {"0": "a", "1": "b"}, "stride": 1,
}  # fmt: skip


def read_in_full(content: bytes) -> None:
    """Everything that reads an engine without a runtime."""
    model = ModelFile(content)
    if model.format == "engine":
        read(model)
        graph_facts(model)
        embedded(model, {"schema_version": 1})
    document, plan = split(content)
    header = read_header(plan)
    facts_of(document)
    version = ".".join(str(part) for part in header.version)
    here: Dict[str, Any] = {
        "name": "m.engine",
        "module_kind": header.kind,
        "module_version": version if any(header.version) else "10.3.0",
        "compute_capability": (8, 7),
        "document": document,
    }
    str(explain(["got compute 8.7"], header, **here))
    check_fits(header, **here)


def refused(content: bytes) -> bool:
    caught = None
    try:
        read_in_full(content)
    except ModelError as exc:  # any other error is this test's failure
        caught = exc
    assert type(caught) in (type(None), ModelError, ManifestError)
    assert len(str(caught)) < 3000
    return caught is not None


def flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def spliced(content: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(content)) for _ in range(2))
    return content[:start] + content[end:]


def inserted(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    more = bytes(chance.choice(b'{}[]",:\\0019-eEtfn\x00\xff') for _ in range(chance.randrange(9)))
    return content[:at] + more + content[at:]


def with_another_number(content: bytes, chance: random.Random) -> bytes:
    at = chance.choice((0, 4, 8, 16, 24, 28, 32))
    number = chance.choice((0, 1, 2, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, len(content)))
    return content[:at] + number.to_bytes(4, "little") + content[at + 4 :]


DAMAGE: List[Callable[[bytes, random.Random], bytes]] = [
    flipped, cut, spliced, inserted, with_another_number,
]  # fmt: skip


def wholes() -> List[bytes]:
    """Small engines of every form; of noise, so that one mutation in two hits what is read."""
    rtx = packed(b"vtrt", (1, 7, 1, 116), mask=0x7E, length=64)
    plans = [packed(length=64), rtx, packed(length=64, layout=205)]
    return plans + [join(DOCUMENT, plan) for plan in plans]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("number", range(6))
def test_random_damage(damage: Callable[[bytes, random.Random], bytes], number: int) -> None:
    whole = wholes()[number]
    assert not refused(whole)
    for seed in range(60):
        refused(damage(whole, random.Random(seed)))


def test_damage_to_a_real_engine_is_seen_where_it_can_be() -> None:
    whole = join(DOCUMENT, rtx_plan())
    start = len(whole) - len(rtx_plan())
    assert not refused(whole)
    assert refused(whole[:-1])
    assert refused(whole + b"\0")
    for position in (*range(4), *range(16, 24)):  # the magic and the size
        damaged = bytearray(whole)
        damaged[start + position] ^= 1
        assert refused(bytes(damaged)), position


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=120))
def test_made_up_bytes(tail: bytes) -> None:
    refused(tail)
    refused(b"ftrt" + tail)
    refused(b"vtrt" + tail)
    refused(b"vtrt" + bytes(12) + (len(tail) + 24).to_bytes(8, "little") + tail)
    refused(in_front(b"{" + tail, packed(length=64)))
    refused(in_front(b'{"engine": ' + tail + b"}", packed(length=64)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(-9, 9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*DOCUMENT, *DOCUMENT["engine"], "input", "output", "plan_sha256"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(json_values)
def test_documents_that_say_anything(value: Any) -> None:
    for document in (value, {**DOCUMENT, "engine": value}, {**DOCUMENT, "edgeclf": value}):
        refused(in_front(json.dumps(document).encode(), packed(length=64)))

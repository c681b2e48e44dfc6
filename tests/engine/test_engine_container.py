"""The JSON in front of a plan: in Ultralytics' form, strict, bounded; the plan untouched."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict

import pytest
from engine_plans import in_front, packed, rtx_plan, ultralytics_reads
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclf.engine import EngineFacts, facts_of, join, split
from edgeclf.errors import ManifestError, ModelError
from edgeclf.model_file import MAX_JSON_IN_FRONT, ModelFile

PLAN = packed()
FACTS: Dict[str, Any] = {
    "built_with": "tensorrt 10.3.0",
    "gpu": "Orin",
    "compute_capability": "8.7",
    "precision": "fp16",
    "source": "mobilenet.onnx",
    "source_sha256": "AB" * 32,
    "version_compatible": False,
    "batch": [1, 4, 8],
    "plan_sha256": hashlib.sha256(PLAN).hexdigest(),
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text().filter(lambda key: key != "engine"), json_values, max_size=5))
def test_what_is_joined_is_what_their_reader_and_ours_find(document: Dict[str, Any]) -> None:
    content = join(document, PLAN)
    assert ultralytics_reads(content) == (document, PLAN)
    assert (len(content) - len(PLAN)) % 64 == 0
    found, plan = split(content)
    assert found == document
    assert plan == PLAN
    assert ModelFile(content).format == "engine"


def test_what_their_writer_wrote_is_read() -> None:
    metadata = {"description": "Ultralytics", "names": {0: "ä", 1: "b"}, "imgsz": [8, 8]}
    content = in_front(json.dumps(metadata).encode(), rtx_plan())
    document, plan = split(content)
    assert document == json.loads(json.dumps(metadata))
    assert plan == rtx_plan()
    assert plan.obj is content, "the plan is a view, not a copy"


@pytest.mark.parametrize("magic", [b"ftrt", b"vtrt"])
def test_a_plan_alone(magic: bytes) -> None:
    plan = packed(magic, (1, 7, 1, 116), mask=2)
    assert split(plan) == (None, plan)
    assert join(None, plan) == plan


def test_the_facts() -> None:
    document, _ = split(join({"engine": FACTS, "task": "classify"}, PLAN))
    facts = facts_of(document)
    expected = {**FACTS, "batch": (1, 4, 8), "source_sha256": "ab" * 32}
    assert facts == EngineFacts(**expected)
    assert facts_of(None) == facts_of({}) == facts_of({"engine": {"later": 1}}) == EngineFacts()


@pytest.mark.parametrize(
    "changes",
    [
        {"built_with": 10.3}, {"gpu": ["a"]}, {"source": "a\nb.onnx"}, {"source": "\x1b[31m"},
        {"precision": {}}, {"plan_sha256": "ab"}, {"plan_sha256": 5}, {"source_sha256": "g" * 64},
        {"version_compatible": "yes"}, {"version_compatible": 1}, {"batch": [1, 2]},
        {"batch": [2, 1, 3]}, {"batch": [0, 1, 1]}, {"batch": [1, 1, True]}, {"batch": "1,1,1"},
        {"batch": [1.0, 1, 1]},
    ],
)  # fmt: skip
def test_facts_of_a_wrong_type(changes: Dict[str, Any]) -> None:
    document = {"engine": {**FACTS, **changes}}
    with pytest.raises(ManifestError, match=next(iter(changes))):
        join(document, PLAN)
    with pytest.raises(ManifestError, match=rf"m\.engine: .*{next(iter(changes))}: expected"):
        split(in_front(json.dumps(document).encode(), PLAN), name="m.engine")


def test_another_tools_word_of_that_name_is_not_ours() -> None:
    for part in ("tensorrt", [], 5, True, None):
        document, _ = split(in_front(json.dumps({"engine": part}).encode(), PLAN))
        assert facts_of(document) == EngineFacts()


@pytest.mark.parametrize("position", [0, 5, 30, 200, len(PLAN) - 1])
def test_a_changed_plan_is_found_out(position: int) -> None:
    content = bytearray(join({"engine": FACTS}, PLAN))
    content[len(content) - len(PLAN) + position] ^= 1
    with pytest.raises(ModelError, match=r"^m\.engine: "):
        split(bytes(content), name="m.engine")


def test_a_cut_plan_is_called_cut() -> None:
    content = join({"engine": FACTS}, PLAN)
    with pytest.raises(ModelError, match="cut short: 399 bytes"):
        split(content[:-1])
    with pytest.raises(ModelError, match="not the one that was built") as caught:
        split(content[:-1] + b"\0", name="m.engine")
    assert "Built with: TensorRT 10.3.0.26, Orin, compute capability 8.7." in str(caught.value)
    assert str(caught.value).endswith(
        "edgeclf build mobilenet.onnx --precision fp16 --batch 1,4,8 -o m.engine"
    )


def test_cut_anywhere() -> None:
    content = join({"engine": FACTS, "edgeclf": {"schema_version": 1}}, PLAN)
    for end in range(len(content)):
        with pytest.raises(ModelError):
            split(content[:end])


HOSTILE = [
    b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": 1e999}', b'{"a": 1}x', b'{"a"', b"{\xff}", b"{}{}",
    b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"{" * 100_000, b'{"a":' * 20_000,
    b'{"a": ' + b"1" * 5_000 + b"}", b"{\0}", b"{'a': 1}",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:16]))
def test_json_that_is_refused(text: bytes) -> None:
    with pytest.raises(ManifestError, match="JSON in front of the plan"):
        split(in_front(text, PLAN))


def test_a_number_of_megabytes_does_not_come_to_int() -> None:
    """Old Pythons take hours to convert it."""
    text = b'{"a": ' + b"7" * 2_000_000 + b"}"
    with pytest.raises(ManifestError, match="a number of 2000000 digits"):
        split(in_front(text, PLAN))


@pytest.mark.parametrize("length", [-1, -(2**31), 0, 1, 2**31 - 1, MAX_JSON_IN_FRONT + 1])
def test_lengths_that_are_refused(length: int) -> None:
    content = length.to_bytes(4, "little", signed=True) + b'{"a": 1}' + PLAN
    with pytest.raises(ModelError):
        split(content)
    with pytest.raises(ModelError):
        ModelFile(content)


def test_the_bound_is_named() -> None:
    content = (MAX_JSON_IN_FRONT + 1).to_bytes(4, "little") + b'{"a": 1}' + PLAN
    with pytest.raises(ManifestError, match=f"at most {MAX_JSON_IN_FRONT} are read"):
        split(content)


def test_a_length_beyond_the_file() -> None:
    text = b'{"a": 1}'
    content = (len(text) + len(PLAN) + 1).to_bytes(4, "little") + text + PLAN
    with pytest.raises(ModelError, match="cut short"):
        split(content)


def test_long_labels_fit_up_to_the_bound() -> None:
    names = {str(index): "a rather long name of a class" for index in range(100_000)}
    content = join({"names": names}, PLAN)
    assert ModelFile(content).format == "engine"
    assert split(content)[0] == {"names": names}
    with pytest.raises(ManifestError, match="Write long labels into a sidecar"):
        join({"names": "x" * MAX_JSON_IN_FRONT}, PLAN)


@pytest.mark.parametrize(
    "document", [{"a": float("nan")}, {"a": object()}, {"a": b"x"}, {1: "a", "1": "b"}, {(): 1}]
)
def test_documents_that_cannot_be_written(document: Any) -> None:
    with pytest.raises(ManifestError, match="document for an engine"):
        join(document, PLAN)


def test_only_a_plan_gets_a_document() -> None:
    for content in (b"", b"ONNX", join({}, PLAN)):
        for document in (None, {}):
            with pytest.raises(ModelError, match="a plan as the builder gave it"):
                join(document, content)


def test_half_a_surrogate_pair_passes_through() -> None:
    document = {"names": ["\ud800"]}
    assert split(join(document, PLAN))[0] == document

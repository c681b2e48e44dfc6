"""What runtimes log when they refuse an engine: users' own reports of it, and what is made of them.

The lines are as TensorRT 7 to 10 and TensorRT for RTX print them.
"""

from __future__ import annotations

from typing import Any, List

import pytest
from engine_plans import packed

from edgeclf.engine import explain, read_header
from edgeclf.errors import ManifestError, ModelError

TENSORRT = read_header(packed())
UNTOLD = read_header(packed(layout=205))
FOLLOWS = "4: [runtime.cpp::deserializeCudaEngine::50] Error Code 4: Internal Error (Engine deserialization failed.)"  # noqa: E501
OTHER_VERSION = "read by the version of TensorRT that built it, and no other"
SERIALIZATION = (
    "1: [stdArchiveReader.cpp::40] Error Code 1: Serialization (Serialization assertion "
)


def explained(messages: List[str], header: Any = UNTOLD, **changes: Any) -> str:
    options = {"module_kind": "tensorrt", "module_version": "8.2.3", **changes}
    error = explain(messages, header, name="m.engine", **options)
    assert type(error) is ModelError
    text = str(error)
    assert text.startswith("m.engine: ")
    assert "Built with: " in text
    assert "here: TensorRT" in text
    assert "To build it again: edgeclf build MODEL.onnx -o m.engine" in text
    return text


TABLE = [
    (
        "6: The engine plan file is not compatible with this version of TensorRT, expecting "
        "library version 8.2.3 got 8.2.1, please rebuild.",
        [OTHER_VERSION, "(the runtime says TensorRT 8.2.1); here: TensorRT 8.2.3."],
    ),
    (
        "[TensorRT] ERROR: INVALID_CONFIG: The engine plan file is not compatible with this "
        "version of TensorRT, expecting library version 7.1.3 got 7.2.1, please rebuild.",
        [OTHER_VERSION, "TensorRT 7.2.1)", "TensorRT 8.2.3 (the runtime says TensorRT 7.1.3)"],
    ),
    (
        "6: The engine plan file is generated on an incompatible device, expecting compute 8.6 got "
        "compute 7.5, please rebuild.",
        [
            "the compute capability that it was built for",
            "(the runtime says compute capability 7.5)",
            "(the runtime says compute capability 8.6)",
        ],
    ),
    (
        SERIALIZATION + "stdVersionRead == serializationVersion failed.Version tag does not match. "
        "Note: Current Version: 213, Serialized Engine Version: 205)",
        [
            OTHER_VERSION,
            "(the runtime says serialization version 205, TensorRT 8.2)",
            "(the runtime says serialization version 213, TensorRT 8.4)",
        ],
    ),
    (
        SERIALIZATION + "stdVersionRead == kSERIALIZATION_VERSION failed.Version tag does not "
        "match. Note: Current Version: 237, Serialized Engine Version: 999)",
        [OTHER_VERSION, "(the runtime says serialization version 999)"],
    ),
    (
        "coreReadArchive.cpp (38) - Serialization Error in verifyHeader: 0 (Version tag does not "
        "match)",
        [OTHER_VERSION],
    ),
    (
        "coreReadArchive.cpp (31) - Serialization Error in verifyHeader: 0 (Magic tag does not "
        "match)",
        ["not an engine of this runtime, or it is damaged"],
    ),
    (
        SERIALIZATION + "magicTagRead == magicTag failed.Magic tag does not match)",
        ["not an engine of this runtime, or it is damaged"],
    ),
    (
        "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion "
        "plan->header.pad == expectedPlatformTag failed.Platform specific tag mismatch detected. "
        "TensorRT plan files are only supported on the target runtime platform they were created "
        "on.)",
        ["operating system and processor it was built for"],
    ),
    (
        "Serialization assertion plan.header.size == blobSize failed.",
        ["cut short or damaged"],
    ),
    (
        "Engine plan blob size mismatches the size encoded in the plan header.",
        ["cut short or damaged"],
    ),
    ("Cannot deserialize with an empty memory buffer.", ["cut short or damaged"]),
    (
        "Cannot deserialize engine with lean runtime since IRuntime::getEngineHostCodeAllowed() is "
        "false.",
        ["{'engine_host_code_allowed': True}, and only if you trust the file"],
    ),
    (
        "Cannot deserialize plugin since corresponding IPluginCreatorInterface not found in Plugin "
        "Registry",
        ["needs a plugin, and edgeclf loads none"],
    ),
    (
        "The engine cannot run on this GPU, which has compute capability 9.0. Rebuild the engine "
        "for compute capability 9.0 with IBuilderConfig::setComputeCapability, or leave the "
        "compute capability unset so that the engine runs on every supported GPU.",
        ["compute capabilities that it was built for", "(the runtime says compute capability 9.0)"],
    ),
    (
        "The engine cannot run on this GPU, which has compute capability 9.0. TensorRT-RTX does "
        "not support this compute capability, so the engine cannot be rebuilt for it.",
        ["no code for this GPU, whatever the engine"],
    ),
    (
        "Cannot deserialize serialized engine built with EngineCapability::kDLA_STANDALONE, use "
        "cuDLA APIs instead.",
        ["built for cuDLA alone"],
    ),
    (
        "CUDA driver version is insufficient for CUDA runtime version",
        ["update the driver"],
    ),
]


@pytest.mark.parametrize(("message", "expected"), TABLE)
@pytest.mark.parametrize("place", ["alone", "first", "last"])
def test_the_table(message: str, expected: List[str], place: str) -> None:
    messages = {"alone": [message], "first": [message, FOLLOWS], "last": [FOLLOWS, message]}[place]
    text = explained(messages)
    for part in expected:
        assert part in text
    assert f"The runtime said: {' '.join(messages[0].split())[:100]}" in text


def test_what_is_known_is_not_said_twice() -> None:
    text = explained(
        ["expecting library version 8.2.3 got 10.3.0, please rebuild."],
        TENSORRT,
        compute_capability=(8, 7),
    )
    assert "Built with: TensorRT 10.3.0.26; here: TensorRT 8.2.3, compute capability 8.7." in text


def test_the_cause_before_what_follows_from_it() -> None:
    version = "expecting library version 10.3.0 got 10.1.0"
    for messages in (["Magic tag does not match", version], [version, "header.size == blobSize"]):
        assert OTHER_VERSION in explained(messages)


@pytest.mark.parametrize("messages", [[], [""], ["  \n"]])
def test_a_runtime_that_says_nothing(messages: List[str]) -> None:
    text = explained(messages)
    assert "the runtime cannot read this engine" in text
    assert text.endswith("-o m.engine")


def test_what_is_not_in_the_table_is_quoted_in_bounds_and_harmless() -> None:
    text = explained(["\x1b[31mnever\nheard", "x" * 10_000])
    assert "the runtime cannot read this engine" in text
    assert "The runtime said: ?[31mnever heard | xxx" in text
    assert len(text) < 1000
    assert text.isprintable()


def test_a_document_out_of_order() -> None:
    with pytest.raises(ManifestError):
        explained([], document={"engine": {"gpu": []}})

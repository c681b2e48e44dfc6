"""A plan's header: real plans of TensorRT for RTX, and every other layout there may be."""

from __future__ import annotations

import struct
from typing import Any, Tuple

import pytest
from engine_plans import CAPABILITIES, packed, rtx_module, rtx_plan

from edgeclf.engine import EngineHeader, read_header, version_text
from edgeclf.errors import ModelError

LATER = {(8, 0), (8, 6), (8, 9), (12, 0), (12, 1)}


def test_a_real_plan_of_tensorrt_for_rtx() -> None:
    plan, trt = rtx_plan(), rtx_module()
    header = read_header(plan)
    assert header.kind == "tensorrt-rtx"
    assert ".".join(str(part) for part in header.version) == trt.__version__
    assert header.size == len(plan)
    assert header.serialization_version == 0
    # For "every GPU" it leaves out Turing, as the vendor says.
    assert set(header.compute_capabilities) == LATER
    assert version_text(header) == f"TensorRT for RTX {trt.__version__}"
    assert read_header(memoryview(plan)) == header


@pytest.mark.parametrize("names", [*((name,) for name in CAPABILITIES), ("SM86", "SM89")])
def test_real_plans_for_one_gpu_or_two(names: Tuple[str, ...]) -> None:
    header = read_header(rtx_plan(names))
    assert header.compute_capabilities == tuple(CAPABILITIES[name] for name in names)


def test_a_real_plan_for_a_capability_of_later_releases() -> None:
    if not hasattr(rtx_module().ComputeCapability, "SM121"):
        pytest.skip("this release of TensorRT for RTX does not know 12.1")
    assert read_header(rtx_plan(("SM121",))).compute_capabilities == ((12, 1),)


@pytest.mark.parametrize("end", [*range(0, 64), 100, 1000, -4096, -64, -8, -1])
def test_a_real_plan_cut_short(end: int) -> None:
    with pytest.raises(ModelError, match=r"^x\.engine: .*(cut short|begins with)"):
        read_header(rtx_plan()[:end], name="x.engine")


def test_a_real_plan_with_something_behind_it() -> None:
    with pytest.raises(ModelError, match="something was added behind it"):
        read_header(rtx_plan() + b"\0")


@pytest.mark.parametrize(
    "version", [(8, 6, 1, 6), (10, 0, 1, 6), (10, 3, 0, 26), (10, 16, 1, 11), (11, 4, 0, 106)]
)
def test_a_plan_of_tensorrt(version: Tuple[int, ...]) -> None:
    header = read_header(packed(version=version, length=500))
    assert header == EngineHeader("tensorrt", 0, version, 500, ())
    assert version_text(header) == "TensorRT " + ".".join(str(part) for part in version)


def test_a_plan_of_tensorrt_cut_short() -> None:
    with pytest.raises(ModelError, match=r"cut short: 400 bytes.*states 4000\. .*Copy it again"):
        read_header(packed(stated=4000))
    with pytest.raises(ModelError, match="400 bytes, and its header states 399"):
        read_header(packed(stated=399))
    for length in range(4, 28):
        with pytest.raises(ModelError, match=f"{length} bytes are not even"):
            read_header(packed()[:length])


@pytest.mark.parametrize(
    "changes",
    [
        {"layout": 205},  # the version of 8.2's archive, where later plans have their layout
        {"layout": 7},
        {"tag": 232, "stated": 4000},
        {"version": (0, 0, 0, 0), "stated": 4000},
        {"version": (200, 1, 1, 1), "stated": 4000},
        {"stated": 2**63},
        {"stated": 5},
    ],
)
def test_a_layout_that_is_not_known_is_left_to_the_runtime(changes: Any) -> None:
    header = read_header(packed(**changes))
    assert header[2:] == ((0, 0, 0, 0), None, ())
    assert version_text(header) == "TensorRT of a version that its header does not tell"


def test_a_later_layout_of_tensorrt_for_rtx() -> None:
    header = read_header(packed(b"vtrt", (2, 0, 0, 1), layout=1, stated=3, mask=1))
    assert header == EngineHeader("tensorrt-rtx", 1, (0, 0, 0, 0), None, ())


def test_a_bit_without_a_name_is_no_capability() -> None:
    header = read_header(packed(b"vtrt", (1, 9, 0, 1), mask=1 << 6 | 1 << 31))
    assert header.compute_capabilities == ()


@pytest.mark.parametrize("changes", [{"mask": 0}, {"version": (0, 0, 0, 0)}])
def test_a_header_that_no_builder_writes(changes: Any) -> None:
    options = {"version": (1, 7, 1, 116), "mask": 0x7E, **changes}
    with pytest.raises(ModelError, match="no builder writes: the file is damaged"):
        read_header(packed(b"vtrt", **options))


@pytest.mark.parametrize("magic", [b"ptrt", b"FTRT", b"\x08\x08\x12\x07", b"", b"ft"])
def test_another_magic(magic: bytes) -> None:
    with pytest.raises(ModelError, match="begins with 'ftrt' or 'vtrt'"):
        read_header(magic + bytes(40 if len(magic) == 4 else 0))


def test_a_size_of_64_bits() -> None:
    content = bytearray(packed(b"vtrt", (1, 7, 1, 116), mask=2))
    content[16:24] = struct.pack("<Q", 2**40 + len(content))
    with pytest.raises(ModelError, match=str(2**40 + len(content))):
        read_header(content)


def test_a_damaged_engine_says_what_built_it_and_how_to_build_it_again() -> None:
    document = {"engine": {"source": "a.onnx", "precision": "fp16"}}
    with pytest.raises(ModelError) as caught:
        read_header(packed(stated=4000), name="m.engine", document=document)
    assert str(caught.value) == (
        "m.engine: the engine is cut short: 400 bytes, and its header states 4000. Built with: "
        "TensorRT 10.3.0.26. Copy it again, or build it again: "
        "edgeclf build a.onnx --precision fp16 -o m.engine"
    )

"""Whether an engine fits: what is refused, and what each message tells."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from engine_plans import packed, rtx_module, rtx_plan

from edgeclf.engine import EngineFacts, check_fits, read_header, rebuild_command
from edgeclf.errors import ManifestError, ModelError

TENSORRT = read_header(packed())  # 10.3.0.26
UNTOLD = read_header(packed(layout=205))
RTX = read_header(packed(b"vtrt", (1, 7, 1, 116), mask=0b1110))  # 8.0, 8.6, 8.9
ORIN = {"built_with": "tensorrt 10.3.0", "gpu": "Orin", "compute_capability": "8.7"}


def check(header: Any, kind: str, version: str, capability: Any, facts: Any) -> None:
    document = {"engine": facts} if facts else None
    check_fits(
        header,
        name="m.engine",
        module_kind=kind,
        module_version=version,
        compute_capability=capability,
        document=document,
    )


@pytest.mark.parametrize(
    ("header", "kind", "version", "gpu", "facts"),
    [
        (TENSORRT, "tensorrt", "10.3.0", (8, 7), {}),
        (TENSORRT, "tensorrt", "10.3.0.30", (8, 7), ORIN),
        (TENSORRT, "tensorrt", "10.3", None, ORIN),
        (TENSORRT, "tensorrt", "unknown", (8, 7), {}),
        (TENSORRT, "tensorrt", "10.3.0", (8, 6), {"compute_capability": "8.6, 8.9"}),
        (TENSORRT, "tensorrt", "10.4.0", (8, 7), {**ORIN, "version_compatible": True}),
        (TENSORRT, "tensorrt-lean", "10.16.1.11", (8, 7), {"version_compatible": True}),
        (TENSORRT, "tensorrt-lean", "11.4.0.106", (8, 7), {}),
        (UNTOLD, "tensorrt", "8.2.1.8", (5, 3), {}),
        (UNTOLD, "tensorrt", "8.2.1.8", (5, 3), {"built_with": "tensorrt 8.2.1"}),
        (UNTOLD, "tensorrt", "8.2.1.8", (5, 3), {"built_with": "by hand"}),
        (RTX, "tensorrt-rtx", "1.7.1.116", (8, 6), {}),
        (RTX, "tensorrt-rtx", "1.7.1.116", None, {}),
        # Of capabilities that have no bit the runtime knows more.
        (RTX, "tensorrt-rtx", "1.7.1.116", (9, 0), {}),
        (RTX._replace(compute_capabilities=()), "tensorrt-rtx", "1.7.1.116", (7, 5), {}),
        # What the builder wrote of one GPU says nothing against the header's mask.
        (RTX, "tensorrt-rtx", "1.7.1.116", (8, 9), {"compute_capability": "8.6"}),
    ],
)
def test_what_fits(header: Any, kind: str, version: str, gpu: Any, facts: Any) -> None:
    check(header, kind, version, gpu, facts)


REFUSED = [
    (
        (TENSORRT, "tensorrt", "8.6.1", (8, 7), ORIN),
        "read by the version of TensorRT that built it",
        "Built with: TensorRT 10.3.0.26, Orin, compute capability 8.7; "
        "here: TensorRT 8.6.1, compute capability 8.7.",
    ),
    (
        (TENSORRT, "tensorrt", "10.3.1", None, {}),
        "read by the version",
        "Built with: TensorRT 10.3.0.26; here: TensorRT 10.3.1.",
    ),
    (
        (TENSORRT, "tensorrt", "10.16.1", None, {"version_compatible": False}),
        "read by the version",
        "here: TensorRT 10.16.1.",
    ),
    (
        (TENSORRT, "tensorrt", "10.1.0", None, {"version_compatible": True}),
        "its own version of TensorRT and later ones",
        "here: TensorRT 10.1.0.",
    ),
    (
        (TENSORRT, "tensorrt-lean", "10.1.0", None, {}),
        "its own version of TensorRT and later ones",
        "here: TensorRT's lean runtime 10.1.0.",
    ),
    (
        (TENSORRT, "tensorrt-lean", "10.3.0", None, {"version_compatible": False}),
        "reads version-compatible engines alone",
        "here: TensorRT's lean runtime 10.3.0.",
    ),
    (
        (TENSORRT, "tensorrt-rtx", "1.7.1.116", (8, 9), {}),
        "an engine of TensorRT is read by no other runtime",
        "here: TensorRT for RTX 1.7.1.116, compute capability 8.9.",
    ),
    (
        (RTX, "tensorrt", "10.3.0", (8, 7), {}),
        "an engine of TensorRT for RTX is read by no other runtime",
        "Built with: TensorRT for RTX 1.7.1.116, compute capability 8.0, 8.6, 8.9; "
        "here: TensorRT 10.3.0, compute capability 8.7.",
    ),
    (
        (RTX, "tensorrt-rtx", "1.6.1.120", (8, 6), {"version_compatible": True}),
        "read by the version",
        "here: TensorRT for RTX 1.6.1.120, compute capability 8.6.",
    ),
    (
        (TENSORRT, "tensorrt", "10.3.0", (8, 6), ORIN),
        "the compute capability that it was built for",
        "Orin, compute capability 8.7; here: TensorRT 10.3.0, compute capability 8.6.",
    ),
    (
        (UNTOLD, "tensorrt", "8.5.2", None, {"built_with": "tensorrt 8.2.1", "gpu": "Nano"}),
        "read by the version",
        "Built with: tensorrt 8.2.1, Nano; here: TensorRT 8.5.2.",
    ),
    (
        (RTX, "tensorrt-rtx", "1.7.1.116", (12, 0), {}),
        "the compute capability that it was built for",
        "here: TensorRT for RTX 1.7.1.116, compute capability 12.0.",
    ),
]


@pytest.mark.parametrize(("case", "why", "facts"), REFUSED)
def test_what_is_refused_says_why_and_what_to_do(case: Any, why: str, facts: str) -> None:
    header, kind, version, gpu, written = case
    with pytest.raises(ModelError) as caught:
        check(header, kind, version, gpu, written)
    message = str(caught.value)
    assert message.startswith("m.engine: ")
    assert why in message
    assert facts in message
    assert "To build it again: edgeclf build MODEL.onnx " in message
    assert message.endswith(" -o m.engine")


def test_a_real_engine_here_and_elsewhere() -> None:
    version = rtx_module().__version__
    header = read_header(rtx_plan(("SM86",)))
    check(header, "tensorrt-rtx", version, (8, 6), {})
    with pytest.raises(ModelError, match=r"--compute-capability 7\.5 -o m\.engine$"):
        check(header, "tensorrt-rtx", version, (7, 5), {})
    with pytest.raises(ModelError, match="by the version of TensorRT that built it"):
        check(header, "tensorrt-rtx", "1.3.0.1", (8, 6), {})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (EngineFacts(), "edgeclf build MODEL.onnx -o m.engine"),
        (
            EngineFacts(source="my model.onnx", precision="fp16", batch=(1, 4, 8)),
            "edgeclf build 'my model.onnx' --precision fp16 --batch 1,4,8 -o m.engine",
        ),
        (
            EngineFacts(
                source="a.onnx", precision="fp32", batch=(1, 1, 1), version_compatible=True
            ),
            "edgeclf build a.onnx --version-compatible -o m.engine",
        ),
        (EngineFacts(source="<bytes>"), "edgeclf build MODEL.onnx -o m.engine"),
        (EngineFacts(precision="; rm x"), "edgeclf build MODEL.onnx -o m.engine"),
        (EngineFacts(source="$(rm x).onnx"), "edgeclf build '$(rm x).onnx' -o m.engine"),
    ],
)
def test_the_command_that_rebuilds(facts: EngineFacts, expected: str) -> None:
    assert rebuild_command("m.engine", facts) == expected
    assert shlex.split(expected)[:2] == ["edgeclf", "build"]


@pytest.mark.parametrize(
    ("name", "out"),
    [("<bytes>", "X.engine"), ("m.plan", "m.plan"), ("a b.engine", "'a b.engine'")],
)
def test_the_command_names_a_file(name: str, out: str) -> None:
    assert rebuild_command(name, EngineFacts()).endswith(f" -o {out}")


def test_a_document_out_of_order() -> None:
    with pytest.raises(ManifestError, match=r"m\.engine: .*source: expected"):
        check(TENSORRT, "tensorrt", "10.3.0", None, {"source": 5})

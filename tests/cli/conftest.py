"""Fixtures: a tiny model, pictures, and ways to run the command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from cli_support import LABELS, SIDE, command, environment
from click.testing import CliRunner
from PIL import Image


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Softmax of each channel's mean: float32 (1, 3, 8, 8) of 0..1, times 4, to (1, 3)."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [4.0])
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Mul", ["flat", "scale"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "channels",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])],
        [scale],
    )
    opset = [helper.make_opsetid("", 17)]
    path = tmp_path_factory.mktemp("model") / "channels.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    spec = {
        "resize_mode": "stretch",
        "interpolation": "bilinear",
        "rescale_factor": 1 / 255,
        "mean": [0.0],
        "std": [1.0],
    }
    sidecar = {"schema_version": 1, "input": spec, "output": {"labels": list(LABELS)}}
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """blue.png, green.jpg and red.png, a text, and a sub-folder with another picture."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    noise = np.random.RandomState(3).randint(0, 60, (40, 60, 3))
    for name, channel in (("red.png", 0), ("green.jpg", 1), ("blue.png", 2), ("sub/deep.png", 0)):
        pixels = noise.copy()
        pixels[:, :, channel] += 180
        Image.fromarray(pixels.astype(np.uint8)).save(str(folder / name), quality=95)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes((folder / "red.png").read_bytes())
    return folder


@pytest.fixture
def invoke() -> Callable[..., Any]:
    """Run the command in this process: result.exit_code, .stdout, .stderr, .exception."""
    from edgeclf.cli.app import cli

    try:
        runner = CliRunner(mix_stderr=False)  # type: ignore[call-arg]  # click < 8.2
    except TypeError:
        runner = CliRunner()

    def call(*args: Any, **options: Any) -> Any:
        return runner.invoke(cli, [str(arg) for arg in args], **options)

    return call


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """Run the command in a process of its own; its output as text."""

    def call(*args: Any, **more: str) -> Any:
        return subprocess.run(
            command(*args),
            cwd=str(tmp_path),
            env=environment(**more),
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=120,
        )

    return call

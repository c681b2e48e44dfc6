"""A frame on its whole way on the device: the CUDA kernel, TensorRT's request, a graph of both.

The kernel is the module's own source, compiled for the host; TensorRT is a fake of each generation.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_tensorrt_engines import answers, batches
from tensorrt_support import NAMES, SHARING, loaded

from edgeclf.cuda.path import CudaPath
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

SPEC = InputSpec(
    width=5, height=6, color_mode="rgb", resize_mode="stretch", interpolation="bilinear",
    antialias=True, mean=(128.0,), std=(64.0,), layout="nchw", dtype="float32",
)  # fmt: skip


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The helpers of the CUDA tests, which run the real kernel on a FakeCuda."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "cuda"))
    helpers = importlib.import_module("fake_device")
    yield helpers
    sys.modules.pop("fake_device", None)


@pytest.mark.parametrize("generation", NAMES)
@pytest.mark.parametrize("integrated", [False, True], ids=["pc", "jetson"])
def test_frames_replay_through_kernel_and_engine(
    device: Any, generation: str, integrated: bool
) -> None:
    cuda = device.fake_cuda(integrated=integrated)
    with loaded(generation, cuda, profiles=batches((1, 1, 4))) as (backend, state, made):
        on_device, on_host = device.preprocessor(cuda, SPEC), Preprocessor(SPEC)
        path, request = CudaPath(cuda, on_device), backend.new_request()
        for seed in range(6):
            frame = np.random.RandomState(seed).randint(0, 256, (40, 30, 3)).astype(np.uint8)
            outputs = path.run(on_device.frame_of(frame), request)
            (expected,) = answers(made, on_host(frame))
            # Pillow's bytes on both sides: the tensors are equal, and so are the answers.
            assert outputs[0].tobytes() == expected.tobytes()
        # Where requests share a context, a replay would not wait for its turn.
        assert path.counts.replayed == (5 if generation in SHARING else 0)
        assert state.runs == 6
        path.close()
        on_device.close()

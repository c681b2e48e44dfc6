"""A Classifier whose frames become tensors on the GPU, over fakes of each generation.

The kernel is the module's own source, compiled for the host, so both ways can be compared: where
the host gives Pillow's bytes the device does, and the scores are equal bit for bit.
"""

from __future__ import annotations

import gc
import importlib
import logging
import sys
import threading
import weakref
from pathlib import Path
from typing import Any, Iterator, List

import numpy as np
import pytest
from fake_tensorrt_engines import answers, batches, engine
from tensorrt_support import NAMES, SHARING, fake

from edgeclf import Classifier, Frame
from edgeclf.cuda import kernel
from edgeclf.engine import join
from edgeclf.errors import ArgumentError, BackendUnavailable, FrameError
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

INPUT = {
    "width": 5,
    "height": 6,
    "color_mode": "rgb",
    "resize_mode": "stretch",
    "interpolation": "bilinear",
    "antialias": True,
    "layout": "nchw",
    "dtype": "float32",
    "mean": [128, 128, 128],
    "std": [64, 64, 64],
}
OUTPUT = {"activation": "none", "labels": list("abcdefg")}
DOCUMENT = {"edgeclf": {"schema_version": 1, "input": INPUT, "output": OUTPUT}}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The helpers of the CUDA tests; what they load is always the kernel built for the host."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "cuda"))
    helpers = importlib.import_module("fake_device")
    monkeypatch.setattr(kernel, "find_nvrtc", lambda driver=None: None)
    monkeypatch.setattr(kernel, "compiled_kernel", lambda capability, nvrtc=None: b"cubin")
    yield helpers
    sys.modules.pop("fake_device", None)


@pytest.fixture
def engine_file(tmp_path: Path) -> Any:
    def write(state: Any, largest: int = 4) -> Path:
        path = tmp_path / "net.engine"
        path.write_bytes(join(DOCUMENT, state.plan(engine(profiles=batches((1, 1, largest))))))
        return path

    return write


def frame(seed: int, height: int = 40, width: int = 30) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)


def scores_of(predictions: Any) -> List[bytes]:
    return [prediction.scores.tobytes() for prediction in predictions]


@pytest.mark.parametrize("generation", NAMES)
def test_both_ways_give_the_same_bits(device: Any, generation: str, engine_file: Any) -> None:
    frames = [frame(seed) for seed in range(6)]
    found = {}
    with fake(generation, device.fake_cuda()) as state:
        path = engine_file(state)
        for where in ("host", "cuda", "auto"):
            options = {"cuda": state.cuda}
            with Classifier(path, preprocess=where, backend_options=options) as classifier:
                assert classifier.preprocess == ("host" if where == "host" else "cuda")
                one_by_one = scores_of(classifier.predict(f) for f in frames)
                assert scores_of(classifier.predict_batch(frames)) == one_by_one
                found[where] = one_by_one
                label = classifier.predict(frames[0]).label
    assert found["cuda"] == found["auto"] == found["host"]
    assert len(set(found["host"])) == len(frames)
    tensor = Preprocessor(classifier.input_spec)(frames[0])
    (expected,) = answers(engine(profiles=batches((1, 1, 4))), tensor)
    assert found["cuda"][0] == expected[0].tobytes()
    assert label == "abcdefg"[int(expected[0].argmax())]


def test_regions_rotation_and_yuv(device: Any, engine_file: Any) -> None:
    nv12 = Frame(np.random.RandomState(3).bytes(60 * 40 * 3 // 2), "nv12", width=60, height=40)
    with fake("10.3", device.fake_cuda()) as state:
        path, options = engine_file(state), {"cuda": state.cuda}
        with Classifier(path, preprocess="host", backend_options=options) as host, Classifier(
            path, preprocess="cuda", backend_options=options
        ) as cuda:
            for _ in range(3):  # plain, recorded, replayed
                part = {"region_of_interest": (3, 5, 21, 17), "rotation_degrees": 90}
                ours, theirs = (c.predict(frame(1), **part).scores for c in (cuda, host))
                assert ours.tobytes() == theirs.tobytes()
                ours, theirs = (c.predict(nv12).scores for c in (cuda, host))
                np.testing.assert_allclose(ours, theirs, atol=0.2)  # 0.1 level is 0.0016 an element
                assert ours.any()


def test_frames_on_the_device_are_taken_there(device: Any, engine_file: Any) -> None:
    pixels = frame(2)
    with fake("10.3", device.fake_cuda()) as state:
        path, options = engine_file(state), {"cuda": state.cuda}
        memory = state.cuda.allocate(pixels.nbytes)
        state.cuda.view(memory.pointer, pixels.nbytes)[:] = pixels.ravel()

        class OnDevice:
            __cuda_array_interface__ = {
                "shape": pixels.shape,
                "typestr": "|u1",
                "data": (memory.pointer, True),
                "version": 3,
                "strides": None,
                "stream": None,
            }

        with Classifier(path, preprocess="cuda", backend_options=options) as cuda:
            on_host = cuda.predict(pixels).scores
            assert cuda.predict(OnDevice()).scores.tobytes() == on_host.tobytes()
        with Classifier(path, preprocess="host", backend_options=options) as host, pytest.raises(
            FrameError, match="GPU memory"
        ):
            host.predict(OnDevice())
        memory.free()


@pytest.mark.parametrize("generation", SHARING[:2])
def test_threads(device: Any, generation: str, engine_file: Any) -> None:
    frames = [frame(seed) for seed in range(8)]
    failures: List[BaseException] = []
    with fake(generation, device.fake_cuda()) as state:
        options = {"cuda": state.cuda}
        with Classifier(
            engine_file(state), preprocess="cuda", backend_options=options
        ) as classifier:
            expected = scores_of(classifier.predict(f) for f in frames)

            def work(offset: int) -> None:
                try:
                    for i in range(16):
                        which = (i + offset) % len(frames)
                        assert classifier.predict(frames[which]).scores.tobytes() == expected[which]
                except BaseException as exc:
                    failures.append(exc)

            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert not failures
        gc.collect()


def test_where_the_kernel_cannot_be_had(
    device: Any, engine_file: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def none_there(capability: Any, nvrtc: Any = None) -> bytes:
        raise BackendUnavailable("no NVRTC: pip install nvidia-cuda-nvrtc")

    monkeypatch.setattr(kernel, "compiled_kernel", none_there)
    with fake("10.3", device.fake_cuda()) as state:
        path, options = engine_file(state), {"cuda": state.cuda}
        with pytest.raises(BackendUnavailable, match="no NVRTC"):
            Classifier(path, preprocess="cuda", backend_options=options)
        with caplog.at_level(logging.WARNING, "edgeclf"), Classifier(
            path, backend_options=options
        ) as classifier:
            assert classifier.preprocess == "host"
            assert classifier.predict(frame(0)).label is not None
        assert "no NVRTC" in caplog.text


def test_only_a_gpu_backend_has_a_gpu_to_do_it() -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(BackendUnavailable, match="backend with its input on a GPU"):
        Classifier(preprocess="cuda", backend="onnxruntime")
    with Classifier(backend="onnxruntime") as classifier:
        assert classifier.preprocess == "host"
    with pytest.raises(ArgumentError, match="preprocess"):
        Classifier(preprocess="gpu")


def test_batches_of_changing_size_leave_nothing_behind(device: Any, engine_file: Any) -> None:
    """Each size has a request of its own, whose stream and memory end with it."""
    with fake("10.3", device.fake_cuda()) as state, Classifier(
        engine_file(state), preprocess="cuda", backend_options={"cuda": state.cuda}
    ) as classifier:
        held = []
        for turn in range(6):
            classifier.predict_batch([frame(turn)] * (2 + turn % 2))
            gc.collect()
            held.append(state.cuda.live())
        assert held[-1] == held[-3] == held[1]


def test_a_batchs_frames_are_let_go_of_when_it_is_done(device: Any, engine_file: Any) -> None:
    with fake("10.3", device.fake_cuda()) as state, Classifier(
        engine_file(state), preprocess="cuda", backend_options={"cuda": state.cuda}
    ) as classifier:
        source = device.on_device(state.cuda, frame(1))
        memory = weakref.ref(source.memory)
        classifier.predict_batch([source] * 2)
        del source
        gc.collect()
        assert memory() is None


@pytest.mark.parametrize("where", ["host", "cuda"])
@pytest.mark.parametrize("profile", [(2, 2, 4), (3, 4, 4)])
def test_fewer_frames_than_the_smallest_batch(
    device: Any, tmp_path: Path, profile: Any, where: str
) -> None:
    frames = [frame(seed) for seed in range(9)]
    made = engine(profiles=batches(profile))
    tensors = Preprocessor(InputSpec(**INPUT))
    with fake("10.3", device.fake_cuda()) as state:
        path = tmp_path / "net.engine"
        path.write_bytes(join(DOCUMENT, state.plan(made)))
        with Classifier(path, preprocess=where, backend_options={"cuda": state.cuda}) as classifier:
            assert classifier.backend.min_batch == profile[0]
            expected = [answers(made, tensors(f))[0][0].tobytes() for f in frames]
            assert classifier.predict(frames[0]).scores.tobytes() == expected[0]
            classifier.warmup()
            for count in (1, 2, 3, 5, 9):
                assert scores_of(classifier.predict_batch(frames[:count])) == expected[:count]


def test_six_frames_on_an_engine_for_four(device: Any, engine_file: Any) -> None:
    with fake("10.3", device.fake_cuda()) as state, Classifier(
        engine_file(state), preprocess="host", backend_options={"cuda": state.cuda}
    ) as classifier:
        frames = [frame(seed) for seed in range(6)]
        together = scores_of(classifier.predict_batch(frames))
        assert together == scores_of(classifier.predict(f) for f in frames)

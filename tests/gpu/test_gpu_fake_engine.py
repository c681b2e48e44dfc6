"""The TensorRT adapter on a device: fakes of every generation over its memory and streams."""

from __future__ import annotations

import gc
import threading
import time

import any_device
import numpy as np
import pytest
import report
from any_device import preprocessor
from backend_cases import install_tensorrt, random_tensor, remove_tensorrt
from fake_tensorrt_engines import answers, batches, engine
from host_computes import HostComputes
from tensorrt_support import NAMES, assert_answer, load

from edgeclf import Classifier
from edgeclf.cuda.path import CudaPath
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

SPEC = InputSpec(width=5, height=6, mean=(128.0,), std=(64.0,))
WRITTEN = {
    "resize_mode": "stretch",
    "interpolation": "bilinear",
    "rescale_factor": 1.0,
    "mean": [128.0],
    "std": [64.0],
    "activation": "softmax",
}
MIB = 1 << 20


@pytest.fixture(params=any_device.PLACES)
def cuda(request, record_property):
    record_property("engine_kind", "fake-on-cuda")
    return HostComputes(any_device.cuda_at(request.param))


@pytest.fixture(params=NAMES)
def state(request, cuda):
    yield install_tensorrt(request.param, cuda)
    remove_tensorrt()


@pytest.fixture
def made():
    return engine(profiles=batches((1, 1, 4)))


@pytest.fixture
def backend(state, made):
    loaded = load(state, made)
    yield loaded
    loaded.close()


def test_answers_are_the_engines(backend, made):
    for batch in (1, 4, 2, 1):
        request = backend.new_request(batch)
        for seed in range(3):
            tensor = random_tensor(request.input.shape, backend.input.dtype, seed)
            request.input[...] = tensor
            assert_answer(made, tensor, request.infer())


def test_a_frames_whole_way(cuda, state, backend, made):
    """The kernel writes into the engine's input; a runtime that cannot be recorded goes without."""
    on_device, on_host = preprocessor(cuda, SPEC), Preprocessor(SPEC)
    path, request = CudaPath(cuda, on_device), backend.new_request()
    for seed in range(6):
        frame = np.random.RandomState(seed).randint(0, 256, (40, 30, 3)).astype(np.uint8)
        outputs = path.run(on_device.frame_of(frame), request)
        assert_answer(made, on_host(frame), outputs)
    assert state.runs == 6
    if cuda.can_capture and request.can_capture:
        assert "cannot be recorded" in path.counts.refused
    path.close()
    on_device.close()


def test_threads(backend, made):
    wrong = []

    def work(thread):
        try:
            request = backend.new_request()
            for seed in range(10):
                tensor = random_tensor(request.input.shape, "float32", thread * 10 + seed)
                request.input[...] = tensor
                assert_answer(made, tensor, request.infer())
        except BaseException as exc:
            wrong.append(repr(exc))

    count = min(4, backend.max_requests or 4)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []


@pytest.mark.parametrize("place", any_device.PLACES)
def test_the_memory_comes_back(place, made, record_property):
    cuda = HostComputes(any_device.cuda_at(place))
    record_property("engine_kind", "fake-on-cuda")
    free = []
    try:
        state = install_tensorrt("10.3", cuda)
        for seed in range(20):
            backend = load(state, made)
            request = backend.new_request(4)
            tensor = random_tensor(request.input.shape, "float32", seed)
            request.input[...] = tensor
            assert_answer(made, tensor, request.infer())
            backend.close()
            del backend, request
            gc.collect()
            free.append(cuda.free_memory())
    finally:
        remove_tensorrt()
    assert min(free[10:]) >= min(free[:10]) - MIB


@pytest.mark.parametrize("place", any_device.PLACES)
def test_predictions_are_timed(place, record_property):
    """Through Classifier: what it answers, and how long that took (the fake's matrix included)."""
    cuda = HostComputes(any_device.cuda_at(place))
    record_property("engine_kind", "fake-on-cuda")
    made = engine()
    try:
        backend = load(install_tensorrt("10.3", cuda), made)
        labels = [str(n) for n in range(7)]
        with Classifier(backend=backend, spec=WRITTEN, labels=labels) as classifier:
            seconds = []
            for seed in range(30):
                frame = np.random.RandomState(seed).randint(0, 256, (40, 30, 3)).astype(np.uint8)
                begin = time.perf_counter()
                result = classifier.predict(frame)
                seconds.append(time.perf_counter() - begin)
                (expected,) = answers(made, Preprocessor(SPEC)(frame))
                assert result.label == str(int(expected[0].argmax()))
    finally:
        remove_tensorrt()
    record_property("microseconds", report.percentiles(seconds[5:]))

"""The TensorRT adapter where it is more than a backend: profiles, contexts, streams, graphs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from fake_tensorrt_engines import answers, batches, engine
from tensorrt_support import (
    LEGACY,
    NAMES,
    SHARING,
    assert_answer,
    fake,
    load,
    loaded,
    pixels,
)

from edgeclf import Classifier
from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda
from edgeclf.engine import join
from edgeclf.errors import ArgumentError, BackendError, SpecMismatch

every_generation = pytest.mark.parametrize("generation", NAMES)
JETSON = FAKE_FACTS._replace(name="Orin", integrated=True, can_map_host_memory=True)


# -- profiles ---------------------------------------------------------------------------------


@every_generation
@pytest.mark.parametrize(("batch", "profile"), [(1, 1), (2, 2), (4, 2), (5, 0), (12, 3)])
def test_the_profile_tuned_for_the_nearest_batch_runs_it(
    generation: str, batch: int, profile: int
) -> None:
    ranges = batches((1, 16, 16), (1, 1, 1), (2, 2, 4), (9, 12, 16))
    with loaded(generation, profiles=ranges) as (backend, _, made):
        request = backend.new_request(batch)
        assert request.profile == profile
        request.input[...] = tensor = pixels(request.input.shape)
        assert_answer(made, tensor, request.infer())
        assert backend.max_batch == 16


@every_generation
def test_a_batch_that_no_profile_holds_is_told_the_ranges(generation: str) -> None:
    with loaded(generation, profiles=batches((1, 1, 2), (4, 4, 8))) as (backend, _, _):
        for batch in (3, 9):
            with pytest.raises(SpecMismatch, match=r"of 1 to 2.*of 4 to 8") as got:
                backend.new_request(batch)
            assert f"--batch 1,{batch},{batch}" in str(got.value)


@every_generation
def test_a_profile_can_be_asked_for(generation: str) -> None:
    ranges = batches((1, 1, 8), (1, 8, 8))
    with loaded(generation, backend_options={"profile": 1}, profiles=ranges) as (backend, _, made):
        request = backend.new_request(1)
        assert request.profile == 1
        request.input[...] = tensor = pixels(request.input.shape)
        assert_answer(made, tensor, request.infer())
    with fake(generation) as state, pytest.raises(ArgumentError, match="numbered from 0; got 2"):
        load(state, engine(profiles=ranges), backend_options={"profile": 2})
    with fake(generation) as state, pytest.raises(ArgumentError, match="numbered from 0; got 1"):
        load(state, engine(), backend_options={"profile": 1})


@every_generation
def test_width_and_height_may_be_open(generation: str) -> None:
    ranges = [((1, 3, 4, 4), (1, 3, 6, 5), (2, 3, 9, 9))]
    with loaded(generation, profiles=ranges) as (backend, _, made):
        assert backend.input.shape == (None, 3, None, None)
        request = backend.new_request(2, (3, 7, 8))
        request.input[...] = tensor = pixels((2, 3, 7, 8))
        assert_answer(made, tensor, request.infer())
        with pytest.raises(SpecMismatch, match="1x3x4x4 to 2x3x9x9"):
            backend.new_request(1, (3, 10, 9))
        with pytest.raises(SpecMismatch, match="leaves dimensions open"):
            backend.new_request(1)


# -- contexts and threads ---------------------------------------------------------------------


@pytest.mark.parametrize("generation", SHARING)
def test_each_request_has_a_context_of_its_own(generation: str) -> None:
    with loaded(generation, profiles=batches((1, 1, 4))) as (backend, state, _):
        assert backend.max_requests is None
        requests = [backend.new_request(n) for n in (1, 2, 1)]
        assert state.contexts == 3
        del requests[1]
        assert state.contexts == 2


@pytest.mark.parametrize("generation", LEGACY)
def test_older_generations_take_turns_in_one_context_for_each_profile(generation: str) -> None:
    with loaded(generation, profiles=batches((1, 1, 4))) as (backend, state, made):
        assert backend.max_requests == 1
        requests = [backend.new_request(n) for n in (1, 4, 2)]
        assert state.contexts == 1
        for round_ in range(3):
            for request in requests:
                request.input[...] = tensor = pixels(request.input.shape, seed=round_)
                assert_answer(made, tensor, request.infer())
    with loaded(generation, profiles=batches((1, 1, 4), (1, 1, 4))) as (backend, state, _):
        assert backend.max_requests == 2
        kept = [backend.new_request() for _ in range(4)]
        assert (state.contexts, sorted(r.profile for r in kept)) == (2, [0, 0, 1, 1])


@pytest.mark.parametrize("generation", LEGACY)
def test_older_generations_have_many_contexts_where_shapes_are_fixed(generation: str) -> None:
    with loaded(generation) as (backend, state, _):
        assert backend.max_requests is None
        requests = [backend.new_request() for _ in range(3)]
        assert state.contexts == len(requests)


@pytest.mark.parametrize("generation", ["8.5", "10.3"])
def test_a_request_in_two_threads_is_refused(
    generation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loaded(generation) as (backend, state, _):
        request = backend.new_request()
        inside, done = threading.Event(), threading.Event()
        compute = state.module.IExecutionContext._run

        def slow(self: Any, *arguments: Any) -> Any:
            inside.set()
            done.wait(20)
            return compute(self, *arguments)

        monkeypatch.setattr(state.module.IExecutionContext, "_run", slow)
        thread = threading.Thread(target=request.infer)
        thread.start()
        assert inside.wait(20)
        with pytest.raises(BackendError, match="running in another thread"):
            request.infer()
        done.set()
        thread.join(20)
        request.infer()


@pytest.mark.parametrize("generation", LEGACY)
def test_a_turn_that_never_ends_is_an_error(
    generation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeclf.backends.tensorrt_context._TURN_TIMEOUT_S", 0.05)
    with loaded(generation, profiles=batches((1, 1, 4))) as (backend, _, made):
        first, second = backend.new_request(), backend.new_request()
        second.input[...] = tensor = pixels(second.input.shape)
        first.enqueue()
        with pytest.raises(BackendError, match=r"call finish\(\)"):
            second.infer()
        first.finish()
        assert_answer(made, tensor, second.infer())


# -- memory, streams, graphs ------------------------------------------------------------------


@every_generation
def test_the_device_input_is_what_the_engine_reads(generation: str) -> None:
    with loaded(generation, profiles=batches((1, 2, 4))) as (backend, state, made):
        request = backend.new_request(2)
        device = request.device_input
        assert (device.shape, device.dtype) == ((2, 3, 6, 5), "float32")
        tensor = pixels(device.shape)
        state.cuda.enqueue(device.stream.handle, lambda: fill(state.cuda, device, tensor))
        request.enqueue()
        assert state.runs == 0  # nothing waits before finish
        assert_answer(made, tensor, request.finish())


def fill(cuda: FakeCuda, device: Any, tensor: np.ndarray) -> None:
    cuda.view(device.pointer, tensor.nbytes)[:] = tensor.view(np.uint8).ravel()


@every_generation
@pytest.mark.parametrize("dynamic", [False, True])
def test_a_captured_run_replays_on_new_frames(generation: str, dynamic: bool) -> None:
    profiles = batches((1, 1, 4)) if dynamic else ()
    with loaded(generation, profiles=profiles) as (backend, state, made):
        cuda, request = state.cuda, backend.new_request()
        request.infer()  # warm
        stream, host = request.device_input.stream, request.input
        cuda.begin_capture(stream)
        cuda.upload(request.device_input.pointer, host.ctypes.data, host.nbytes, stream)
        request.enqueue()
        graph = cuda.end_capture(stream)
        for seed in range(3):
            host[...] = pixels(host.shape, seed=seed)
            graph.launch(stream)
            assert_answer(made, host, request.finish())
        assert state.runs == 4
        assert request.can_capture == (not dynamic or generation in SHARING)
        assert_answer(made, host, request.infer())
        graph.close()


@every_generation
def test_on_jetson_the_gpu_reads_the_hosts_memory(generation: str) -> None:
    cuda = FakeCuda(JETSON)
    outputs = (("a", 3, "float32"), ("b", 2, "float16"))
    with loaded(generation, cuda, outputs=outputs) as (backend, _, made):
        request = backend.new_request()
        assert request.device_input.pointer == request.input.ctypes.data
        assert cuda.live() == {"device": 1, "host": 3, "stream": 1, "module": 0, "graph": 0}
        for seed in range(2):
            request.input[...] = tensor = pixels(request.input.shape, seed=seed)
            assert_answer(made, tensor, request.infer())
        assert cuda.calls["upload"] == cuda.calls["download"] == 0


@every_generation
def test_what_is_released_when(generation: str) -> None:
    """Contexts before their memory, then the engine, then the runtime; and again if asked."""
    with loaded(generation, profiles=batches((1, 1, 4))) as (backend, state, _):
        requests = [backend.new_request(n) for n in (1, 2)]
        for request in requests:
            request.infer()
        backend.close()
        contexts = 2 if generation in SHARING else 1
        assert state.ended == ["context"] * contexts + ["engine", "runtime"]
        assert state.cuda.live()["device"] == state.cuda.live()["stream"] == 0
        backend.close()
        for request in requests:
            request.release()
            with pytest.raises(BackendError, match="closed"):
                request.enqueue()


@every_generation
def test_closing_waits_for_what_was_enqueued(generation: str) -> None:
    with loaded(generation, profiles=batches((1, 1, 4))) as (backend, state, _):
        request = backend.new_request()
        request.enqueue()
        backend.close()
        assert state.runs == 1  # a run after its context ended would be a fault
        state.cuda.free_memory()


def test_a_dropped_request_leaves_nothing() -> None:
    with loaded("10.3") as (backend, state, _):
        before = state.cuda.live()
        request = backend.new_request()
        request.infer()
        del request
        assert state.cuda.live() == before


# -- as users meet it -------------------------------------------------------------------------

DOCUMENT: Dict[str, Any] = {
    "edgeclf": {
        "schema_version": 1,
        "input": {
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
        },
        "output": {"activation": "none", "labels": list("abcdefg")},
    }
}


@every_generation
def test_a_classifier_reads_spec_and_labels_from_the_engine(
    generation: str, tmp_path: Path
) -> None:
    made = engine(profiles=batches((1, 1, 4)))
    path = tmp_path / "net.engine"
    frames = np.random.RandomState(0).randint(0, 256, (3, 6, 5, 3)).astype(np.uint8)
    # A frame of the tensor's size is not resized: the formula is all that happens to it.
    tensors = np.ascontiguousarray(((frames.astype("f4") - 128) / 64).transpose(0, 3, 1, 2))
    (expected,) = answers(made, tensors)
    with fake(generation) as state:
        path.write_bytes(join(DOCUMENT, state.plan(made)))
        options = {"cuda": state.cuda}
        with Classifier(path, frame_format="rgb", backend_options=options) as classifier:
            assert classifier.backend.name == "tensorrt"
            one = classifier.predict(frames[0])
            assert one.scores.tobytes() == answers(made, tensors[:1])[0].tobytes()
            assert one.label == "abcdefg"[int(expected[0].argmax())]
            for scores, prediction in zip(expected, classifier.predict_batch(frames)):
                assert prediction.scores.tobytes() == scores.tobytes()

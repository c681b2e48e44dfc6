"""Runs and requests of the TensorRT adapter that fail: typed errors, and nothing is held."""

from __future__ import annotations

import gc
import os
from typing import Any, Optional, Tuple

import pytest
from fake_tensorrt_engines import batches, engine
from tensorrt_support import (
    NAMES,
    SHARING,
    assert_answer,
    fake,
    forget,
    held_on_device,
    load,
    loaded,
    pixels,
)

from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda
from edgeclf.errors import (
    BackendError,
    EdgeclfError,
    InferenceError,
)

every_generation = pytest.mark.parametrize("generation", NAMES)
JETSON = FAKE_FACTS._replace(integrated=True)
TWO_OUTPUTS = (("scores", 7, "float32"), ("embedding", 9, "float16"))


def attempt(backend: Any) -> Tuple[Any, Optional[BackendError]]:
    """A request for two frames, or the error instead."""
    try:
        return backend.new_request(2), None
    except BackendError as exc:
        return None, exc


@every_generation
@pytest.mark.parametrize("facts", [FAKE_FACTS, JETSON], ids=["pc", "jetson"])
@pytest.mark.parametrize("call", ["allocate", "allocate_host", "stream", "synchronize"])
def test_a_request_that_cannot_be_made_leaves_nothing(
    generation: str, facts: Any, call: str
) -> None:
    cuda = FakeCuda(facts)
    contexts = 1 if generation in SHARING else 0  # made for each request
    buffers = 3
    expected = {
        "allocate": contexts + (buffers if facts is FAKE_FACTS else 0),
        "allocate_host": buffers,
        "stream": 1,
        "synchronize": contexts,
    }[call]
    ranges = batches((1, 1, 2))
    with loaded(generation, cuda, profiles=ranges, outputs=TWO_OUTPUTS) as (backend, _, made):
        kept = backend.new_request(2)  # a context that may be shared stays
        before = cuda.live()
        failures = 0
        for after in range(20):
            cuda.fail(call, after)
            request, exc = attempt(backend)
            if exc is None:
                break
            assert "told to fail" in str(exc)
            assert cuda.live() == before  # though the exception is still held
            failures += 1
        cuda._failures.clear()
        assert failures == expected
        for used in (request, kept):
            used.input[...] = tensor = pixels(used.input.shape)
            assert_answer(made, tensor, used.infer())


@every_generation
@pytest.mark.parametrize("call", ["upload", "download", "synchronize", "enqueue"])
def test_a_run_that_fails_can_be_repeated(generation: str, call: str) -> None:
    with loaded(generation, profiles=batches((1, 1, 4))) as (backend, state, made):
        requests = [backend.new_request(n) for n in (1, 3)]
        for request in requests:
            state.cuda.fail(call)
            with pytest.raises(InferenceError, match=rf"{call}: told to fail") as caught:
                request.infer()
            assert isinstance(caught.value.__cause__, BackendError)
            forget(caught.value)
            request.input[...] = tensor = pixels(request.input.shape)
            assert_answer(made, tensor, request.infer())


@every_generation
def test_a_run_that_is_refused_or_raises(generation: str) -> None:
    with loaded(generation) as (backend, state, made):
        request = backend.new_request()
        state.refuse_run = True
        with pytest.raises(InferenceError, match=r"refused a run on \(1, 3, 6, 5\).*Error Code 3"):
            request.infer()
        state.refuse_run, state.raises = False, RuntimeError("from the vendor")
        with pytest.raises(InferenceError, match="from the vendor") as caught:
            request.infer()
        assert caught.value.__cause__ is state.raises
        forget(caught.value)
        state.raises = None
        request.input[...] = tensor = pixels(request.input.shape)
        assert_answer(made, tensor, request.infer())


@pytest.mark.parametrize("generation", ["8.2", "10.3"])
def test_an_interrupted_run_leaves_its_turn_to_others(generation: str) -> None:
    """Ctrl-C comes as a KeyboardInterrupt, between any two lines."""
    with loaded(generation, profiles=batches((1, 1, 2))) as (backend, state, made):
        first, second = backend.new_request(), backend.new_request(2)
        state.raises = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            first.infer()
        state.raises = None
        for request in (second, first):
            request.input[...] = tensor = pixels(request.input.shape)
            assert_answer(made, tensor, request.infer())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("generation", ["8.2", "10.3"])
@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropped before"])
def test_a_forked_child_destroys_nothing(generation: str, dropped: bool) -> None:
    """There the vendor's destructors would work on a copy of the driver's state.

    A context that requests share outlives them, with the backend.
    """
    with fake(generation) as state:  # not `loaded`, which holds the backend in the child, too
        backends = [load(state, engine(profiles=batches((1, 1, 2))))]
        requests = [backends[0].new_request()]
        if dropped:
            requests.clear()
            gc.collect()
            state.ended.clear()  # a request's own context
        child = os.fork()
        if not child:
            code = 2
            try:
                for request in requests:
                    request.release()
                request = None
                requests.clear()
                backends[0].close()
                backends.clear()
                gc.collect()
                code = 1 if state.ended else 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert not state.ended
        backends[0].close()


@pytest.mark.parametrize("generation", ["8.2", "10.3"])
def test_after_a_fault_of_the_device_all_uses_fail_and_closing_works(
    generation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loaded(generation) as (backend, state, _):
        request = backend.new_request()

        def fault(*arguments: Any) -> None:
            raise BackendError("illegal memory access")

        monkeypatch.setattr(state.module.IExecutionContext, "_compute", fault)
        for _ in range(2):
            with pytest.raises(InferenceError, match="illegal memory access"):
                request.infer()
        with pytest.raises(EdgeclfError, match="illegal memory access"):
            backend.new_request()
        forget(state.cuda._fault)


@pytest.mark.parametrize("generation", SHARING)
def test_a_limit_of_contexts(generation: str) -> None:
    with loaded(generation, workspace=1 << 20) as (backend, state, made):
        state.max_contexts = 2
        requests = [backend.new_request() for _ in range(2)]
        with pytest.raises(BackendError, match=r"beside 2 requests; each takes 1\.0 MiB.*no more"):
            backend.new_request()
        del requests[0]
        requests.append(backend.new_request())
        requests[-1].input[...] = tensor = pixels((1, 3, 6, 5))
        assert_answer(made, tensor, requests[-1].infer())


@every_generation
def test_a_context_that_raises(generation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any) -> None:
        raise RuntimeError("from the vendor")

    with loaded(generation) as (backend, state, _):
        monkeypatch.setattr(state.module.ICudaEngine, "create_execution_context", fails)
        with pytest.raises(BackendError, match=r"made no execution context.*from the vendor"):
            backend.new_request()
        assert held_on_device(state.cuda) == (0, 0)


def test_closing_after_its_cuda_was_closed() -> None:
    with loaded("10.3") as (backend, state, _):
        request = backend.new_request()
        state.cuda.close()
        with pytest.raises(BackendError, match="closed"):
            request.infer()
        backend.close()
        assert state.ended == ["context", "engine", "runtime"]


@every_generation
def test_no_memory_for_a_context(generation: str) -> None:
    small = FakeCuda(FAKE_FACTS._replace(memory_bytes=1 << 20))
    with loaded(generation, small, workspace=2 << 20) as (backend, _, _):
        with pytest.raises(BackendError, match=r"each takes 2\.0 MiB.*1\.0 MiB are free.*out of"):
            backend.new_request()
        assert held_on_device(small) == (0, 0)

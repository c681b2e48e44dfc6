"""The TensorRT adapter's options, what it tells of an engine, and the vendor's log."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import types
import weakref
from typing import Any, Dict, List

import pytest
from fake_tensorrt_engines import engine
from tensorrt_support import NAMES, fake, load, loaded

from edgeclf.backends import tensorrt_log, tensorrt_nvtx
from edgeclf.backends.tensorrt_log import log_of
from edgeclf.errors import ArgumentError, BackendUnavailable, ModelError

every_generation = pytest.mark.parametrize("generation", NAMES)


@every_generation
def test_layers_and_their_times(generation: str) -> None:
    with loaded(generation, backend_options={"timing": True}) as (backend, _, made):
        request = backend.new_request()
        for _ in range(3):
            request.infer()
        times = [(t.name, t.runs, t.milliseconds) for t in backend.layer_times]
        assert times == [(name, 3, 0.25 * (i + 1)) for i, name in enumerate(made["layers"])]
        text = backend.engine_inspector()
        if generation.startswith("lean"):
            assert text is None
        else:
            assert text is not None
            assert all(name in text for name in made["layers"])
        request.enqueue()  # reports nothing yet: that would wait, and spoil a graph
        assert [t.runs for t in backend.layer_times] == [3, 3, 3]
        request.finish()
        assert [t.runs for t in backend.layer_times] == [4, 4, 4]
        (placement,) = backend.placement
        assert placement[:2] == ("cuda:0 (FakeCuda)", len(made["layers"]))
    with loaded(generation) as (backend, _, _):
        backend.new_request().infer()
        assert backend.layer_times == ()


@every_generation
def test_host_code_needs_leave(generation: str) -> None:
    if generation in ("8.2", "8.5"):
        pytest.skip("its engines carry no host code")
    made = engine(host_code=True)
    with fake(generation) as state:
        with pytest.raises(ModelError, match="engine_host_code_allowed"):
            load(state, made)
        load(state, made, backend_options={"engine_host_code_allowed": True}).close()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"modul": "x"}, "does not know 'modul'"),
        ({"module": "trt"}, "expected one of tensorrt, tensorrt_lean, tensorrt_rtx"),
        ({"profile": -1}, "profile"),
        ({"profile": True}, "profile"),
        ({"timing": 1}, "timing"),
        ({"engine_host_code_allowed": "yes"}, "engine_host_code_allowed"),
        ({"api_module": logging}, "api_module"),
    ],
)
def test_options_are_checked(options: Dict[str, Any], text: str) -> None:
    with fake("10.3") as state, pytest.raises(ArgumentError, match=text):
        load(state, engine(), backend_options=options)


def test_devices() -> None:
    with fake("10.3") as state:
        with pytest.raises(BackendUnavailable, match=r"'cpu'.*NVIDIA GPUs alone"):
            load(state, engine(), device="cpu")
        with pytest.raises(ArgumentError, match="expected 'cuda:0'"):
            load(state, engine(), device="cuda:1")
        backend = load(state, engine(), device="cuda:0", num_threads=3)
        assert (backend.device, backend.cuda) == ("cuda:0", state.cuda)
        backend.close()


def test_one_logger_serves_the_process() -> None:
    """The vendor hears the first logger alone: a second backend's errors must come through it."""
    with fake("10.3") as state:
        first = load(state, engine())
        state.refuse_engine = "said through the first logger"
        with pytest.raises(ModelError, match="said through the first logger"):
            load(state, engine())
        assert state.logger is log_of(state.module).logger
        first.close()


def test_the_logger_outlives_all_that_refers_to_it() -> None:
    """The vendor keeps its address for the life of the process."""
    with fake("10.3") as state:
        logger = weakref.ref(log_of(state.module).logger)
        tensorrt_log._LOGS.clear()
        gc.collect()
        assert logger() is not None


def test_messages_reach_the_call_that_caused_them(caplog: pytest.LogCaptureFixture) -> None:
    with fake("10.3") as state:
        log = log_of(state.module)
        state.logger = log.logger
        both: List[List[str]] = []

        def other() -> None:
            with log.collecting() as said:
                state.error("from the other thread")
                both.append(said)

        with log.collecting() as said, caplog.at_level(logging.WARNING, "edgeclf"):
            state.error("mine")
            state.error("a warning", "WARNING")
            state.error("a remark", "INFO")
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            worker = threading.Thread(target=state.error, args=("from the vendor's worker",))
            worker.start()
            worker.join()
        state.error("too late")
        assert said.errors == 1  # the worker's may be another call's
        assert said == ["mine", "a warning", "from the vendor's worker"]
        assert both == [["from the other thread"]]
        assert [r.getMessage() for r in caplog.records] == ["TensorRT: a warning"]


def test_nvtx_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: List[str] = []
    module = types.ModuleType("nvtx")
    module.push_range = seen.append  # type: ignore[attr-defined]
    module.pop_range = lambda: seen.append("end")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nvtx", module)
    with loaded("10.3") as (backend, _, _):
        backend.new_request().infer()
    assert seen[::2] == ["edgeclf: upload", "edgeclf: enqueue", "edgeclf: wait"]
    assert seen[1::2] == ["end"] * 3
    monkeypatch.setitem(sys.modules, "nvtx", None)
    with tensorrt_nvtx.find_ranges()("nothing"):
        pass

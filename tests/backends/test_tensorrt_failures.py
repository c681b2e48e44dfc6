"""The TensorRT adapter where something fails: a typed error, nothing held, and on it goes."""

from __future__ import annotations

import gc
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
from fake_tensorrt import BY_NAME, Crash
from fake_tensorrt_engines import Engine, batches, engine, plan_of
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

from edgeclf.backends import load_backend
from edgeclf.backends import tensorrt as adapter
from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda
from edgeclf.engine import join
from edgeclf.errors import (
    BackendError,
    BackendUnavailable,
    EdgeclfError,
    InferenceError,
    ModelError,
    SpecMismatch,
)
from edgeclf.model_file import ModelFile

every_generation = pytest.mark.parametrize("generation", NAMES)
JETSON = FAKE_FACTS._replace(integrated=True)
TWO_OUTPUTS = (("scores", 7, "float32"), ("embedding", 9, "float16"))


# -- running ----------------------------------------------------------------------------------


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
def test_no_memory_for_a_context(generation: str) -> None:
    small = FakeCuda(FAKE_FACTS._replace(memory_bytes=1 << 20))
    with loaded(generation, small, workspace=2 << 20) as (backend, _, _):
        with pytest.raises(BackendError, match=r"each takes 2\.0 MiB.*1\.0 MiB are free.*out of"):
            backend.new_request()
        assert held_on_device(small) == (0, 0)


# -- loading ----------------------------------------------------------------------------------

# As the vendor writes them, and what must be told of them.
MESSAGES = [
    (
        "6: The engine plan file is not compatible with this version of TensorRT, expecting "
        "library version 8.6.1 got 8.5.2, please rebuild.",
        r"TensorRT 8\.5\.2",
    ),
    (
        "6: The engine plan file is generated on an incompatible device, expecting compute 8.7 "
        "got compute 8.6, please rebuild.",
        r"compute capability 8\.6",
    ),
    (
        "1: [stdArchiveReader.cpp::StdArchiveReader::32] Error Code 1: Serialization "
        "(Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed.Version tag "
        "does not match. Note: Current Version: 213, Serialized Engine Version: 205)",
        r"8\.2",
    ),
    ("Serialization assertion failed.Magic tag does not match", "damaged"),
    ("Platform specific tag mismatch detected.", "operating system"),
    ("something that nobody has seen", "something that nobody has seen"),
]


@every_generation
@pytest.mark.parametrize(("message", "told"), MESSAGES)
def test_a_refused_engine_says_why(generation: str, message: str, told: str) -> None:
    with fake(generation) as state:
        state.refuse_engine = message
        with pytest.raises(ModelError, match=told) as caught:
            load(state, engine())
        assert "edgeclf build MODEL.onnx" in str(caught.value)
        assert not any(state.cuda.live().values())


def test_a_refused_engine_without_a_reason() -> None:
    with fake("10.3") as state:
        state.refuse_engine = " "
        with pytest.raises(ModelError, match="edgeclf build"):
            load(state, engine())


@every_generation
def test_another_version_is_seen_before_the_runtime(generation: str) -> None:
    made = BY_NAME[generation]
    if not made.full:
        pytest.skip("the lean runtime reads engines of older versions")
    with fake(generation) as state:
        state.has_device = False  # touching the runtime would be a crash
        plan = plan_of(engine(), "9.1.0.2", made.magic)
        with pytest.raises(ModelError, match=r"9\.1\.0.*edgeclf build"):
            load_backend(ModelFile(plan), backend_options={"cuda": state.cuda})


@every_generation
def test_another_gpu_is_seen_by_the_document_or_the_runtime(generation: str) -> None:
    if generation.startswith("RTX"):
        pytest.skip("its engines are for many GPUs")
    with fake(generation) as state:
        with pytest.raises(ModelError, match=r"compute capability 7\.2.*edgeclf build"):
            load(state, engine(capability="7.2"))
        document = {"engine": {"compute_capability": "7.2", "source": "net.onnx"}}
        content = join(document, state.plan(engine()))
        state.has_device = False
        with pytest.raises(ModelError, match=r"7\.2.*edgeclf build net\.onnx"):
            load_backend(ModelFile(content), backend_options={"cuda": state.cuda})


def test_rtx_is_asked_whether_an_engine_runs_here() -> None:
    with fake("RTX 1.7") as state:
        state.invalid = state.module.EngineInvalidityDiagnostics.OLD_CUDA_DRIVER
        state.refuse_engine = "must not be reached"
        with pytest.raises(ModelError, match="OLD_CUDA_DRIVER") as caught:
            load(state, engine())
        assert "must not be reached" not in str(caught.value)


@every_generation
def test_a_runtime_that_does_not_start(generation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake(generation) as state:

        def fails(self: Any, logger: Any) -> None:
            state.logger = logger
            state.error("CUDA initialization failure with error: 35")
            raise TypeError("factory function returned nullptr")

        monkeypatch.setattr(state.module.Runtime, "__init__", fails)
        with pytest.raises(BackendError, match="error: 35; factory function returned nullptr"):
            load(state, engine())


def test_no_device_is_an_error_before_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_device(index: int) -> None:
        raise BackendUnavailable(f"no CUDA device {index}")

    monkeypatch.setattr(adapter, "open_cuda", no_device)
    with fake("10.3") as state:
        state.has_device = False
        with pytest.raises(BackendUnavailable, match="no CUDA device 2"):
            load_backend(ModelFile(state.plan(engine())), device="cuda:2")


@every_generation
def test_a_driver_that_is_too_old_is_seen_in_the_log_before_the_runtime_is_touched(
    generation: str,
) -> None:
    """There is a device, and TensorRT cannot use it: its Runtime is a null pointer."""
    with fake(generation) as state:
        state.has_device = False
        with pytest.raises(BackendUnavailable, match=r"error: 35.*nvidia-smi"):
            load(state, engine())
        gc.collect()
        assert "CRASH" not in state.ended
        runtime = state.module.Runtime(state.logger)
        with pytest.raises(Crash):
            runtime.deserialize_cuda_engine(state.plan(engine()))


@pytest.mark.parametrize(
    ("generation", "magic", "needed"),
    [("10.3", b"vtrt", "tensorrt_rtx"), ("RTX 1.7", b"ftrt", "tensorrt or tensorrt_lean")],
)
def test_the_wrong_module_for_the_file(generation: str, magic: bytes, needed: str) -> None:
    with fake(generation) as state:
        plan = plan_of(engine(), state.version, magic)
        with pytest.raises(BackendUnavailable, match=f"needs the Python module {needed}") as got:
            load_backend(ModelFile(plan), backend_options={"cuda": state.cuda})
        assert f"installed: {BY_NAME[generation].module} {state.version}" in str(got.value)
    with fake("10.3") as state, pytest.raises(BackendUnavailable, match="'tensorrt_rtx' was asked"):
        load(state, engine(), backend_options={"module": "tensorrt_rtx"})


def _two_inputs(made: Engine) -> None:
    made["more inputs"] = [["mask", [1, 1], "float32"]]


REFUSED: List[Any] = [
    ({"format": "HWC8"}, None, "packed format"),
    ({"location": "HOST"}, None, "on the host"),
    ({"dtype": "int32"}, None, "expected the input 'pixels'.*int32"),
    ({"outputs": (("scores", 7, "int32"),)}, None, "expected the output 'scores'.*int32"),
    ({}, _two_inputs, "expected one image input, got 2"),
    ({"outputs": (("places", -1, "float32"),)}, None, "shape follows from the input's"),
]


@every_generation
@pytest.mark.parametrize(("arguments", "change", "text"), REFUSED)
def test_tensors_that_are_no_classifiers(
    generation: str, arguments: Dict[str, Any], change: Optional[Callable[..., None]], text: str
) -> None:
    made = engine(**arguments)
    if change:
        change(made)
    with fake(generation) as state:
        with pytest.raises(SpecMismatch, match=text):
            load(state, made).new_request()
        assert held_on_device(state.cuda) == (0, 0)


@every_generation
def test_an_engine_that_is_cut_short(generation: str) -> None:
    with fake(generation) as state:
        plan = state.plan(engine())
        for length in (16, 31, 40, 64, 100, len(plan) - 1):
            with pytest.raises(ModelError):
                load_backend(ModelFile(plan[:length]), backend_options={"cuda": state.cuda})
        assert not any(state.cuda.live().values())

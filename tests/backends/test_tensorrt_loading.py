"""Engines that cannot be loaded: refused files, the wrong module, no device, odd tensors."""

from __future__ import annotations

import gc
from typing import Any, Callable, Dict, List, Optional

import pytest
from fake_tensorrt import BY_NAME, Crash
from fake_tensorrt_engines import Engine, engine, plan_of
from tensorrt_support import (
    NAMES,
    fake,
    held_on_device,
    load,
)

from edgeclf.backends import load_backend, tensorrt_load
from edgeclf.engine import join
from edgeclf.errors import (
    BackendError,
    BackendUnavailable,
    ModelError,
    SpecMismatch,
)
from edgeclf.model_file import ModelFile

every_generation = pytest.mark.parametrize("generation", NAMES)


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

    monkeypatch.setattr(tensorrt_load, "open_cuda", no_device)
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
    ({"outputs": (("scores", 7, "int8"),)}, None, "'scores' as float32.*int8.*DequantizeLinear"),
    ({"outputs": (("scores", 7, "float32"), ("e", 9, "int8"))}, None, "'e' as float32.*int8"),
    ({}, _two_inputs, "expected one image input, got 2"),
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
        with pytest.raises(SpecMismatch, match=text) as caught:
            load(state, made)
        assert state.ended == ["engine", "runtime"]  # though the exception is still held
        del caught
        assert held_on_device(state.cuda) == (0, 0)


@every_generation
def test_tensors_that_the_module_cannot_describe(
    generation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Any) -> None:
        raise TypeError("Unable to convert function return value to a Python type!")

    with fake(generation) as state:
        monkeypatch.setattr(state.module.ICudaEngine, "_format_text", fails)
        monkeypatch.setattr(state.module.ICudaEngine, "_format", fails)
        with pytest.raises(ModelError, match="Unable to convert") as caught:
            load(state, engine())
        assert isinstance(caught.value.__cause__, TypeError)


@every_generation
def test_outputs_whose_size_depends_on_the_frame(generation: str) -> None:
    with fake(generation) as state:
        backend = load(state, engine(outputs=(("places", -1, "float32"),)))
        with pytest.raises(SpecMismatch, match="shape follows from the input's"):
            backend.new_request()
        assert held_on_device(state.cuda) == (0, 0)
        backend.close()


@every_generation
def test_an_engine_that_is_cut_short(generation: str) -> None:
    with fake(generation) as state:
        plan = state.plan(engine())
        for length in (16, 31, 40, 64, 100, len(plan) - 1):
            with pytest.raises(ModelError):
                load_backend(ModelFile(plan[:length]), backend_options={"cuda": state.cuda})
        assert not any(state.cuda.live().values())

"""What only ONNX Runtime has: providers, options, external data, dimensions left open."""

from __future__ import annotations

import gc
import logging
import weakref
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from backend_cases import random_tensor, raw_runtime

from edgeclf.backends import load_backend
from edgeclf.errors import (
    ArgumentError,
    BackendUnavailable,
    InferenceError,
    ModelError,
    SpecMismatch,
)
from edgeclf.model_file import ModelFile

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
onnx_models = pytest.importorskip("onnx_models")

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
no_cuda = pytest.mark.skipif(CUDA in ort.get_available_providers(), reason="CUDA is here")


def load(model: bytes, **keywords: Any) -> Any:
    return load_backend(ModelFile(model), **keywords)


@pytest.mark.parametrize("kind", ["INT64", "STRING", "BFLOAT16", "DOUBLE", "BOOL"])
def test_other_inputs_are_refused(kind: str) -> None:
    model = onnx_models.input_of(getattr(onnx.TensorProto, kind))
    with pytest.raises(SpecMismatch, match="input 'pixels'"):
        load(model)


@pytest.mark.parametrize("name", [b"pixels", b"scores", b"batch"])
def test_names_that_are_not_utf8(name: bytes) -> None:
    model = onnx_models.float_classifier().replace(name, name[:-1] + b"\xff")
    with pytest.raises(ModelError) as caught:
        load(model)
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)


def test_a_model_without_scores_is_refused() -> None:
    with pytest.raises(SpecMismatch, match="output 'index'"):
        load(onnx_models.winner_only())


def test_two_inputs_are_refused() -> None:
    with pytest.raises(SpecMismatch, match=r"got 2 \(a \[1, 4\] float32, b"):
        load(onnx_models.two_inputs())


def test_open_width_and_height() -> None:
    model = onnx_models.float_classifier("b", ("h", "w"))
    backend = load(model)
    assert backend.input.shape == (None, 3, None, None)
    with pytest.raises(SpecMismatch, match=r"1x3x\?x\? leaves dimensions open"):
        backend.new_request()
    with pytest.raises(SpecMismatch, match="expected an input of"):
        backend.new_request(1, (1, 4, 4))
    request = backend.new_request(2, (3, 4, 4))
    tensor = random_tensor((2, 3, 4, 4), "float32", 1)
    request.input[...] = tensor
    for _ in range(2):
        np.testing.assert_array_equal(
            request.infer()[0], raw_runtime("onnxruntime", model).run(tensor)[0]
        )


def test_later_runs_allocate_nothing() -> None:
    """Outputs that the model states stay where they are; those that it cannot state are new."""
    stated = load(onnx_models.float_classifier()).new_request()
    assert len({stated.infer()[0].ctypes.data for _ in range(5)}) == 1
    assert stated.infer()[0].ctypes.data % 64 == 0
    misstated = load(onnx_models.float_classifier(scores_shape=(1, 5))).new_request(2)
    first, second = misstated.infer()[0], misstated.infer()[0]
    assert first.ctypes.data != second.ctypes.data


def test_closing_releases_the_session_below_living_requests() -> None:
    backend = load(onnx_models.float_classifier())
    request = backend.new_request()
    request.infer()
    session = weakref.ref(backend._session)
    backend.close()
    gc.collect()
    assert session() is None
    assert request.input.shape == (1, 3, 4, 4)


def test_a_session_with_another_provider_reads_every_input() -> None:
    """Binding copies the input to a GPU once: there each run must bind it again. Played on the
    CPU by a session that says it has another provider."""
    model = onnx_models.float_classifier()
    backend = load(model)

    class Elsewhere:
        def __getattr__(self, name: str) -> Any:
            return getattr(session, name)

        def get_providers(self) -> Any:
            return [CUDA, CPU]

    class Binding:
        def __init__(self) -> None:
            self.bound = 0
            self.real = session.io_binding()

        def __getattr__(self, name: str) -> Any:
            self.bound += name == "bind_input"
            return getattr(self.real, name)

    session = backend._session
    backend._session = Elsewhere()
    request = backend.new_request()
    binding = Binding()
    request._binding = binding
    request._session = type(
        "S", (), {"run_with_iobinding": lambda s, b: session.run_with_iobinding(b.real)}
    )()
    for seed in range(3):
        tensor = random_tensor((1, 3, 4, 4), "float32", seed)
        request.input[...] = tensor
        expected = raw_runtime("onnxruntime", model).run(tensor)[0]
        np.testing.assert_array_equal(request.infer()[0], expected)
        assert binding.bound == seed + 1


@pytest.mark.parametrize("private", ["missing", "with other arguments"])
def test_another_runtimes_private_names(private: str) -> None:
    """Runs go around the runtime's own Python where they can, and through it elsewhere."""
    model = onnx_models.float_classifier()
    backend = load(model)
    session, public_runs = backend._session, []

    class Other:
        """A session, or a binding, of a runtime whose private names are not those of today's."""

        def __init__(self, real: Any) -> None:
            self.real = real
            if private == "with other arguments":
                self._sess = type("Inner", (), {"run_with_iobinding": lambda self, bound: None})()
                self._iobinding = object()

        def __getattr__(self, name: str) -> Any:
            if name in ("_sess", "_iobinding"):
                raise AttributeError(name)
            return getattr(self.real, name)

        def io_binding(self) -> Any:
            return Other(session.io_binding())

        def run_with_iobinding(self, binding: Any) -> None:
            public_runs.append(binding)
            session.run_with_iobinding(binding.real)

    backend._session = Other(session)
    request = backend.new_request()
    for seed in range(3):
        tensor = random_tensor((1, 3, 4, 4), "float32", seed)
        request.input[...] = tensor
        expected = raw_runtime("onnxruntime", model).run(tensor)[0]
        np.testing.assert_array_equal(request.infer()[0], expected)
        assert len(public_runs) == seed + 1


def test_a_failing_run_is_an_inference_error() -> None:
    request = load(onnx_models.indexing()).new_request()
    request.infer()
    request.input[0, 2] = 9
    with pytest.raises(InferenceError, match="Gather") as caught:
        request.infer()
    assert caught.value.__cause__ is not None
    request.input[0, 2] = 3
    np.testing.assert_array_equal(request.infer()[0], [[0, 0, 3, 0]])


@no_cuda
def test_a_missing_device_is_an_error() -> None:
    model = onnx_models.float_classifier()
    with pytest.raises(BackendUnavailable, match=f"{CUDA}.*there are.*{CPU}.*strict=False"):
        load(model, device="cuda:0")
    with pytest.raises(BackendUnavailable, match=CUDA):
        load(model, backend_options={"providers": [CUDA, CPU]})


@no_cuda
def test_a_missing_device_may_be_allowed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="edgeclf"):
        backend = load(onnx_models.float_classifier(), device="cuda:0", strict=False)
    assert backend.device == "cpu"
    assert {p.unit for p in backend.placement} == {CPU}
    assert CUDA in caplog.text


def test_a_provider_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU build without its driver lists CUDA, and gives a session without it."""
    real = ort.InferenceSession
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(
        ort,
        "InferenceSession",
        lambda source, settings, providers, **k: real(source, settings, providers=[CPU]),
    )
    with pytest.raises(BackendUnavailable, match=CUDA):
        load(onnx_models.float_classifier(), device="cuda:0")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"threads": 1}, "does not know 'threads'.*providers, provider_options"),
        ({"providers": []}, "providers"),
        ({"providers": [("CPUExecutionProvider", {})]}, "providers"),
        ({"provider_options": {"CUDAExecutionProvider": {}}}, "not among the providers"),
        ({"allow_spinning": 1}, "allow_spinning"),
        ({"graph_optimization_level": "most"}, "disable, basic, extended, all"),
        ({"session_config": {"session.x": 1}}, "session_config"),
        ({"custom_op_libraries": "lib.so"}, "a list of paths"),
    ],
)
def test_options_are_checked(options: Dict[str, Any], complaint: str) -> None:
    with pytest.raises(ArgumentError, match=complaint):
        load(onnx_models.float_classifier(), backend_options=options)


def test_device_and_providers_exclude_each_other() -> None:
    with pytest.raises(ArgumentError, match="exclude each other"):
        load(onnx_models.float_classifier(), device="cpu", backend_options={"providers": [CPU]})


def test_options_reach_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    real = ort.InferenceSession

    def spy(source: Any, settings: Any, **keywords: Any) -> Any:
        seen.update(settings=settings, **keywords)
        return real(source, settings, **keywords)

    monkeypatch.setattr(ort, "InferenceSession", spy)
    options = {
        "providers": [CPU],
        "provider_options": {CPU: {"arena_extend_strategy": "kSameAsRequested"}},
        "allow_spinning": False,
        "graph_optimization_level": "disable",
        "session_config": {"session.disable_prepacking": "1"},
    }
    load(onnx_models.float_classifier(), num_threads=3, backend_options=options)
    settings = seen["settings"]
    assert settings.intra_op_num_threads == 3
    assert seen["enable_fallback"] == 0
    assert settings.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert settings.get_session_config_entry("session.inter_op.allow_spinning") == "0"
    assert settings.get_session_config_entry("session.disable_prepacking") == "1"
    assert settings.graph_optimization_level == ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert seen["providers"] == [(CPU, {"arena_extend_strategy": "kSameAsRequested"})]


def test_custom_operators_are_code_and_must_be_named(tmp_path: Path) -> None:
    """A shared library beside the model is never loaded; one that is named must load."""
    (tmp_path / "model.onnx").write_bytes(onnx_models.float_classifier())
    library = tmp_path / "libcustom.so"
    library.write_bytes(b"not a library")
    load_backend(ModelFile(tmp_path / "model.onnx")).new_request().infer()
    with pytest.raises(BackendUnavailable, match=r"libcustom\.so cannot be loaded"):
        load_backend(
            ModelFile(tmp_path / "model.onnx"), backend_options={"custom_op_libraries": [library]}
        )


def test_external_data_is_found_beside_the_model(tmp_path: Path) -> None:
    model = onnx.load_from_string(onnx_models.float_classifier())
    path = tmp_path / "model.onnx"
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    assert (tmp_path / "weights.bin").stat().st_size > 0
    request = load_backend(ModelFile(path)).new_request()
    tensor = random_tensor((1, 3, 4, 4), "float32", 5)
    request.input[...] = tensor
    expected = raw_runtime("onnxruntime", onnx_models.float_classifier()).run(tensor)[0]
    np.testing.assert_array_equal(request.infer()[0], expected)


def test_an_operator_it_does_not_have_is_a_model_error() -> None:
    model = onnx.load_from_string(onnx_models.float_classifier())
    model.graph.node[0].op_type = "Flatland"
    with pytest.raises(ModelError, match="Flatland") as caught:
        load(model.SerializeToString())
    assert caught.value.__cause__ is not None

"""What only TFLite has: its delegate XNNPACK, interpreters that resize, memory that moves."""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
import weakref
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from backend_cases import random_tensor, raw_runtime, require, tflite_module

from edgeclf.backends import load_backend
from edgeclf.errors import (
    ArgumentError,
    BackendError,
    BackendUnavailable,
    InferenceError,
    ModelError,
    SpecMismatch,
)
from edgeclf.model_file import ModelFile

models = pytest.importorskip("tflite_models")
require("tflite")

REAL_MODELS = [
    "mobilenet_v2_1.0_224_quant",
    "tf2_mobilenet_v2_1.0_224_ptq",
    "mobilenet_v1_0.25_224_float_with_metadata",
    "mobilenet_v1_1.0_224_quant_embedding_extractor",
]


def load(model: Any, **keywords: Any) -> Any:
    return load_backend(ModelFile(model), **keywords)


@pytest.mark.parametrize("name", REAL_MODELS)
def test_real_models_answer_as_the_runtime_does(name: str, shared_data: Path) -> None:
    path = shared_data / "models" / f"{name}.tflite"
    raw = raw_runtime("tflite", path.read_bytes())
    backend = load(path)
    request = backend.new_request()
    for seed in range(2):
        tensor = random_tensor(request.input.shape, backend.input.dtype, seed)
        request.input[...] = tensor
        for answer, expected in zip(request.infer(), raw.run(tensor)):
            assert answer.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", REAL_MODELS)
def test_placement_of_real_models(name: str, shared_data: Path) -> None:
    """The total is the graph's own number of nodes, from an interpreter without delegates; and
    what is said to be on a delegate has no memory of its own in the interpreter."""
    path = shared_data / "models" / f"{name}.tflite"
    module = tflite_module()
    plain = module.Interpreter(
        str(path),
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    plain.allocate_tensors()
    interpreter = module.Interpreter(str(path))
    interpreter.allocate_tensors()
    nodes = interpreter._get_ops_details()
    produced = [t for n in nodes if n["op_name"] != "DELEGATE" for t in n["outputs"]]
    handed_over = {t for n in nodes if n["op_name"] == "DELEGATE" for t in n["outputs"]}
    delegated = sum(t in handed_over or not _has_memory(interpreter, t) for t in produced)

    counts = {p.unit: p.operators for p in load(path).placement}
    assert sum(counts.values()) == len(plain._get_ops_details())
    assert counts.get("XNNPACK", 0) == delegated


def _has_memory(interpreter: Any, tensor: int) -> bool:
    try:
        interpreter.tensor(tensor)()
    except ValueError:
        return False
    return True


def test_placement_with_and_without_xnnpack() -> None:
    found = {p.unit: p.operators for p in load(models.reversing()).placement}
    if "XNNPACK" not in found:
        pytest.skip("this TFLite was built without XNNPACK")
    assert found == {"XNNPACK": 2, "TFLite CPU": 1}
    without = load(models.reversing(), backend_options={"xnnpack": False})
    assert {p.unit: p.operators for p in without.placement} == {"TFLite CPU": 3}
    load(models.reversing(), backend_options={"xnnpack": True})


def test_xnnpack_demanded_and_not_used() -> None:
    with pytest.raises(BackendUnavailable, match="XNNPACK took none"):
        load(models.positive_places(), backend_options={"xnnpack": True})
    load(models.positive_places(), backend_options={"xnnpack": True}, strict=False)


def test_a_broken_model_is_a_model_error(shared_data: Path) -> None:
    with pytest.raises(ModelError, match="fake-op-double") as caught:
        load(shared_data / "models" / "model_invoking_error.tflite")
    assert caught.value.__cause__ is not None


def test_an_unknown_operator_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="edgeclf-unknown"):
        load(models.custom_operator())


@pytest.mark.parametrize("name", [b"pixels", b"flat", b"scores"])
def test_names_that_are_not_utf8(name: bytes) -> None:
    model = models.float_classifier().replace(name, name[:-1] + b"\xff")
    with contextlib.suppress(ModelError):  # older runtimes do not mind: they run it
        load(model).new_request().infer()


def test_models_that_are_no_classifiers_are_refused() -> None:
    with pytest.raises(SpecMismatch, match="got 2"):
        load(models.two_inputs())
    with pytest.raises(SpecMismatch, match="it is int64"):
        load(models.reshaping("int64"))
    with pytest.raises(SpecMismatch, match="one scale for 'pixels', got 3"):
        load(models.reshaping("int8", [0.1, 0.2, 0.3]))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float16"])
def test_tensors_that_are_not_quantised(dtype: str) -> None:
    backend = load(models.reshaping(dtype))
    assert backend.input.dtype == dtype
    assert backend.input.quantization is None
    assert backend.outputs[0].quantization is None


def test_a_batch_that_does_not_resize() -> None:
    backend = load(models.fixed_reshape())
    backend.new_request(1).infer()
    with pytest.raises(SpecMismatch, match="cannot resize it to") as caught:
        backend.new_request(2)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("stated", [0, 1, 7])
def test_memory_that_moves_is_not_handed_out(stated: int) -> None:
    """The interpreter moves its input in the middle of a run of such a model; ours stays."""
    interpreter = tflite_module().Interpreter(model_content=models.positive_places(stated))
    interpreter.allocate_tensors()
    before = interpreter.tensor(0)().ctypes.data
    interpreter.set_tensor(0, np.ones((1, 4, 4, 3), "f4"))
    interpreter.invoke()
    assert interpreter.tensor(0)().ctypes.data != before, "the premise of this test"

    request = load(models.positive_places(stated)).new_request()
    kept = request.input
    for count in (48, 3, 20):
        kept[...] = 0
        kept.ravel()[:count] = 1
        assert request.infer()[0].shape == (count, 4)


def test_outputs_are_not_copied() -> None:
    request = load(models.float_classifier()).new_request()
    assert len({request.infer()[0].ctypes.data for _ in range(3)}) == 1


def test_an_interpreter_lives_as_long_as_its_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    module = tflite_module()
    made = []

    class Counted(module.Interpreter):  # type: ignore[name-defined,misc]
        def __init__(self, *args: Any, **keywords: Any) -> None:
            super().__init__(*args, **keywords)
            made.append(weakref.ref(self))

    monkeypatch.setattr(module, "Interpreter", Counted)
    backend = load(models.float_classifier())
    request = backend.new_request()
    kept = request.input
    backend.close()
    del request, backend
    gc.collect()
    assert len(made) == 1
    assert made[0]() is not None
    kept[...] = 1
    del kept
    gc.collect()
    assert made[0]() is None


def test_a_request_refuses_a_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    module = tflite_module()
    entered, leave = threading.Event(), threading.Event()

    class Slow(module.Interpreter):  # type: ignore[name-defined,misc]
        def invoke(self) -> None:
            entered.set()
            assert leave.wait(30)
            super().invoke()

    monkeypatch.setattr(module, "Interpreter", Slow)
    model = models.float_classifier()
    request = load(model).new_request()
    tensor = random_tensor(request.input.shape, "float32", 1)
    request.input[...] = tensor
    answers = []
    thread = threading.Thread(target=lambda: answers.append(request.infer()[0].copy()))
    thread.start()
    assert entered.wait(30)
    with pytest.raises(BackendError, match="another thread"):
        request.infer()
    leave.set()
    thread.join(30)
    monkeypatch.undo()
    np.testing.assert_array_equal(answers[0], raw_runtime("tflite", model).run(tensor)[0])


def test_a_failing_run_is_an_inference_error(monkeypatch: pytest.MonkeyPatch) -> None:
    module = tflite_module()

    class Failing(module.Interpreter):  # type: ignore[name-defined,misc]
        def invoke(self) -> None:
            raise RuntimeError("out of lemons")

    monkeypatch.setattr(module, "Interpreter", Failing)
    request = load(models.float_classifier()).new_request()
    for _ in range(2):  # the second shows that the request was given free again
        with pytest.raises(InferenceError, match="out of lemons"):
            request.infer()


def test_num_threads_reaches_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    module, seen = tflite_module(), []
    real = module.Interpreter
    monkeypatch.setattr(
        module, "Interpreter", lambda **k: seen.append(k["num_threads"]) or real(**k)
    )
    load(models.float_classifier(), num_threads=3)
    load(models.float_classifier())
    assert seen == [3, None]


def test_cuda_is_not_here(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BackendUnavailable, match="cuda:0"):
        load(models.float_classifier(), device="cuda:0")
    with caplog.at_level(logging.WARNING, logger="edgeclf"):
        assert load(models.float_classifier(), device="cuda:0", strict=False).device == "cpu"
    assert "cuda:0" in caplog.text


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"delegate": "x"}, "does not know 'delegate'.*delegates, xnnpack"),
        ({"delegates": "libx.so"}, "a list of paths"),
        ({"delegates": [1]}, "a path or"),
        ({"delegates": [("libx.so", 1)]}, "a path or"),
        ({"xnnpack": "yes"}, "True, False or None"),
    ],
)
def test_options_are_checked(options: Dict[str, Any], complaint: str) -> None:
    with pytest.raises(ArgumentError, match=complaint):
        load(models.float_classifier(), backend_options=options)

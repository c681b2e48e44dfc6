"""What every backend must do, run over every backend and every kind of tensor.

The oracle is the raw runtime, called with copies everywhere: the same bits must come out. For
TensorRT, which needs a GPU, it is a fake of each of its generations; and, with `-m gpu`, a real
engine where `tests/gpu/test_gpu_engines.py` has one that loads.
"""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import numpy as np
import pytest
from backend_cases import CASES, REAL, Case, random_tensor, raw_runtime, remove_tensorrt, require

from edgeclf.backends import load_backend
from edgeclf.backends.base import Backend
from edgeclf.errors import ArgumentError, BackendError, SpecMismatch
from edgeclf.model_file import ModelFile
from edgeclf.types import Quantization

ON_DEVICE = pytest.param(REAL, marks=pytest.mark.gpu, id="tensorrt-real")


@pytest.fixture(params=[*CASES, ON_DEVICE], ids=lambda case: case.name.replace(" ", "-"))
def case(request: Any) -> Case:
    require(request.param.backend)
    return request.param


@pytest.fixture
def model(case: Case) -> bytes:
    return case.model()


Load = Callable[..., Backend]


@pytest.fixture
def load(case: Case) -> Iterator[Load]:
    options, fake = case.prepare()
    yield lambda model, **more: load_backend(ModelFile(model), backend_options=options, **more)
    if fake is None:
        return
    remove_tensorrt()
    if any(fake.cuda.live().values()):
        gc.collect()
    assert not any(fake.cuda.live().values())
    if fake.generation.shares_profiles:  # else a context may outlive a request of it
        assert "memory before its context" not in fake.ended


@pytest.fixture
def backend(model: bytes, load: Load) -> Iterator[Backend]:
    loaded = load(model, num_threads=1)
    yield loaded
    loaded.close()


def assert_same(answer: Tuple[np.ndarray, ...], expected: List[np.ndarray]) -> None:
    assert len(answer) == len(expected)
    for a, e in zip(answer, expected):
        assert a.dtype == e.dtype
        assert a.shape == e.shape
        assert a.tobytes() == e.tobytes()


def test_facts_are_the_runtimes(case: Case, model: bytes, backend: Backend) -> None:
    raw = raw_runtime(case.backend, model, case.batches[0])
    assert backend.name == case.backend
    for info, facts in zip((backend.input, *backend.outputs), (raw.input, *raw.outputs)):
        name, shape, dtype, (scale, zero_point) = facts
        quantization = Quantization(scale, zero_point) if scale else None
        assert info == (name, shape, dtype, quantization, case.memory)
    assert len(backend.outputs) == len(raw.outputs)
    assert backend.device == case.device
    assert any(digit in backend.runtime for digit in "0123456789")


def test_infer_is_the_runtimes_bit_for_bit(case: Case, model: bytes, backend: Backend) -> None:
    for batch in case.batches:
        raw = raw_runtime(case.backend, model, batch)
        request = backend.new_request(batch)
        for seed in (1, 2, 2, 3):
            tensor = random_tensor(request.input.shape, backend.input.dtype, seed)
            request.input[...] = tensor
            assert_same(request.infer(), raw.run(tensor))


def test_raw_answers_tell_inputs_apart(case: Case, model: bytes) -> None:
    """The oracle itself: were its answers all alike, the test above would prove nothing."""
    raw = raw_runtime(case.backend, model, case.batches[0])
    _, shape, dtype, _ = raw.input
    shape = (case.batches[0], *[n for n in shape[1:] if n])
    first, second = (raw.run(random_tensor(shape, dtype, seed))[0] for seed in (1, 2))
    assert first.shape != second.shape or (first != second).any()


def test_input_stays_where_it_is(case: Case, backend: Backend) -> None:
    request = backend.new_request(case.batches[0])
    address = request.input.ctypes.data
    assert address % 64 == 0
    assert request.input.flags.c_contiguous
    assert request.input.flags.writeable
    for seed in range(5):
        request.input[...] = random_tensor(request.input.shape, backend.input.dtype, seed)
        request.infer()
        assert request.input.ctypes.data == address


def test_input_begins_as_zeros(case: Case, backend: Backend) -> None:
    assert not backend.new_request(case.batches[0]).input.any()


def test_a_kept_array_is_still_read(case: Case, model: bytes, backend: Backend) -> None:
    """The preprocessor may ask for `input` once and write into it for ever."""
    request = backend.new_request(case.batches[0])
    raw = raw_runtime(case.backend, model, case.batches[0])
    kept = request.input
    for seed in range(4):
        kept[...] = random_tensor(kept.shape, backend.input.dtype, seed)
        expected = raw.run(kept.copy())
        assert_same(request.infer(), expected)


def test_requests_do_not_share_memory(case: Case, model: bytes, backend: Backend) -> None:
    raw = raw_runtime(case.backend, model, case.batches[0])
    requests = [backend.new_request(case.batches[0]) for _ in range(3)]
    for seed, request in enumerate(requests):
        request.input[...] = random_tensor(request.input.shape, backend.input.dtype, seed)
    answers = [request.infer() for request in requests]
    for seed, (request, answer) in enumerate(zip(requests, answers)):
        tensor = random_tensor(request.input.shape, backend.input.dtype, seed)
        assert_same(answer, raw.run(tensor))


def test_batch_sizes_in_turn(case: Case, model: bytes, backend: Backend) -> None:
    for batch in (*case.batches, *reversed(case.batches), *case.batches):
        raw = raw_runtime(case.backend, model, batch)
        request = backend.new_request(batch)
        tensor = random_tensor(request.input.shape, backend.input.dtype, batch)
        request.input[...] = tensor
        assert_same(request.infer(), raw.run(tensor))


def test_older_requests_outlive_a_newer_batch(case: Case, model: bytes, backend: Backend) -> None:
    requests = {batch: backend.new_request(batch) for batch in case.batches}
    for seed in range(3):
        for batch, request in requests.items():
            tensor = random_tensor(request.input.shape, backend.input.dtype, seed)
            request.input[...] = tensor
            assert_same(request.infer(), raw_runtime(case.backend, model, batch).run(tensor))


def test_a_fixed_batch_refuses_others(case: Case, backend: Backend) -> None:
    if backend.input.shape[0] is None:
        pytest.skip("its batch is open")
    with pytest.raises(SpecMismatch, match="one by one"):
        backend.new_request(case.batches[0] + 1)


@pytest.mark.parametrize("batch", [0, -1, 1.0, True, "1", None])
def test_a_batch_is_a_whole_number(backend: Backend, batch: Any) -> None:
    with pytest.raises(ArgumentError, match="batch"):
        backend.new_request(batch)


def test_an_item_of_another_shape_is_refused(case: Case, backend: Backend) -> None:
    shape = [n + 1 for n in backend.input.shape[1:] if n]
    with pytest.raises(SpecMismatch, match="expected an input of"):
        backend.new_request(case.batches[0], item_shape=shape)  # type: ignore[call-arg]


def test_threads_get_right_answers(case: Case, model: bytes, backend: Backend) -> None:
    """As a pool uses it: so many requests as the backend allows, one thread at a time in each."""
    batch = case.batches[0]
    pool = [backend.new_request(batch) for _ in range(backend.max_requests or 4)]
    free = threading.Semaphore(len(pool))
    raw = raw_runtime(case.backend, model, batch)
    shape, dtype = pool[0].input.shape, backend.input.dtype
    tensors = [random_tensor(shape, dtype, seed) for seed in range(8)]
    expected = [raw.run(tensor) for tensor in tensors]
    failures: List[BaseException] = []

    def work(offset: int) -> None:
        try:
            for i in range(40):
                which = (i + offset) % len(tensors)
                with free:
                    request = pool.pop()
                    request.input[...] = tensors[which]
                    answer = request.infer()
                    assert_same(answer, expected[which])
                    pool.append(request)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)


def test_closed(case: Case, backend: Backend) -> None:
    used, fresh = (backend.new_request(case.batches[0]) for _ in range(2))
    used.infer()
    kept = used.input
    backend.close()
    backend.close()
    for use in (used.infer, fresh.infer, lambda: backend.new_request(case.batches[0])):
        with pytest.raises(BackendError, match="closed"):
            use()
    with pytest.raises(BackendError, match="closed"):
        backend.placement  # noqa: B018
    # The memory must still be there: a thread may be writing its next frame.
    kept[...] = 1
    assert (kept == 1).all()


def test_placement_counts_every_node(case: Case, backend: Backend) -> None:
    placement = backend.placement
    total = sum(p.operators for p in placement)
    assert total >= 1
    assert all(p.unit and p.reason and p.operators > 0 for p in placement)
    if case.nodes is not None:
        assert total == case.nodes
    assert backend.placement is placement


def test_a_path_gives_the_same(case: Case, model: bytes, load: Load, tmp_path: Path) -> None:
    path = tmp_path / ("model" + case.suffix)
    path.write_bytes(model)
    backend = load(path)
    request = backend.new_request(case.batches[0])
    tensor = random_tensor(request.input.shape, backend.input.dtype, 4)
    request.input[...] = tensor
    assert_same(request.infer(), raw_runtime(case.backend, model, case.batches[0]).run(tensor))
    backend.close()

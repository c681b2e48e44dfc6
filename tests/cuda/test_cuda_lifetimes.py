"""When the providers' own objects end: with `close`, in the context, once, and never in a child."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time

import numpy as np
import pytest
from test_cuda_providers import _nothing_open, case, case_named  # noqa: F401

from edgeclf.cuda import open_cuda
from edgeclf.errors import BackendError


@pytest.fixture
def pycuda(monkeypatch):
    return case_named("pycuda", monkeypatch)


def test_what_pycuda_destroys_with_its_object_ends_at_close(pycuda):
    cuda, destroyed = open_cuda(0, "pycuda"), pycuda.state.destroyed
    stream, module = cuda.stream(), cuda.load_module(b"image")
    function = module.function("kernel")
    cuda.launch(function, (1, 1, 1), (1, 1, 1), [np.uint64(7)], stream)
    stream.close()
    assert destroyed == [("stream", True)]
    module.close()
    assert destroyed == [("stream", True), ("module", True)]
    kept = cuda.stream(), cuda.load_module(b"image")
    cuda.close()
    assert sorted(destroyed[2:]) == [("module", True), ("stream", True)]
    assert pycuda.state.depth == 0
    assert kept[0].raw is None


def test_closed_streams_and_modules_are_no_default_ones(case):  # noqa: F811
    """None would be the default stream to CUDA."""
    cuda = open_cuda(0, case.name)
    stream, module = cuda.stream(), cuda.load_module(b"image")
    function = module.function("kernel")
    device, host = cuda.allocate(8), cuda.allocate_host(8)
    launch = (function, (1, 1, 1), (1, 1, 1), [np.uint64(7)] * 2)
    other = cuda.stream()
    other.close()
    assert other.raw is None
    for use in (
        lambda: cuda.upload(device.pointer, host.pointer, 8, other),
        lambda: cuda.download(host.pointer, device.pointer, 8, other),
        lambda: cuda.launch(*launch, other),
    ):
        with pytest.raises(BackendError, match="this stream was closed"):
            use()
    module.close()
    with pytest.raises(BackendError, match="module was closed"):
        cuda.launch(*launch, stream)
    with pytest.raises(BackendError, match="module was closed"):
        module.function("kernel")
    assert case.state.depth == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_destroys_nothing_of_pycudas(pycuda):
    held = [open_cuda(0, "pycuda")]
    held += [held[0].stream(), held[0].load_module(b"image"), held[0].stream()]
    child = os.fork()
    if child == 0:
        code = 2
        try:
            held[1].close()
            held[2].close()
            held.clear()
            import edgeclf.cuda

            edgeclf.cuda._opened.clear()
            gc.collect()
            code = 1 if pycuda.state.destroyed else 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert not pycuda.state.destroyed


@pytest.fixture
def bindings(monkeypatch):
    return case_named("cuda.bindings.driver", monkeypatch)


def test_what_is_released_as_a_capture_begins_waits_for_its_end(bindings):
    """The collector may come between the driver's call and the next line."""
    cuda = open_cuda(0, "cuda.bindings")
    stream, memory = cuda.stream(), cuda.allocate(8)
    bindings.state.on_begin = memory.free
    cuda.begin_capture(stream)
    assert bindings.held()[0] == 1
    cuda.end_capture(stream)
    assert bindings.held()[0] == 0


def test_a_capture_that_does_not_begin_holds_nothing_back(bindings):
    cuda = open_cuda(0, "cuda.bindings")
    stream, memory = cuda.stream(), cuda.allocate(8)
    bindings.state.begin = type(bindings.state.begin).CUDA_ERROR_INVALID_VALUE
    bindings.state.on_begin = memory.free
    with pytest.raises(BackendError):
        cuda.begin_capture(stream)
    assert bindings.held()[0] == 0
    other = cuda.allocate(8)
    other.free()
    assert bindings.held()[0] == 0


def test_two_threads_close_once(case):  # noqa: F811
    cuda = open_cuda(0, case.name)
    # Something whose release takes a while, so that both are within `close`.
    cuda._resources.hold(-1, lambda: time.sleep(0.2))
    threads = [threading.Thread(target=cuda.close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert case.state.retained == 0


def test_a_driver_that_is_older_than_a_call(bindings, monkeypatch):
    """cuda.bindings raises RuntimeError where libcuda has no such function."""
    cuda = open_cuda(0, "cuda.bindings")

    def missing(*arguments):
        raise RuntimeError('Function "cuMemAlloc_v2" not found')

    monkeypatch.setattr(sys.modules["cuda.bindings.driver"], "cuMemAlloc", missing)
    with pytest.raises(BackendError, match=r"cuMemAlloc.*not found.*Update the driver"):
        cuda.allocate(8)
    assert bindings.state.depth == 0


def test_pycudas_own_errors_stay_within(pycuda):
    cuda = open_cuda(0, "pycuda")
    pycuda.state.lost = True
    with pytest.raises(BackendError, match="context is destroyed"), cuda.current():
        pass
    pycuda.state.lost = False
    with pytest.raises(BackendError, match="named symbol"):
        cuda.load_module(b"image").function("other")
    assert pycuda.state.depth == 0

"""Both providers over stand-ins of what they adapt; the names against the real module."""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys
from pathlib import Path

import fake_cuda_driver
import fake_pycuda
import numpy as np
import pytest
from nvidia_packages import has_bindings

import edgeclf.cuda
from edgeclf.cuda import open_cuda
from edgeclf.errors import ArgumentError, BackendError, BackendUnavailable

SOURCE = Path(edgeclf.cuda.__file__).parent / "cuda_bindings.py"


class BindingsCase:
    """`cuda.bindings`; the layout of older cuda-python is `cuda.cuda`."""

    name = "cuda.bindings"

    def __init__(self, monkeypatch, layout="cuda.bindings.driver"):
        fake_cuda_driver.state = self.state = fake_cuda_driver.State()
        for name in ("cuda.bindings", "cuda.bindings.driver", "cuda.cuda"):
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, layout, fake_cuda_driver)

    def held(self):
        state = self.state
        counts = (state.streams, state.modules, state.graphs, state.events)
        return [len(state.blocks), len(state.hosts), *counts]


class PyCudaCase:
    name = "pycuda"

    def __init__(self, monkeypatch):
        self.state = fake_pycuda.State()
        package, driver = fake_pycuda.modules(self.state)
        monkeypatch.setitem(sys.modules, "pycuda", package)
        monkeypatch.setitem(sys.modules, "pycuda.driver", driver)

    def held(self):
        return [self.state.device_bytes, self.state.host_blocks]


@pytest.fixture(autouse=True)
def _nothing_open(monkeypatch):
    for name in ("cuda_bindings", "pycuda"):
        monkeypatch.delitem(sys.modules, f"edgeclf.cuda.{name}", raising=False)
        monkeypatch.delattr(edgeclf.cuda, name, raising=False)
    monkeypatch.setattr(edgeclf.cuda, "_opened", {})
    monkeypatch.setattr(edgeclf.cuda, "_opened_by", None)


def case_named(name, monkeypatch):
    if name == "pycuda":
        return PyCudaCase(monkeypatch)
    return BindingsCase(monkeypatch, name)


@pytest.fixture(params=["cuda.bindings.driver", "cuda.cuda", "pycuda"])
def case(request, monkeypatch):
    return case_named(request.param, monkeypatch)


def test_facts(case):
    cuda = open_cuda(0, case.name)
    facts = cuda.facts
    assert facts.name in ("Fake Orin", "Fake Nano")
    assert facts.compute_capability == ((8, 7) if case.name != "pycuda" else (5, 3))
    assert facts.memory_bytes == 1 << 20
    assert facts.driver_version in (12060, 10020)
    assert facts.integrated is True
    assert facts.concurrent_managed_access is False
    assert facts.uuid in ("GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", "PCI-0000:00:00.0")
    assert cuda.provider.startswith(case.name)
    assert open_cuda(0, case.name) is cuda
    assert case.state.retained == 1


def test_bytes_travel_there_and_back(case):
    cuda = open_cuda(0, case.name)
    stream = cuda.stream()
    there, back = cuda.allocate_host(64), cuda.allocate_host(64)
    device = cuda.allocate(64)
    there.array[:] = np.arange(64)
    cuda.upload(device.pointer, there.pointer, 64, stream)
    cuda.download(back.pointer, device.pointer, 64, stream)
    stream.synchronize()
    np.testing.assert_array_equal(back.array, np.arange(64))
    assert case.state.depth == 0


def test_whose_memory_it_is(case):
    cuda = open_cuda(0, case.name)
    memory = cuda.allocate(8)
    if case.name == "pycuda":
        assert cuda.device_of(memory.pointer) is None
        return
    for ordinal, told in ((0, 0), (3, 3), (-2, None)):
        case.state.ordinal = ordinal
        assert cuda.device_of(memory.pointer) == told
    assert cuda.device_of(4096) is None
    assert case.state.depth == 0


def test_all_is_released_once_and_in_any_way(case):
    cuda = open_cuda(0, case.name)
    before = case.held()
    memory = cuda.allocate(100)
    assert case.held() != before
    memory.free()
    memory.free()
    host = cuda.allocate_host(10, mapped=True)
    assert host.device_pointer == host.pointer
    view = host.array[3:]
    del host
    gc.collect()
    assert case.held() != before  # an array still shows it
    del view
    cuda.stream().close()
    cuda.load_module(b"image").close()
    gc.collect()
    assert case.held() == before
    cuda.allocate(100).freed  # noqa: B018
    gc.collect()
    assert case.held() == before
    kept = cuda.allocate(100), cuda.stream(), cuda.load_module(b"x")
    cuda.close()
    cuda.close()
    assert kept[0].freed
    assert case.state.retained == 0
    assert case.state.depth == 0
    with pytest.raises(BackendError, match="closed"):
        cuda.allocate(1)
    assert open_cuda(0, case.name) is not cuda


def test_out_of_memory_names_the_numbers(case):
    cuda = open_cuda(0, case.name)
    with pytest.raises(BackendError, match=r"2097152 bytes.*1048576 of 1048576"):
        cuda.allocate(1 << 21)
    assert case.state.depth == 0


def test_kernels(case):
    cuda = open_cuda(0, case.name)
    stream = cuda.stream()
    module = cuda.load_module(b"cubin")
    with pytest.raises(BackendError):
        module.function("other")
    struct = np.frombuffer(bytes(range(16)), np.dtype((np.void, 16)))[0]
    launch = (module.function("kernel"), (3, 2, 1), (32, 8, 1), [struct, np.uint64(7)], stream)
    cuda.launch(*launch)
    launched = case.state.launched[0]
    if case.name == "pycuda":
        assert launched == ((struct, np.uint64(7)), (3, 2, 1), (32, 8, 1))
    else:
        assert launched == (b"kernel", (3, 2, 1), (32, 8, 1), bytes(range(16)), 7)
    cuda.wait_for(stream, 1)


def test_graphs(case):
    cuda = open_cuda(0, case.name)
    stream = cuda.stream()
    if not cuda.can_capture:
        with pytest.raises(BackendError, match="cuda-bindings"):
            cuda.begin_capture(stream)
        return
    memory = cuda.allocate(8)
    cuda.begin_capture(stream)
    del memory
    gc.collect()
    assert case.held()[0] == 1  # the release would spoil the capture, and waits
    graph = cuda.end_capture(stream)
    assert case.held()[0] == 0
    graph.launch(stream)
    assert "cuGraphLaunch" in case.state.log
    graph.close()
    assert case.state.graphs == 0


def test_a_forked_child_is_refused(case):
    cuda = open_cuda(0, case.name)
    memory = cuda.allocate(8)
    before = case.held()
    child = os.fork()
    if child == 0:
        good = 0
        for use in (lambda: cuda.allocate(1), lambda: open_cuda(0, case.name)):
            try:
                use()
            except BackendError as exc:
                good += "spawn" in str(exc)
        memory.free()
        cuda.close()
        kept = case.held() == before and case.state.retained == 1
        os._exit(0 if good == 2 and kept else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_no_device(case):
    case.state.devices = 0
    with pytest.raises(BackendUnavailable, match="CUDA_VISIBLE_DEVICES"):
        open_cuda(0, case.name)


def test_no_driver(monkeypatch):
    case = BindingsCase(monkeypatch)
    case.state.init = RuntimeError('"cuda" is an NVIDIA driver library\nand more')
    with pytest.raises(BackendUnavailable, match="driver cannot be loaded"):
        open_cuda()
    case.state.init = fake_cuda_driver.CUresult.CUDA_ERROR_INVALID_VALUE
    with pytest.raises(BackendUnavailable, match="CUDA_ERROR_INVALID_VALUE"):
        open_cuda()


def test_no_provider(monkeypatch):
    for name in ("cuda.bindings.driver", "cuda.cuda", "pycuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendUnavailable, match=r"pip install cuda-bindings.*pip install pycuda"):
        open_cuda()
    with pytest.raises(ArgumentError, match="provider"):
        open_cuda(0, "cupy")
    with pytest.raises(ArgumentError, match="index"):
        open_cuda(-1)


def test_the_second_provider_serves_where_the_first_is_missing(monkeypatch):
    PyCudaCase(monkeypatch)
    for name in ("cuda.bindings.driver", "cuda.cuda"):
        monkeypatch.setitem(sys.modules, name, None)
    assert open_cuda().provider == "pycuda 2022.1"


def real_driver():
    if not has_bindings():
        pytest.skip("cuda-bindings is not installed")
    return importlib.import_module("cuda.bindings.driver")


def test_the_real_module_has_every_name_with_as_many_arguments():
    real = real_driver()
    used = set(re.findall(r'"(cu[A-Z]\w+)"', SOURCE.read_text())) - {"cuGraphInstantiateWithFlags"}
    assert len(used) > 25
    for name in used:
        stated = re.match(rf"{name}\((.*?)\)", getattr(real, name).__doc__).group(1)
        count = len([part for part in stated.split(",") if part.strip()])
        fake = getattr(fake_cuda_driver, name)
        code = getattr(fake, "__closure__", None)
        plain = code[0].cell_contents if code else fake
        assert plain.__code__.co_argcount == count, name
    for kind in ("CUdevice_attribute", "CUpointer_attribute", "CUstreamCaptureMode"):
        for member in getattr(fake_cuda_driver, kind).__members__:
            assert hasattr(getattr(real, kind), member)

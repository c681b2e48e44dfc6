"""FakeCuda is late where a device is late, and strict where a device is only dangerous."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from edgeclf.cuda.fake import FAKE_FACTS, FakeCuda
from edgeclf.errors import BackendError


@pytest.fixture
def cuda():
    return FakeCuda()


def round_trip(cuda, stream, device, host, back):
    cuda.upload(device.pointer, host.pointer, host.nbytes, stream)
    cuda.download(back.pointer, device.pointer, host.nbytes, stream)


def memories(cuda, nbytes=16):
    return cuda.allocate(nbytes), cuda.allocate_host(nbytes), cuda.allocate_host(nbytes)


def test_work_is_done_when_somebody_waits(cuda):
    stream, (device, host, back) = cuda.stream(), memories(cuda)
    host.array[:], back.array[:] = 1, 0
    round_trip(cuda, stream, device, host, back)
    assert not back.array.any()
    host.array[:] = 2  # too early: the copy has not happened yet
    stream.synchronize()
    assert (back.array == 2).all()


def test_a_stream_waits_for_another(cuda):
    one, two, (device, host, back) = cuda.stream(), cuda.stream(), memories(cuda)
    host.array[:], back.array[:] = 7, 0
    cuda.upload(device.pointer, host.pointer, 16, one)
    cuda.wait_for(two, one.handle)
    cuda.wait_for(two, 1)
    cuda.download(back.pointer, device.pointer, 16, two)
    two.synchronize()
    assert (back.array == 7).all()
    with pytest.raises(BackendError, match="no stream"):
        cuda.wait_for(two, 12345)


def test_without_waiting_the_bytes_are_not_there(cuda):
    one, two, (device, host, back) = cuda.stream(), cuda.stream(), memories(cuda)
    host.array[:] = 7
    cuda.upload(device.pointer, host.pointer, 16, one)
    cuda.download(back.pointer, device.pointer, 16, two)
    two.synchronize()
    assert not (back.array == 7).any()


@pytest.mark.parametrize("late", [False, True])
def test_use_after_free(cuda, late):
    stream, (device, host, _) = cuda.stream(), memories(cuda)
    if late:
        cuda.upload(device.pointer, host.pointer, 16, stream)
    device.free()
    with pytest.raises(BackendError, match="after it was freed"):
        stream.synchronize() if late else cuda.upload(device.pointer, host.pointer, 16, stream)
    if late:  # as on a device, nothing works from then on
        with pytest.raises(BackendError, match="earlier work failed"):
            cuda.allocate(1)


def test_addresses_are_checked(cuda):
    stream, (device, host, _) = cuda.stream(), memories(cuda)
    with pytest.raises(BackendError, match="out of bounds"):
        cuda.upload(device.pointer + 1, host.pointer, 16, stream)
    with pytest.raises(BackendError, match="expected a device address"):
        cuda.upload(host.pointer, host.pointer, 16, stream)
    pageable = np.zeros(16, np.uint8)
    with pytest.raises(BackendError, match="pinned"):
        cuda.upload(device.pointer, pageable.ctypes.data, 16, stream)
    with pytest.raises(BackendError, match="no device address"):
        FakeCuda().view(device.pointer, 16)


def test_streams_are_checked(cuda):
    stream, (device, host, _) = cuda.stream(), memories(cuda)
    with pytest.raises(BackendError, match="another device"):
        cuda.upload(device.pointer, host.pointer, 16, FakeCuda().stream())
    stream.close()
    with pytest.raises(BackendError, match="was closed"):
        cuda.upload(device.pointer, host.pointer, 16, stream)
    with pytest.raises(BackendError, match="closed"):
        stream.synchronize()


def test_writing_beyond_the_end_is_seen(cuda):
    device = cuda.allocate(8)
    whole = np.ctypeslib.as_array((np.ctypeslib.ctypes.c_uint8 * 9).from_address(device.pointer))
    whole[8] = 0
    with pytest.raises(BackendError, match="beyond 8 bytes"):
        cuda.check()


def test_kernels_run_late_and_their_arguments_are_copied():
    seen = []
    cuda = FakeCuda(kernels={"k": lambda grid, block, arguments: seen.append(arguments)})
    stream, module = cuda.stream(), cuda.load_module(b"cubin")
    source = np.zeros(1, np.dtype([("a", np.int32)]))
    cuda.launch(module.function("k"), (1, 1, 1), (32, 1, 1), [source[0], np.uint64(3)], stream)
    source["a"] = 9
    assert not seen
    stream.synchronize()
    assert int(seen[0][0]["a"]) == 0
    assert seen[0][1] == 3
    with pytest.raises(BackendError, match="no kernel"):
        module.function("other")
    function = module.function("k")
    with pytest.raises(BackendError, match="scalars"):
        cuda.launch(function, (1, 1, 1), (1, 1, 1), [3], stream)
    with pytest.raises(BackendError, match="grid or block"):
        cuda.launch(function, (1, 1, 1), (2048, 1, 1), [], stream)
    cuda.launch(function, (1, 1, 1), (1, 1, 1), [], stream)
    module.close()
    with pytest.raises(BackendError, match="unloaded"):
        stream.synchronize()


def test_graphs_replay_on_what_memory_holds_by_then(cuda):
    stream, (device, host, back) = cuda.stream(), memories(cuda)
    back.array[:] = 0
    cuda.begin_capture(stream)
    round_trip(cuda, stream, device, host, back)
    graph = cuda.end_capture(stream)
    stream.synchronize()
    assert not back.array.any()  # recorded, not run
    for value in (3, 4):
        host.array[:] = value
        graph.launch(stream)
        stream.synchronize()
        assert (back.array == value).all()
    device.free()
    graph.launch(stream)
    with pytest.raises(BackendError, match="after it was freed"):
        stream.synchronize()


@pytest.mark.parametrize("call", ["allocate", "allocate_host", "stream", "synchronize", "twice"])
def test_what_capture_forbids_spoils_it(cuda, call):
    stream = cuda.stream()
    cuda.begin_capture(stream)
    uses = {
        "allocate": lambda: cuda.allocate(1),
        "allocate_host": lambda: cuda.allocate_host(1),
        "stream": cuda.stream,
        "synchronize": stream.synchronize,
        "twice": lambda: cuda.begin_capture(stream),
    }
    with pytest.raises(BackendError):
        uses[call]()
    with pytest.raises(BackendError, match="capture is invalid"):
        cuda.end_capture(stream)
    cuda.allocate(1)


def test_capture_belongs_to_one_thread(cuda):
    stream, (device, host, _) = cuda.stream(), memories(cuda)
    cuda.begin_capture(stream)
    errors = []

    def other():
        cuda.allocate(1)  # another thread may
        try:
            cuda.upload(device.pointer, host.pointer, 1, stream)
        except BackendError as exc:
            errors.append(exc)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert len(errors) == 1
    with pytest.raises(BackendError, match="another thread"):
        cuda.end_capture(stream)
    with pytest.raises(BackendError, match="without begin_capture"):
        cuda.end_capture(stream)
    with pytest.raises(BackendError, match="without graphs"):
        FakeCuda(can_capture=False).begin_capture(stream)


def test_what_is_held_is_counted(cuda):
    kept = cuda.stream(), *memories(cuda), cuda.load_module(b"x")
    assert cuda.live() == {"device": 1, "host": 2, "stream": 1, "module": 1, "graph": 0}
    with pytest.raises(BackendError, match="not released"):
        cuda.check()
    del kept
    gc.collect()
    cuda.check()
    memory = cuda.allocate(4)
    cuda.close()
    assert memory.freed
    assert not any(cuda.live().values())
    with pytest.raises(BackendError, match="closed"):
        cuda.allocate(1)


def test_failures_on_demand(cuda):
    cuda.fail("allocate", after=1)
    cuda.allocate(1)
    with pytest.raises(BackendError, match="told to fail"):
        cuda.allocate(1)
    cuda.allocate(1)


def test_memory_ends():
    cuda = FakeCuda(FAKE_FACTS._replace(memory_bytes=100, can_map_host_memory=False))
    kept = cuda.allocate(60)
    with pytest.raises(BackendError, match="60 bytes of device memory wanted, 40 of 100"):
        cuda.allocate(60)
    kept.free()
    assert cuda.free_memory() == 100
    with pytest.raises(BackendError, match="cannot map"):
        cuda.allocate_host(1, mapped=True)


def test_mapped_memory_is_the_devices_too(cuda):
    host = cuda.allocate_host(4, mapped=True)
    host.array[:] = 5
    assert (cuda.view(host.device_pointer, 4) == 5).all()


def test_others_enqueue_work_too(cuda):
    stream, device = cuda.stream(), cuda.allocate(4)
    cuda.enqueue(stream.handle, lambda: cuda.view(device.pointer, 4).fill(1))
    assert not (cuda.view(device.pointer, 4) == 1).any()
    stream.synchronize()
    assert (cuda.view(device.pointer, 4) == 1).all()
    assert not cuda.is_current
    with cuda.current():
        assert cuda.is_current

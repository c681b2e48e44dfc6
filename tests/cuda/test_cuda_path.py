"""CudaPath: recorded when warm, replayed with whatever frame comes, recorded anew on change."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from fake_device import Request, fake_cuda, on_device, preprocessor
from test_cuda_preprocess import SPEC, picture

from edgeclf.cuda.path import CudaPath
from edgeclf.errors import BackendError, FrameError
from edgeclf.preprocess import Preprocessor


@pytest.fixture(params=["discrete", "integrated"])
def cuda(request):
    cuda = fake_cuda(integrated=request.param == "integrated")
    yield cuda
    gc.collect()
    cuda.check()


def path_on(cuda, **options):
    pre = preprocessor(cuda, SPEC, **options)
    return CudaPath(cuda, pre), pre


def expected(frame, region=None, degrees=0):
    tensor = Preprocessor(SPEC)(frame, region_of_interest=region, rotation_degrees=degrees)
    return tensor.astype(np.float64).sum()


def run(path, pre, request, source, *part):
    return path.run(pre.frame_of(source), request, *part)[0][0]


def test_the_second_frame_is_recorded_and_later_ones_replayed(cuda):
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    for seed in range(6):
        frame = picture(seed)
        assert run(path, pre, request, frame) == expected(frame)
    assert path.counts == (1, 1, 5, None)
    assert request.enqueued == 2  # once itself, once into the graph
    assert cuda.calls["launch"] == 2


def test_changes_are_recorded_anew(cuda):
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    parts = [(None, 0), ((2, 3, 40, 30), 0), (None, 90), ((2, 3, 40, 30), 180)]
    for seed in range(24):
        region, degrees = parts[seed // 6]
        frame = picture(seed, (60, 80, 3))
        assert run(path, pre, request, frame, region, degrees) == expected(frame, region, degrees)
    for seed in range(6):  # larger: the memory moves, too
        frame = picture(seed, (200, 300, 3))
        assert run(path, pre, request, frame) == expected(frame)
    assert path.counts.captured == 5
    assert path.counts.plain == 5
    assert cuda.live()["graph"] == 4


def test_layouts_in_turn(cuda):
    """Each is recorded when it comes back, and stays; but not where there are too many."""
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    shapes = [(41, 50, 3), (40, 50, 3), (40, 50), (30, 30), (30, 31), (30, 32), (30, 33)]
    for seed in range(12):
        frame = picture(seed, shapes[seed % 3])
        assert run(path, pre, request, frame) == expected(frame)
    assert path.counts == (3, 3, 9, None)
    for seed in range(21):
        frame = picture(seed, shapes[seed % 7])
        assert run(path, pre, request, frame) == expected(frame)
    assert path.counts[:3] == (3 + 12, 3, 9 + 9)


def test_frames_on_the_device(cuda):
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    ring = [on_device(cuda, picture(i)) for i in range(6)]
    for i in range(12):  # another address each time: nothing is warm
        assert run(path, pre, request, ring[i % 6]) == expected(picture(i % 6))
    assert path.counts.captured == 0
    for i in range(4):  # a decoder that fills the same surface
        cuda.view(ring[0].memory.pointer, 60 * 80 * 3)[:] = picture(i).ravel()
        assert run(path, pre, request, ring[0]) == expected(picture(i))
    assert path.counts.captured == 1


def test_the_producers_stream_is_waited_for_in_replays(cuda):
    path, pre = path_on(cuda)
    request, producer = Request(cuda, SPEC.shape), cuda.stream()
    source = on_device(cuda, picture(99), stream=producer.handle)
    view = cuda.view(source.memory.pointer, 60 * 80 * 3)
    for i in range(5):
        frame = picture(i)
        cuda.enqueue(producer.handle, lambda frame=frame: view.__setitem__(..., frame.ravel()))
        assert run(path, pre, request, source) == expected(frame)
    assert path.counts.replayed == 4


def test_a_runtime_that_cannot_be_recorded(cuda):
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    request.refuses_capture = True
    for seed in range(4):
        frame = picture(seed)
        assert run(path, pre, request, frame) == expected(frame)
    assert path.counts[:3] == (4, 0, 0)
    assert "synchronize" in path.counts.refused
    assert cuda.calls["begin_capture"] == 3
    run(path, pre, request, picture(5))
    assert cuda.calls["begin_capture"] == 3  # no more is tried, on this stream
    another = Request(cuda, SPEC.shape)
    for seed in range(3):
        run(path, pre, another, picture(seed))
    assert path.counts[1:] == (1, 2, None)


def test_a_refusal_that_passes(cuda):
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    cuda.fail("begin_capture")
    cuda.fail("begin_capture", 1)
    for seed in range(6):
        frame = picture(seed)
        assert run(path, pre, request, frame) == expected(frame)
        assert ("told to fail" in (path.counts.refused or "")) == (seed in (1, 2))
    assert path.counts == (3, 1, 3, None)


def test_a_provider_without_graphs():
    cuda = fake_cuda(can_capture=False)
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    for seed in range(4):
        frame = picture(seed)
        assert run(path, pre, request, frame) == expected(frame)
    assert path.counts == (4, 0, 0, "fake has no CUDA graphs")


def test_a_bad_frame_in_between_changes_nothing(cuda):
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    for seed in range(6):
        frame = picture(seed)
        assert run(path, pre, request, frame) == expected(frame)
        with pytest.raises(FrameError):
            path.run(pre.frame_of(frame), request, (0, 0, 1000, 1))
    assert path.counts.captured == 1


@pytest.mark.parametrize("call", ["upload", "launch", "begin_capture", "end_capture",
                                  "launch_graph", "synchronize"])  # fmt: skip
def test_failures_leak_nothing_and_pass(call):
    for after in range(4):
        cuda = fake_cuda()
        path, pre = path_on(cuda)
        request = Request(cuda, SPEC.shape)
        cuda.fail(call, after)
        failed, told = 0, True
        for seed in range(6):
            try:
                assert run(path, pre, request, picture(seed)) == expected(picture(seed))
            except BackendError as exc:
                failed += 1
                told = "told to fail" in str(exc)
            assert told
        assert failed <= 1
        path.close()
        pre.close()
        del path, pre, request
        gc.collect()
        cuda.check()


def test_threads_with_a_request_each(cuda):
    path, pre = path_on(cuda)
    wrong = []

    def work(seed):
        request = Request(cuda, SPEC.shape)
        for i in range(12):
            frame = picture(seed * 100 + i, (40, 50 + seed, 3))
            if run(path, pre, request, frame) != expected(frame):
                wrong.append((seed, i))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert path.counts == (4, 4, 44, None)


def test_nothing_grows(cuda):
    path, pre = path_on(cuda)
    request = Request(cuda, SPEC.shape)
    run(path, pre, request, picture(0, (99, 99, 3)))
    sizes = []
    for seed in range(200):
        run(path, pre, request, picture(seed, (20 + seed // 3 % 30, 30, 3)))
        sizes.append(sum(cuda.live().values()))
    assert max(sizes[100:]) <= max(sizes[:100])
    path.close()
    assert cuda.live()["graph"] == 0

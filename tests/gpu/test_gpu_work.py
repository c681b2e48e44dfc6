"""Streams, graphs, threads and leaks: the same through FakeCuda and on a device."""

from __future__ import annotations

import gc
import threading
import time

import any_device
import numpy as np
import pytest
import report
import test_cuda_kernel as cases
from any_device import Echo, Output, preprocessor

from edgeclf.cuda.path import CudaPath
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

SPEC = InputSpec(width=40, height=32, rescale_factor=1 / 255, mean=(0.4,), std=(0.2,))
MIB = 1 << 20


@pytest.fixture(params=any_device.PLACES)
def cuda(request):
    return any_device.cuda_at(request.param)


def picture(seed, shape=(60, 80, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def held(cuda):
    """Device memory in use, and on FakeCuda every other resource."""
    gc.collect()
    return cuda.live() if cuda.provider == "fake" else -(cuda.free_memory() // MIB)


@pytest.mark.parametrize("seed", range(3))
def test_random_cases_run_on_any_device(seed):
    """On FakeCuda: that the cases of test_cuda_kernel can be run on a device at all."""
    tensor = any_device.KernelOnDevice(any_device.cuda_at("fake")).tensor
    cases.test_packed_frames(tensor, seed)
    cases.test_yuv_frames(tensor, seed, "nv12")
    cases.test_gray16_frames(tensor, seed)


def test_streams_do_not_disturb_each_other(cuda):
    """Enqueued in turn, and waited for only at the end, in the other order."""
    pre, host = preprocessor(cuda, SPEC), Preprocessor(SPEC)
    outputs = [Output(cuda, SPEC.shape, "float32") for _ in range(8)]
    frames = [picture(seed, (60 + seed, 80, 3)) for seed in range(8)]
    for frame, output in zip(frames, outputs):
        pre.write(pre.frame_of(frame), output.target)
    for frame, output in reversed(list(zip(frames, outputs))):
        np.testing.assert_array_equal(output.read(), host(frame))


def test_one_stream_waits_for_another(cuda):
    """A tensor that another stream makes is read after `wait_for`, without the host waiting."""
    pre, made = preprocessor(cuda, SPEC), Output(cuda, SPEC.shape, "float32")
    for seed in range(20):
        frame, reader = picture(seed, (600, 800, 3)), cuda.stream()
        pre.write(pre.frame_of(frame), made.target)
        cuda.wait_for(reader, made.target.stream.handle)
        raw = any_device.download(cuda, made.target.pointer, made.target.nbytes, reader)
        np.testing.assert_array_equal(
            raw.view(np.float32).reshape(SPEC.shape), Preprocessor(SPEC)(frame)
        )


def test_graphs_are_replayed_with_each_new_frame(cuda, record_property):
    pre, host = preprocessor(cuda, SPEC), Preprocessor(SPEC)
    path, request = CudaPath(cuda, pre), Echo(cuda, SPEC.shape, "float32")
    seconds = []
    for seed in range(100):
        frame = pre.frame_of(picture(seed))
        begin = time.perf_counter()
        (got,) = path.run(frame, request)
        seconds.append(time.perf_counter() - begin)
        np.testing.assert_array_equal(got, host(picture(seed)))
    if cuda.can_capture:
        assert path.counts == (1, 1, 99, None)
    record_property("microseconds", report.percentiles(seconds[2:]))


def test_graphs_of_sizes_that_take_turns(cuda):
    pre, host = preprocessor(cuda, SPEC), Preprocessor(SPEC)
    path, request = CudaPath(cuda, pre), Echo(cuda, SPEC.shape, "float32")
    for seed in range(60):
        frame = picture(seed, (60 + seed % 3, 80, 3))
        (got,) = path.run(pre.frame_of(frame), request, None, seed // 20 * 90)
        np.testing.assert_array_equal(got, host(frame, rotation_degrees=seed // 20 * 90))
    if cuda.can_capture:
        assert path.counts.captured == 9
        assert path.counts.refused is None


def test_threads_share_a_path(cuda):
    """Each with a request of its own; graphs are recorded while others run."""
    pre, host = preprocessor(cuda, SPEC), Preprocessor(SPEC)
    path, wrong = CudaPath(cuda, pre), []

    def work(thread):
        try:
            request = Echo(cuda, SPEC.shape, "float32")
            for i in range(30):
                frame = picture(thread * 100 + i, (50 + i // 10, 70 + thread, 3))
                (got,) = path.run(pre.frame_of(frame), request)
                if not np.array_equal(got, host(frame)):
                    wrong.append((thread, i))
        except BaseException as exc:
            wrong.append((thread, repr(exc)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []
    assert path.counts.refused is None or not cuda.can_capture


def use(cuda):
    """Everything that holds memory: tables, lanes, modules, streams, graphs."""
    pre = preprocessor(cuda, SPEC)
    path, request = CudaPath(cuda, pre), Echo(cuda, SPEC.shape, "float32")
    for size in (60, 60, 60, 90, 90):
        path.run(pre.frame_of(picture(size, (size, 80, 3))), request)
    path.close()
    pre.close()


def test_nothing_is_left_behind(cuda, record_property):
    use(cuda)  # what CUDA itself takes at first use stays
    before = held(cuda)
    for _ in range(100):
        use(cuda)
    after = held(cuda)
    if cuda.provider == "fake":
        assert after == before == dict.fromkeys(before, 0)
    else:
        record_property("held_mib", {"before": before, "after": after})
        assert after <= before + 2

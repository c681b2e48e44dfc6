"""CudaPreprocessor on FakeCuda with the compiled kernel: against the host's Preprocessor."""

from __future__ import annotations

import gc
import io
import threading

import numpy as np
import pytest
import yuv
from fake_device import DLPack, Tensors, fake_cuda, on_device, preprocessor
from PIL import Image

from edgeclf.cuda.device_frame import DeviceFrame
from edgeclf.errors import ArgumentError, BackendError, FrameError, SpecMismatch
from edgeclf.frame import Frame
from edgeclf.jpeg import ReducedFrame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

SPEC = InputSpec(width=24, height=20, rescale_factor=1 / 255, mean=(0.4,), std=(0.2,))


def picture(seed=0, shape=(60, 80, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(params=["discrete", "integrated"])
def cuda(request):
    """Whatever a test leaves behind is a failure."""
    cuda = fake_cuda(integrated=request.param == "integrated")
    yield cuda
    gc.collect()
    cuda.check()


def test_the_hosts_bytes_arrive_when_the_stream_is_waited_for(cuda):
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    frame = picture()
    expected = Preprocessor(SPEC)(frame)
    pre.write(pre.frame_of(frame), tensors.target)
    assert not np.array_equal(tensors.unread(), expected)
    frame[:] = 0  # the caller's again
    np.testing.assert_array_equal(tensors.read(), expected)
    assert (cuda.calls["upload"] > 1) == (not cuda.facts.integrated)  # one was the tables'


def test_writing_again_waits_for_the_frame_before(cuda):
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    other = Tensors(cuda, SPEC.shape, "float32")
    two = [picture(1), picture(2)]
    batch = [tensors.target, type(tensors.target)(other.target.pointer, SPEC.shape, "float32",
                                                  tensors.stream)]  # fmt: skip
    for frame, target in zip(two, batch):
        pre.write(pre.frame_of(frame), target)
    np.testing.assert_array_equal(tensors.read(), Preprocessor(SPEC)(two[0]))
    np.testing.assert_array_equal(other.unread(), Preprocessor(SPEC)(two[1]))


def test_items_of_a_batch(cuda):
    pre = preprocessor(cuda, SPEC)
    tensors = Tensors(cuda, (3, *SPEC.shape[1:]), "float32")
    frames = [picture(i) for i in range(3)]
    for i, frame in enumerate(frames):
        pre.write(pre.frame_of(frame), tensors.target.item(i))
    np.testing.assert_array_equal(tensors.read(), Preprocessor(SPEC).batch(frames))
    with pytest.raises(IndexError):
        tensors.target.item(3)


def test_frames_of_changing_size_and_kind(cuda):
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    host = Preprocessor(SPEC)
    for seed in range(40):  # more sizes than tables are kept for
        shape = (20 + seed % 25, 30 + seed) + ((3,) if seed % 3 else ())
        frame = picture(seed, shape)
        region = (1, 2, 17, 15) if seed % 2 else None
        degrees = seed % 4 * 90
        pre.write(pre.frame_of(frame), tensors.target, region, degrees)
        expected = host(frame, region_of_interest=region, rotation_degrees=degrees)
        np.testing.assert_array_equal(tensors.read(), expected)
    assert cuda.live()["device"] <= 2 + 16 + 1
    assert cuda.live()["host"] == 1


def test_the_tables_are_uploaded_once(cuda):
    pre = preprocessor(cuda, SPEC)
    for _ in range(3):
        tensors = Tensors(cuda, SPEC.shape, "float32")
        pre.write(pre.frame_of(picture()), tensors.target)
        tensors.stream.synchronize()
    frames = 0 if cuda.facts.integrated else 3
    assert cuda.calls["upload"] == 1 + frames


def test_tables_in_use_outlive_their_place_among_those_kept(cuda):
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    pre.write(pre.frame_of(picture(1)), tensors.target)
    other = Tensors(cuda, SPEC.shape, "float32")
    for height in range(20, 40):
        pre.write(pre.frame_of(picture(2, (height, 30, 3))), other.target)
    other.stream.synchronize()
    np.testing.assert_array_equal(tensors.read(), Preprocessor(SPEC)(picture(1)))


@pytest.mark.parametrize("part", [(None, 0), ((33, 21, 401, 305), 90)])
def test_jpegs_decoded_smaller(cuda, part):
    """Where the spec waives Pillow's bytes, only averages of blocks are decoded, and weighed so."""
    file = io.BytesIO()
    smooth = Image.fromarray(picture(4, (30, 40, 3))).resize((643, 485))
    smooth.save(file, "JPEG", quality=95)
    spec = InputSpec(width=24, height=20, exact=False)
    pre, tensors = preprocessor(cuda, spec), Tensors(cuda, spec.shape, "float32")
    frame = pre.frame_of(file.getvalue(), *part)
    assert isinstance(frame, ReducedFrame)
    pre.write(frame, tensors.target, *part)
    host = Preprocessor(spec)(file.getvalue(), region_of_interest=part[0], rotation_degrees=part[1])
    np.testing.assert_allclose(tensors.read(), host, rtol=0, atol=0.06)


def test_quantised_and_yuv(cuda):
    spec = InputSpec(width=19, height=23, dtype="int8", layout="nhwc", mean=(127.0,), std=(128.0,))
    quantization = Quantization(1 / 127, 3)
    pre = preprocessor(cuda, spec, quantization)
    tensors = Tensors(cuda, spec.shape, "int8")
    samples = yuv.random_samples(np.random.default_rng(3), "nv12", 50, 40)
    frame = Frame(yuv.flat(yuv.planes(samples, "nv12"), (0, 0, 0))[0], "nv12", width=50, height=40)
    pre.write(frame, tensors.target, None, 90)
    expected = Preprocessor(spec, quantization)(frame, rotation_degrees=90)
    assert np.abs(tensors.read().astype(int) - expected).max() <= 1
    assert pre.takes_pixels is False
    assert (pre.shape, pre.dtype) == (spec.shape, np.dtype("int8"))


@pytest.mark.parametrize("kind", ["interface 3", "interface 2", "dlpack"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_frames_on_the_device_are_read_where_they_are(cuda, kind, channels):
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    frame = picture(7, (33, 47) if channels == 1 else (33, 47, channels))
    source = on_device(cuda, frame, version=2 if kind == "interface 2" else 3, wide=5)
    if kind == "dlpack":
        source = DLPack(source)
    uploads = cuda.calls["upload"]
    device_frame = pre.frame_of(source)
    assert isinstance(device_frame, DeviceFrame)
    assert pre.frame_of(device_frame) is device_frame
    pre.write(device_frame, tensors.target, (3, 2, 40, 30), 270)
    host = frame if channels < 4 else Frame(frame, "bgra")
    expected = Preprocessor(SPEC)(host, region_of_interest=(3, 2, 40, 30), rotation_degrees=270)
    np.testing.assert_array_equal(tensors.read(), expected)
    assert cuda.calls["upload"] == uploads + 1  # the tables
    if kind == "dlpack":
        assert source.asked == 1


def test_the_producers_stream_is_waited_for(cuda):
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    producer = cuda.stream()
    frame = picture()
    source = on_device(cuda, np.zeros_like(frame), stream=producer.handle)
    memory = source.memory
    view = cuda.view(memory.pointer, frame.nbytes)
    cuda.enqueue(producer.handle, lambda: view.__setitem__(..., frame.ravel()))
    pre.write(pre.frame_of(source), tensors.target)
    np.testing.assert_array_equal(tensors.read(), Preprocessor(SPEC)(frame))


def test_the_frames_memory_is_kept_until_it_was_read(cuda):
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    frame = picture()
    pre.write(pre.frame_of(on_device(cuda, frame)), tensors.target)
    gc.collect()
    held = cuda.live()["device"]
    np.testing.assert_array_equal(tensors.read(), Preprocessor(SPEC)(frame))
    pre.write(pre.frame_of(frame), tensors.target)
    tensors.stream.synchronize()
    gc.collect()
    assert cuda.live()["device"] == held - 1 + (0 if cuda.facts.integrated else 1)


@pytest.mark.parametrize("format", ["nv12", "nv12 whole", "nv12 bytes", "i420", "yuyv"])
def test_yuv_planes_on_the_device(cuda, format):
    name = format.split()[0]
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    samples = yuv.random_samples(np.random.default_rng(5), name, 48, 36)
    rows = [np.ascontiguousarray(plane) for plane in yuv.planes(samples, name)]
    host = Frame(yuv.flat(rows, (0, 0, 0))[0], name, width=48, height=36, color_range="full")
    if format == "nv12 whole":
        data = on_device(cuda, np.concatenate(rows), wide=16)
    elif format == "nv12 bytes":
        data = [on_device(cuda, plane, wide=3) for plane in rows]
    else:
        data = [on_device(cuda, plane, wide=3) for plane in host.data]
    pre.write(DeviceFrame(data, name, color_range="full"), tensors.target)
    np.testing.assert_allclose(tensors.read(), Preprocessor(SPEC)(host), rtol=0, atol=0.11 / 51)


def test_what_cannot_be(cuda):
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    frame = pre.frame_of(picture())
    wrong = Tensors(cuda, (1, 3, 5, 5), "float32")
    with pytest.raises(FrameError, match=r"expected a float32 tensor of shape \(1, 3, 20, 24\)"):
        pre.write(frame, wrong.target)
    with pytest.raises(FrameError, match="inside the 80x60 frame"):
        pre.write(frame, tensors.target, (70, 0, 20, 20))
    with pytest.raises(ArgumentError, match="90"):
        pre.write(frame, tensors.target, None, 45)
    with pytest.raises(SpecMismatch, match="quantisation"):
        preprocessor(cuda, InputSpec(width=2, height=2, dtype="int8", mean=(1.0,)))
    exact = preprocessor(cuda, InputSpec(width=2, height=2, exact=True))
    small = Tensors(cuda, (1, 3, 2, 2), "float32")
    with pytest.raises(SpecMismatch, match="nv12"):
        exact.write(Frame(bytes(6), "nv12", width=2, height=2), small.target)


def test_arrays_on_the_device_that_cannot_be_frames(cuda):
    pre = preprocessor(cuda, SPEC)
    with pytest.raises(FrameError, match="uint8"):
        pre.frame_of(on_device(cuda, np.zeros((4, 4, 3), np.float32)))
    with pytest.raises(FrameError, match="CHW"):
        pre.frame_of(on_device(cuda, np.zeros((3, 4, 5), np.uint8)))
    with pytest.raises(FrameError, match="stream 0"):
        pre.frame_of(on_device(cuda, np.zeros((4, 4, 3), np.uint8), stream=0))
    array = on_device(cuda, np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(FrameError, match="expected pixels on cuda:0"):
        pre.frame_of(DLPack(array, device=(2, 1)))
    with pytest.raises(FrameError, match="16 bits"):
        pre.frame_of(DLPack(array, bits=16))
    array.__cuda_array_interface__["mask"] = array
    with pytest.raises(FrameError, match="mask"):
        pre.frame_of(array)
    with pytest.raises(FrameError, match=r"nv12: expected planes of 4x4, 2x2x2"):
        DeviceFrame([on_device(cuda, np.zeros((4, 4), np.uint8))] * 2, "nv12")
    with pytest.raises(FrameError, match="color_range"):
        DeviceFrame(on_device(cuda, np.zeros((4, 4), np.uint8)), color_range="full")


@pytest.mark.parametrize("call", ["allocate", "allocate_host", "upload", "launch", "load_module"])
def test_failures_leave_nothing_behind(call):
    for after in range(3):
        cuda = fake_cuda()
        tensors = Tensors(cuda, SPEC.shape, "float32")
        cuda.fail(call, after)
        pre, told = None, True
        for seed in range(4):
            try:
                pre = pre or preprocessor(cuda, SPEC)
                pre.write(pre.frame_of(picture(seed)), tensors.target)
                got = tensors.read()
            except BackendError as exc:
                told, got = "told to fail" in str(exc), None
            assert told
            if got is not None:
                np.testing.assert_array_equal(got, Preprocessor(SPEC)(picture(seed)))
        assert got is not None
        del pre, tensors
        gc.collect()
        cuda.check()


def test_threads_with_a_stream_each(cuda):
    pre, wrong = preprocessor(cuda, SPEC), []

    def work(seed):
        tensors = Tensors(cuda, SPEC.shape, "float32")
        for i in range(10):
            frame = picture(seed * 100 + i, (40 + i % 3, 50 + seed, 3))
            pre.write(pre.frame_of(frame), tensors.target)
            if not np.array_equal(tensors.read(), Preprocessor(SPEC)(frame)):
                wrong.append((seed, i))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_close_releases_all():
    cuda = fake_cuda()
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    pre.write(pre.frame_of(picture()), tensors.target)
    tensors.stream.synchronize()
    pre.close()
    pre.close()
    gc.collect()
    assert cuda.live() == {"device": 1, "host": 0, "stream": 1, "module": 0, "graph": 0}

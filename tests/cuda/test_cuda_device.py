"""What a real device has to do, too: through the protocol alone, on FakeCuda and, where this
machine has one, on a GPU with whichever provider and NVRTC is installed."""

from __future__ import annotations

import gc

import fake_device
import numpy as np
import pytest
import yuv

from edgeclf.cuda import DeviceTensor, open_cuda
from edgeclf.cuda.path import CudaPath
from edgeclf.cuda.preprocess import CudaPreprocessor
from edgeclf.errors import BackendUnavailable
from edgeclf.frame import FORMATS, Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

SPECS = {
    "exact": InputSpec(width=40, height=32, rescale_factor=1 / 255, mean=(0.4,), std=(0.2,)),
    "letterbox": InputSpec(width=33, height=31, resize_mode="letterbox", layout="nhwc",
                           color_mode="bgr", interpolation="bicubic", antialias=False),
    "crop": InputSpec(width=24, height=24, resize_mode="center-crop", resize_size=30,
                      color_mode="gray", interpolation="area", dtype="float16"),
}  # fmt: skip


@pytest.fixture(params=["fake", "gpu"])
def cuda(request):
    if request.param == "fake":
        return fake_device.fake_cuda()
    try:
        return open_cuda(0)
    except BackendUnavailable as exc:
        pytest.skip(f"no GPU here: {exc}")


def preprocessor(cuda, spec):
    return CudaPreprocessor(cuda, spec, image=b"cubin" if cuda.provider == "fake" else None)


class Echo:
    """A request whose raw output is its input."""

    can_capture = True

    def __init__(self, cuda, shape, dtype):
        self._cuda = cuda
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory, self._host = cuda.allocate(nbytes), cuda.allocate_host(nbytes)
        self.device_input = DeviceTensor(memory.pointer, shape, dtype, cuda.stream(), memory)
        self._output = self._host.array.view(dtype).reshape(shape)

    def enqueue(self):
        target = self.device_input
        self._cuda.download(self._host.pointer, target.pointer, target.nbytes, target.stream)

    def finish(self):
        self.device_input.stream.synchronize()
        return (self._output,)


def frame_in(format, seed, width=70, height=50):
    rng = np.random.default_rng(seed)
    if format in yuv.FORMATS:
        samples = yuv.random_samples(rng, format, width, height)
        buffer, strides = yuv.flat(yuv.planes(samples, format), (5, 3, 1))
        return Frame(buffer, format, width=width, height=height, strides=strides)
    if format == "gray16":
        values = rng.integers(0, 65536, (height, width), dtype=np.uint16)
        return Frame(values, format, window=(1000, 40000))
    shape = {"gray": (height, width), "bgr": (height, width, 3), "rgb": (height, width, 3)}
    return Frame(
        rng.integers(0, 256, shape.get(format, (height, width, 4)), dtype=np.uint8), format
    )


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", SPECS)
def test_every_format_gives_the_hosts_tensor(cuda, name, format):
    spec = SPECS[name]
    pre, host = preprocessor(cuda, spec), Preprocessor(spec)
    path, request = CudaPath(cuda, pre), Echo(cuda, spec.shape, spec.dtype)
    level = 0.11 if format in yuv.FORMATS else 0.02  # how far the host's fixed point may be
    unit = spec.rescale_factor / (spec.std or (1.0,))[0]
    for seed in range(4):
        for region, degrees in [(None, 0), ((3, 5, 41, 37), 90), ((1, 0, 60, 50), 180)]:
            frame = frame_in(format, seed)
            got = path.run(frame, request, region, degrees)[0]
            expected = host(frame, region_of_interest=region, rotation_degrees=degrees)
            if spec.takes_pillow_bytes and format not in yuv.FORMATS and format != "gray16":
                np.testing.assert_array_equal(got, expected)
            else:
                relative = 1.5e-3 if spec.dtype == "float16" else 1e-6
                np.testing.assert_allclose(
                    got.astype(float), expected.astype(float), rtol=relative, atol=level * unit
                )
    assert path.counts.captured == (3 if cuda.can_capture else 0)


def test_memory_does_not_grow(cuda):
    spec = SPECS["exact"]
    pre = preprocessor(cuda, spec)
    path, request = CudaPath(cuda, pre), Echo(cuda, spec.shape, spec.dtype)
    free = []
    for seed in range(300):
        path.run(frame_in("nv12", 0, 64 + seed % 40 * 2, 48), request)
        free.append(cuda.free_memory())
    gc.collect()
    assert min(free[150:]) >= min(free[:150]) - (1 << 20)


def test_the_tensor_can_be_read_by_others(cuda):
    request = Echo(cuda, (1, 3, 4, 5), "float32")
    interface = request.device_input.__cuda_array_interface__
    assert interface["shape"] == (1, 3, 4, 5)
    assert interface["typestr"] == np.dtype("float32").str
    assert interface["version"] == 3
    assert interface["data"] == (request.device_input.pointer, False)
    assert interface["stream"] == request.device_input.stream.handle != 0

"""Pixels and tensors shared with torch and CuPy, each on streams of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import any_device
import numpy as np
import pytest
from any_device import Output, preprocessor
from producers import PRODUCERS

from edgeclf.cuda.device_frame import DeviceFrame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

SPEC = InputSpec(width=24, height=20, rescale_factor=1 / 255, mean=(0.4,), std=(0.2,))
CASES = [
    pytest.param("protocol", "fake", id="protocol-fake"),
    *(pytest.param(name, "gpu", marks=pytest.mark.gpu, id=f"{name}-gpu") for name in PRODUCERS),
]


def picture(seed, shape=(120, 160, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("kind", ["interface", "dlpack"])
@pytest.mark.parametrize(("name", "place"), CASES)
def test_pixels_of_a_producer_on_its_own_stream(name, place, kind):
    cuda = any_device.cuda_at(place)
    pre, out = preprocessor(cuda, SPEC), Output(cuda, SPEC.shape, "float32")
    for seed in range(5):
        frame = picture(seed)
        with PRODUCERS[name](cuda, frame, kind) as array:
            device_frame = pre.frame_of(array)
            assert isinstance(device_frame, DeviceFrame)
            pre.write(device_frame, out.target, (3, 2, 100, 90), 90)
            expected = Preprocessor(SPEC)(
                frame, region_of_interest=(3, 2, 100, 90), rotation_degrees=90
            )
            np.testing.assert_array_equal(out.read(), expected)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["torch", "cupy"])
def test_the_tensor_is_read_by_others(name):
    """Through its interface, which names the stream that they wait for."""
    cuda = any_device.real_cuda()
    module = pytest.importorskip(name, reason=f"{name} is not installed")
    pre, out = preprocessor(cuda, SPEC), Output(cuda, SPEC.shape, "float32")
    pre.write(pre.frame_of(picture(0)), out.target)
    if name == "torch":
        out.target.stream.synchronize()  # torch does not wait for an interface's stream
        got = module.as_tensor(out.target, device="cuda").cpu().numpy()
    else:
        got = module.asnumpy(module.asarray(out.target))
    np.testing.assert_array_equal(got, Preprocessor(SPEC)(picture(0)))


TOGETHER = """
import sys
sys.path[:0] = {paths!r}
import numpy as np
if {other!r} == "torch":
    import torch
    assert torch.cuda.is_available(), "this torch has no CUDA"
    other = torch.arange(1000, device="cuda").float()
from edgeclf.cuda import open_cuda
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
if {provider!r} == "fake":
    import fake_device
    cuda = fake_device.fake_cuda()
else:
    cuda = open_cuda(0, {provider!r})
from any_device import Output, preprocessor
spec = InputSpec(width=24, height=20)
pre, out = preprocessor(cuda, spec), Output(cuda, spec.shape, "float32")
for seed in range(20):
    frame = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    pre.write(pre.frame_of(frame), out.target)
    np.testing.assert_array_equal(out.read(), Preprocessor(spec)(frame))
    if {other!r} == "torch":
        other = other + 1
        assert float(other[0]) == seed + 1
pre.close()
cuda.close()
if {other!r} == "torch":  # its context outlives ours
    assert float((other * 2).sum()) == 2 * (999 * 500 + 20 * 1000)
print("together:", cuda.provider)
"""


@pytest.mark.parametrize(
    ("provider", "other"),
    [
        ("fake", ""),
        pytest.param("pycuda", "torch", marks=pytest.mark.gpu),
        pytest.param("cuda.bindings", "torch", marks=pytest.mark.gpu),
        pytest.param("pycuda", "", marks=pytest.mark.gpu),
    ],
)
def test_beside_torch_in_one_process(provider, other):
    """In a process of its own: the device is closed at the end, and a crash would end this one."""
    if provider != "fake":
        any_device.real_cuda()
    for module in (provider.split(".")[0], other):
        if module not in ("fake", "") and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    tests = Path(__file__).resolve().parents[1]
    paths = [str(tests.parent), str(tests), str(tests / "cuda")]
    program = TOGETHER.format(paths=paths, provider=provider, other=other)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"together: {provider}" in ran.stdout

"""CudaPreprocessor: whose memory frames are in, and what streams leave behind."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from fake_device import DLPack, Tensors, on_device, preprocessor
from test_cuda_preprocess import SPEC, cuda, picture  # noqa: F401

from edgeclf.cuda.device_frame import DeviceFrame
from edgeclf.errors import FrameError
from edgeclf.preprocess import Preprocessor


def test_pixels_of_another_gpu_are_refused(cuda):  # noqa: F811
    """`__cuda_array_interface__` names no device: DLPack or the driver is asked."""
    pre, tensors = preprocessor(cuda, SPEC), Tensors(cuda, SPEC.shape, "float32")
    array = on_device(cuda, picture())

    class Both(DLPack):
        __cuda_array_interface__ = array.__cuda_array_interface__

    with pytest.raises(FrameError, match=r"expected pixels on cuda:0.*device 1"):
        pre.frame_of(Both(array, device=(2, 1)))
    asked = cuda.calls["device_of"]
    pre.write(pre.frame_of(Both(array)), tensors.target)
    assert cuda.calls["device_of"] == asked  # DLPack said it
    cuda.others[array.memory.pointer] = 1
    with pytest.raises(FrameError, match="expected pixels on cuda:0, got them on cuda:1"):
        pre.write(pre.frame_of(array), tensors.target)
    with pytest.raises(FrameError, match="got them on cuda:1"):
        pre.write(DeviceFrame(Both(array, device=(2, 1)), index=1), tensors.target)
    cuda.others.clear()
    pre.write(pre.frame_of(array), tensors.target)
    np.testing.assert_array_equal(tensors.read(), Preprocessor(SPEC)(picture()))


def test_a_stream_that_is_dropped_takes_its_memory_along(cuda):  # noqa: F811
    pre, held = preprocessor(cuda, SPEC), []
    for turn in range(4):
        tensors = Tensors(cuda, (2, *SPEC.shape[1:]), "float32")
        for item in range(2):
            pre.write(pre.frame_of(picture(turn)), tensors.target.item(item))
        tensors.stream.synchronize()
        del tensors
        gc.collect()
        held.append(cuda.live())
    assert held[0] == held[1] == held[3]
    assert held[0]["stream"] == 0

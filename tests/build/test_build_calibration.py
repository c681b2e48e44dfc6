"""Int8 ranges from pictures: TensorRT's calibrator where there is one, ONNX tools where not."""

from __future__ import annotations

import logging

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from build_models import frames, operators
from fake_builders import BY_FLAGS, VERSIONS, fake_builder

from edgeclf.errors import ArgumentError, BackendError

BY_TYPE = tuple(version for version in VERSIONS if version not in BY_FLAGS)


@pytest.mark.parametrize("version", BY_FLAGS)
def test_int8_of_a_float_model_is_calibrated_on_the_pictures(version, build, cuda):
    module, fake = fake_builder(version)
    nbytes = 2 * 3 * 16 * 16 * 4
    fake.read = lambda pointer: np.array(cuda.view(pointer, nbytes).view(np.float32))
    pictures = frames(7)
    build(module, precision="int8", calibrate=pictures, batch=(1, 2, 4))
    assert fake.named("set_calibration_profile") == [()]
    assert fake.named("get_batch_size") == [(2,)]
    assert len(fake.calibrated) == 3  # the seventh fills no batch
    # BGR frames of the input's own size: 0..255 to RGB planes, (x / 255 - 0.5) / 0.25.
    planes = [frame[:, :, ::-1].transpose(2, 0, 1).astype(np.float64) for frame in pictures]
    wanted = [(np.stack(planes[i : i + 2]) / 255 - 0.5) / 0.25 for i in (0, 2, 4)]
    for got, expected in zip(fake.calibrated, wanted):
        np.testing.assert_allclose(got.reshape(expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("version", BY_TYPE)
def test_int8_of_a_float_model_by_type_is_quantised_before(version, build):
    module, fake = fake_builder(version)
    build(module, precision="int8", calibrate=frames(4))
    assert "QuantizeLinear" in operators(fake.parsed)
    assert fake.named("set_flag") == []


def test_a_picture_that_cannot_be_used_ends_the_calibration(build):
    module, _ = fake_builder("10.3.0.26")
    pictures = [*frames(2), np.zeros((3, 16, 16), np.float32)]
    with pytest.raises(Exception, match="uint8") as caught:
        build(module, precision="int8", calibrate=pictures)
    assert caught.type.__name__ == "FrameError"


def test_too_few_pictures_for_one_batch(build):
    module, _ = fake_builder("10.3.0.26")
    with pytest.raises(ArgumentError, match="one batch of 4"):
        build(module, precision="int8", calibrate=frames(3), batch=(1, 4, 4))


def test_a_device_that_runs_out_while_calibrating(build, cuda):
    module, _ = fake_builder("10.3.0.26")
    cuda.fail("upload")
    with pytest.raises(BackendError, match="upload"):
        build(module, precision="int8", calibrate=frames(4))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_folder_without_pictures(version, build, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no picture")
    module, _ = fake_builder(version)
    with pytest.raises(ArgumentError, match="calibrate: n"):
        build(module, precision="int8", calibrate=tmp_path / "texts")


def test_quantising_leaves_the_softmax_and_the_log_alone(build):
    before = list(logging.getLogger().handlers)
    module, fake = fake_builder("11.4.0.1")
    build(module, precision="int8", calibrate=frames(4))
    (softmax,) = [n for n in fake.parsed.graph.node if n.op_type == "Softmax"]
    assert softmax.output[0] == "y"
    producers = {n.output[0]: n.op_type for n in fake.parsed.graph.node}
    assert producers[softmax.input[0]] == "Gemm"
    assert logging.getLogger().handlers == before

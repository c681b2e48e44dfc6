"""Quantised models as TensorRT takes them, against ONNX Runtime on the original and NumPy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from build_models import (
    constants_of,
    copy_of,
    dequantize,
    model_of,
    node,
    operators,
    quantize,
    run,
    scaled,
)
from onnx import TensorProto, checker

from edgeclf.build.qdq import is_quantized, with_symmetric_quantization, without_quantization
from edgeclf.errors import ModelError

SHAPE = [1, 2, 3, 40]
REWRITES = (without_quantization, with_symmetric_quantization)


def _values(seed: int = 0, reach: float = 12.0) -> np.ndarray:
    """Far beyond any range below, and close to its ends."""
    random = np.random.RandomState(seed)
    return random.uniform(-reach, reach, SHAPE).astype(np.float32)


def _pair(scale, zero, dtype):
    nodes = [quantize("x", "a"), dequantize("a.codes", "a", "y")]
    return model_of(nodes, scaled("a", scale, zero, dtype), SHAPE)


ACTIVATIONS = [
    pytest.param(6 / 255, 0, "uint8", id="relu6"),
    pytest.param(0.05, 128, "uint8", id="middle"),
    pytest.param(0.05, 127, "uint8", id="just below the middle"),
    pytest.param(0.04, 11, "uint8", id="hard swish"),
    pytest.param(0.03, 255, "uint8", id="never above 0"),
    pytest.param(6 / 255, -128, "int8", id="relu6 in int8"),
    pytest.param(0.07, 3, "int8", id="int8 off the middle"),
    pytest.param(0.07, 0, "int8", id="symmetric already"),
]


@pytest.mark.parametrize(("scale", "zero", "dtype"), ACTIVATIONS)
def test_without_a_pair_a_tensor_keeps_its_range(scale, zero, dtype):
    original = _pair(scale, zero, dtype)
    changed = copy_of(original)
    without_quantization(changed)
    checker.check_model(changed, full_check=False)
    x = _values()
    (wanted,), (got,) = run(original, x), run(changed, x)
    assert operators(changed) == ["Clip"]
    # What rounding to the nearest code loses, and no more: also where the codes saturate.
    assert np.abs(got - wanted).max() <= scale / 2 * 1.0001
    codes = np.iinfo(dtype)
    low, high = (codes.min - zero) * scale, (codes.max - zero) * scale
    np.testing.assert_allclose(got, np.clip(x.astype(np.float64), low, high), atol=1e-6)


@pytest.mark.parametrize(("scale", "zero", "dtype"), ACTIVATIONS)
def test_a_symmetric_pair_keeps_the_range_too(scale, zero, dtype):
    original = _pair(scale, zero, dtype)
    changed = copy_of(original)
    with_symmetric_quantization(changed)
    checker.check_model(changed)
    x = _values()
    (wanted,), (got,) = run(original, x), run(changed, x)
    zeros = [c for n, c in constants_of(changed).items() if c.dtype == np.int8]
    assert zeros
    # A Relu is what TensorRT's kernels take into a convolution; at the top the codes end anyway.
    assert ("Relu" in operators(changed)) == (zero == np.iinfo(dtype).min)
    assert not np.concatenate([z.ravel() for z in zeros]).any()
    assert not [c for c in constants_of(changed).values() if c.dtype == np.uint8]
    codes = np.iinfo(dtype)
    reach = max(abs(codes.min - zero), abs(codes.max - zero)) * scale
    step = scale if abs(zero - (codes.min + 127.5)) < 1 else reach / 127
    # Half a step of each, and a whole one where the range's last code is cut off.
    assert np.abs(got - wanted).max() <= (scale + step) / 2 * 1.0001 + (step == scale) * scale / 2


def test_what_is_symmetric_already_stays():
    original = _pair(0.07, 0, "int8")
    changed = copy_of(original)
    with_symmetric_quantization(changed)
    assert operators(changed) == ["QuantizeLinear", "DequantizeLinear"]
    np.testing.assert_array_equal(run(original, _values())[0], run(changed, _values())[0])


@pytest.mark.parametrize("rewrite", REWRITES)
def test_several_readers_of_one_pair(rewrite):
    nodes = [
        quantize("x", "a"),
        dequantize("a.codes", "a", "d1"),
        dequantize("a.codes", "a", "d2"),
        node("Neg", ["d1"], ["n"]),
        node("Add", ["n", "d2"], ["zero"]),
        node("Identity", ["d2"], ["y"]),
    ]
    original = model_of(nodes, scaled("a", 0.05, 128, "uint8"), SHAPE, outputs=("y", "zero"))
    changed = copy_of(original)
    rewrite(changed)
    (y, zero), (wanted, _) = run(changed, _values()), run(original, _values())
    assert np.abs(y - wanted).max() <= 0.1
    assert not zero.any()


@pytest.mark.parametrize("rewrite", REWRITES)
def test_both_readers_of_one_pair_may_be_outputs(rewrite):
    nodes = [quantize("x", "a"), dequantize("a.codes", "a", "y"), dequantize("a.codes", "a", "z")]
    changed = model_of(nodes, scaled("a", 0.05, 128, "uint8"), SHAPE, outputs=("y", "z"))
    rewrite(changed)
    y, z = run(changed, _values())
    np.testing.assert_array_equal(y, z)


def _conv(weights, weight_scale, weight_zero, weight_axis, dtype):
    """x -> Conv with quantised weights and an int32 bias, as onnxruntime.quantization writes it."""
    bias = np.array([300, -200, 7], np.int32)
    constants = {"wq": weights.astype(dtype), "bq": bias}
    constants.update(scaled("w", weight_scale, weight_zero, dtype))
    constants.update(scaled("b", [0.01, 0.02, 0.03], [0, 0, 0], "int32"))
    nodes = [
        dequantize("wq", "w", "w", weight_axis),
        dequantize("bq", "b", "b", 0),
        node("Conv", ["x", "w", "b"], ["y"], kernel_shape=[1, 1]),
    ]
    return model_of(nodes, constants, [1, 2, 3, 40])


CODES = np.array([[-127, 5], [127, -90], [1, 2]]).reshape(3, 2, 1, 1)
WEIGHTS = [
    pytest.param(CODES, [0.1, 0.02, 0.5], [0, 0, 0], 0, "int8", id="per channel"),
    pytest.param(CODES, 0.1, 0, None, "int8", id="per tensor"),
    pytest.param(CODES, [0.1, 0.02], [0, 0], -3, "int8", id="a negative axis"),
    pytest.param(CODES + 128, [0.1, 0.02, 0.5], [128] * 3, 0, "uint8", id="uint8"),
    pytest.param(CODES + 128, 0.1, 120, None, "uint8", id="uint8 with any zero point"),
    pytest.param(CODES, [0.1, 0.02, 0.5], [3, -4, 0], 0, "int8", id="int8 with zero points"),
]


@pytest.mark.parametrize(("codes", "scale", "zero", "axis", "dtype"), WEIGHTS)
def test_weights_and_biases_as_floats_are_the_same_numbers(codes, scale, zero, axis, dtype):
    original = _conv(codes, scale, zero, axis, dtype)
    changed = copy_of(original)
    without_quantization(changed)
    assert operators(changed) == ["Conv"]
    x = _values()
    np.testing.assert_allclose(run(changed, x)[0], run(original, x)[0], rtol=1e-6, atol=1e-5)
    shape = [1, 1, 1, 1]
    if np.ndim(scale):
        shape[axis] = -1
    wanted = (codes - np.reshape(zero, shape)) * np.reshape(scale, shape)
    found = [c for c in constants_of(changed).values() if c.shape == codes.shape]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)


@pytest.mark.parametrize(("codes", "scale", "zero", "axis", "dtype"), WEIGHTS)
def test_symmetric_weights_stay_within_half_a_step(codes, scale, zero, axis, dtype):
    original = _conv(codes, scale, zero, axis, dtype)
    changed = copy_of(original)
    with_symmetric_quantization(changed)
    checker.check_model(changed)
    assert not [c for c in constants_of(changed).values() if c.dtype in (np.int32, np.uint8)]
    x = _values()
    exact = dtype == "int8" and not np.any(zero)
    error = np.abs(run(changed, x)[0] - run(original, x)[0]).max()
    # Two products of at most 12, each weight off by half of 1/127 of its channel's largest.
    largest = np.abs((codes - np.min(zero)) * np.max(scale)).max() + 6 * np.max(scale)
    assert error <= (1e-4 if exact else 2 * 12 * largest / 127 / 2 * 1.01)


@pytest.mark.parametrize("rewrite", REWRITES)
def test_float_weights_with_a_pair_behind_them(rewrite):
    # As quantisation-aware training exports them.
    random = np.random.RandomState(3)
    constants = {"w": random.normal(0, 1, (3, 2, 1, 1)).astype(np.float32)}
    constants.update(scaled("a", [0.02] * 3, [5] * 3, "int8"))
    nodes = [
        quantize("w", "a", 0),
        dequantize("a.codes", "a", "wd", 0),
        node("Conv", ["x", "wd"], ["y"], kernel_shape=[1, 1]),
    ]
    original = model_of(nodes, constants, [1, 2, 3, 40])
    changed = copy_of(original)
    rewrite(changed)
    checker.check_model(changed)
    bound = 1e-5 if rewrite is without_quantization else 2 * 12 * 0.02
    assert np.abs(run(changed, _values())[0] - run(original, _values())[0]).max() <= bound


@pytest.mark.parametrize("rewrite", REWRITES)
def test_an_input_of_codes_is_counted_out(rewrite):
    nodes = [dequantize("x", "a", "v"), node("Neg", ["v"], ["y"])]
    constants = scaled("a", 1 / 128, 127, "uint8")
    original = model_of(nodes, constants, [1, 1, 1, 256], dtype=TensorProto.UINT8)
    changed = copy_of(original)
    (change,) = [c for c in rewrite(changed) if "input" in c]
    assert "'x'" in change
    x = np.arange(256, dtype=np.uint8).reshape(1, 1, 1, 256)
    wanted = -((np.arange(256) - 127) / 128).reshape(1, 1, 1, 256)
    (got,) = run(changed, x)
    if rewrite is without_quantization:
        np.testing.assert_array_equal(got, wanted.astype(np.float32))
    else:  # one code of 256 has no room: 128 / 128
        np.testing.assert_array_equal(got[..., :255], wanted[..., :255].astype(np.float32))
        assert got[0, 0, 0, 255] == -127 / 128


def test_names_that_are_taken_are_not_taken_twice():
    nodes = [
        quantize("x", "a"),
        dequantize("a.codes", "a", "d"),
        node("Relu", ["d"], ["d_low"], "d_Clip"),
        node("Identity", ["d_low"], ["y"]),
    ]
    original = model_of(nodes, scaled("a", 0.05, 128, "uint8"), SHAPE)
    changed = copy_of(original)
    without_quantization(changed)
    checker.check_model(changed)
    assert np.abs(run(changed, _values())[0] - run(original, _values())[0]).max() <= 0.026


def test_a_float_model_is_left_as_it_is():
    model = model_of([node("Relu", ["x"], ["y"])], {}, SHAPE)
    assert not is_quantized(model)
    assert is_quantized(_pair(0.1, 0, "int8"))


@pytest.mark.parametrize("operator", ["QLinearConv", "ConvInteger", "QLinearGlobalAveragePool"])
def test_operators_on_codes_are_refused_by_name(operator):
    model = model_of([node(operator, ["x"], ["y"])], {}, SHAPE)
    with pytest.raises(ModelError, match=f"{operator}.*QDQ"):
        is_quantized(model)


@pytest.mark.parametrize("rewrite", REWRITES)
@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
        (
            [quantize("x", "a"), dequantize("a.codes", "b", "y")],
            {**scaled("a", 0.1, 128, "uint8"), **scaled("b", 0.2, 128, "uint8")},
            "one scale",
        ),
        (
            [quantize("x", "a"), node("Cast", ["a.codes"], ["y"], to=1)],
            scaled("a", 0.1, 128, "uint8"),
            "something else",
        ),
        (
            [
                node("ReduceMax", ["x"], ["a.s"], keepdims=0),
                quantize("x", "a"),
                dequantize("a.codes", "a", "y"),
            ],
            {"a.z": np.asarray(0, np.int8)},
            "computed by the graph",
        ),
        (
            [quantize("x", "a", 1), dequantize("a.codes", "a", "y", 1)],
            scaled("a", [0.1, 0.2], [1, 1], "int8"),
            "one for a tensor",
        ),
        (
            [quantize("x", "a"), dequantize("a.codes", "a", "y")],
            scaled("a", 0.1, 1, "uint16"),
            "uint16",
        ),
        (
            [quantize("x", "a"), dequantize("a.codes", "a", "y")],
            scaled("a", -0.1, 1, "uint8"),
            "positive",
        ),
    ],
)
def test_what_cannot_be_rewritten_is_refused(rewrite, nodes, constants, message):
    with pytest.raises(ModelError, match=message):
        rewrite(model_of(nodes, constants, SHAPE))

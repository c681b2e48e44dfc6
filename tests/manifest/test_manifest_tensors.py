"""The spec against the model's tensors: shapes, dtypes, labels, thresholds."""

from __future__ import annotations

from typing import Any, Dict, Optional

import pytest
from small_models import COMPLETE, LABELS, PROBABILITIES, UINT8, argument, image, solve

from edgeclf.errors import ManifestError, SpecMismatch
from edgeclf.manifest import Source
from edgeclf.spec import ScoreCalibration
from edgeclf.types import TensorInfo

STRETCH = {"resize_mode": "stretch", "interpolation": "bilinear"}


def test_what_an_8_bit_input_needs() -> None:
    found = solve(argument(**STRETCH), input=UINT8, graph=PROBABILITIES)
    assert found.input_spec.mean is None
    assert found.input_spec.dtype == "uint8"
    assert found.quantization == UINT8.quantization
    with pytest.raises(ManifestError, match="nothing says std "):
        solve(argument(mean=1, **STRETCH), input=UINT8, graph=PROBABILITIES)
    bare = UINT8._replace(quantization=None)
    solve(argument(**STRETCH, mean=0, std=1), input=bare, graph=PROBABILITIES)
    with pytest.raises(SpecMismatch, match="without a quantisation"):
        solve(argument(**STRETCH, mean=1, std=1), input=bare, graph=PROBABILITIES)


@pytest.mark.parametrize(
    ("shape", "said", "wanted"),
    [
        ((1, 3, 8, 6), {}, ("nchw", 6, 8, "rgb")),
        ((1, 8, 6, 3), {}, ("nhwc", 6, 8, "rgb")),
        ((None, 1, 8, 6), {}, ("nchw", 6, 8, "gray")),
        ((1, 8, 6, 1), {}, ("nhwc", 6, 8, "gray")),
        ((1, 3, None, None), {"width": 6, "height": 8}, ("nchw", 6, 8, "rgb")),
        ((1, None, None, 3), {"width": 6, "height": 8}, ("nhwc", 6, 8, "rgb")),
        ((1, None, 8, 6), {}, ("nchw", 6, 8, "rgb")),
        ((1, 3, 8, 3), {"layout": "nchw"}, ("nchw", 3, 8, "rgb")),
        ((1, 3, 8, 3), {"layout": "nhwc"}, ("nhwc", 8, 3, "rgb")),
        ((1, None, 8, None), {"layout": "nhwc", "height": 5}, ("nhwc", 8, 5, "rgb")),
        ((1, 3, 8, 6), {"color_mode": "bgr"}, ("nchw", 6, 8, "bgr")),
    ],
)
def test_shapes(shape: Any, said: Dict[str, Any], wanted: Any) -> None:
    spec = solve(argument(**COMPLETE, **said), input=image(*shape)).input_spec
    assert (spec.layout, spec.width, spec.height, spec.color_mode) == wanted


@pytest.mark.parametrize(
    ("tensor", "said", "says"),
    [
        (image(1, 192), {}, "image input has the shape"),
        (image(1, 4, 8, 8), {}, "1 or 3 channels"),
        (image(1, 8, 8, 8, 3), {}, "image input has the shape"),
        (image(1, 3, 8, 8, dtype="int64"), {}, "expected float32"),
        (image(1, 3, 8, 8), {"width": 9}, "width: argument says 9.*\\[1, 3, 8, 8\\]"),
        (image(1, 3, 8, 8), {"layout": "nhwc"}, "layout: argument says 'nhwc'"),
        (image(1, 3, 8, 8), {"dtype": "uint8"}, "dtype: argument says 'uint8'"),
        (image(1, 3, 8, 8), {"color_mode": "gray"}, "3 channels"),
        (image(1, 1, 8, 8), {"color_mode": "rgb"}, "color_mode: argument says 'rgb'"),
        (image(1, 1, 8, 8), {"mean": [1, 2, 3]}, "mean: expected 1 or 1 values.*argument"),
        (image(1, 3, 8, 8), {"exact": True, "antialias": False}, "exact"),
    ],
)
def test_statements_that_do_not_fit_the_tensor(
    tensor: TensorInfo, said: Dict[str, Any], says: str
) -> None:
    with pytest.raises(SpecMismatch, match=says):
        solve(argument(**{**COMPLETE, **said}), input=tensor)


def test_a_home_that_does_not_fit_is_refused_unless_an_argument_speaks() -> None:
    open_size = image(1, 3, 8, None)
    home = Source("config.json", {"width": 16, "height": 16})
    with pytest.raises(SpecMismatch, match=r"height: config.json says 16"):
        solve(argument(**COMPLETE), home, input=open_size)
    assert solve(argument(height=8, **COMPLETE), home, input=open_size).input_spec.width == 16


def test_an_unclear_layout_is_asked_for() -> None:
    with pytest.raises(ManifestError, match=r"nothing says layout \("):
        solve(argument(**COMPLETE), input=image(1, 3, 8, 3))


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        ((1, 4), True), ((None, 4), True), ((1, 4, 1, 1), True), ((1, 4, 1), True),
        ((1, None), True), ((4,), False), ((1, 1, 1, 4), False), ((1, 4, 2), False),
        ((1, 7, 7, 4), False), ((), False), ((1, 0), False), ((1, 4, None), False),
    ],
)  # fmt: skip
def test_the_shape_of_scores(shape: Any, fits: bool) -> None:
    scores = TensorInfo("scores", shape, "float32")
    if fits:
        solve(argument(labels=LABELS, **COMPLETE), scores=scores)
        return
    with pytest.raises(SpecMismatch, match="classifier's scores"):
        solve(argument(labels=LABELS, **COMPLETE), scores=scores)


def test_scores_that_are_indices_or_codes() -> None:
    with pytest.raises(SpecMismatch, match="ArgMax"):
        solve(argument(**COMPLETE), scores=TensorInfo("s", (1, 4), "int64"))
    codes = TensorInfo("s", (1, 4), "uint8")
    with pytest.raises(SpecMismatch, match="no logits"):
        solve(argument(**COMPLETE), scores=codes)
    solve(argument(**{**COMPLETE, "activation": "none"}), scores=codes)


@pytest.mark.parametrize(
    ("labels", "offset", "says"),
    [
        (4, 0, None), (5, 1, None), (3, -1, None),
        (5, 0, "expected 4 labels, got 5 .*label_offset=1"),
        (3, 0, "expected 4 labels, got 3 .*label_offset=-1"),
        (9, 0, "expected 4 labels, got 9 from argument. Use the labels"),
        (4, 1, "expected 5 labels .*got 4"),
    ],
)  # fmt: skip
def test_the_number_of_labels(labels: int, offset: int, says: Optional[str]) -> None:
    names = [f"class {i}" for i in range(labels)]
    source = argument(labels=names, label_offset=offset, **COMPLETE)
    if says is None:
        assert solve(source).output_spec.label_offset == offset
        return
    with pytest.raises(SpecMismatch, match=says):
        solve(source)


def test_thresholds_and_calibration_against_the_classes() -> None:
    solve(argument(thresholds=[0.1] * 4, **COMPLETE))
    solve(argument(thresholds=0.1, **COMPLETE))
    with pytest.raises(SpecMismatch, match="thresholds: expected one, or one for each of 4"):
        solve(argument(thresholds=[0.1] * 3, **COMPLETE))
    calibration = ScoreCalibration(parameters=(None,) * 3)
    with pytest.raises(SpecMismatch, match="score_calibration: expected parameters for each of 4"):
        solve(argument(score_calibration=calibration, **COMPLETE))
    with pytest.raises(SpecMismatch, match="multilabel"):
        solve(argument(multilabel=True, **COMPLETE))

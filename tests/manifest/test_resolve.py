"""One spec out of all homes: who wins, what contradicts, what is missing, what does not fit."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from small_models import COMPLETE, LABELS, PROBABILITIES, argument, image, solve

from edgeclf.errors import ManifestError, SpecMismatch
from edgeclf.manifest import GraphFacts, Source

STRETCH = {"resize_mode": "stretch", "interpolation": "bilinear"}
IMAGENET = {"rescale_factor": 1 / 255, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
SAME_IN_PIXELS = {"mean": (127.5, 102.0, 76.5), "std": (51.0, 76.5, 102.0)}


def test_arguments_win_and_every_field_has_a_source() -> None:
    found = solve(
        argument(**{**COMPLETE, "mean": 1, "std": 2}),
        Source("m.json", {"mean": (5.0,), "std": (6.0,), "labels": LABELS}),
        Source("X", conventions={"antialias": False, "resize_mode": "letterbox"}),
    )
    assert found.input_spec.mean == (1.0,)
    assert found.input_spec.resize_mode == "stretch"
    assert found.output_spec.labels == LABELS
    fields = {**found.input_spec.__dict__, **found.output_spec.__dict__}
    assert set(found.provenance) == set(fields)
    for name, home in {
        "mean": "argument",
        "labels": "m.json",
        "width": "model's tensor",
        "layout": "model's tensor",
        "color_mode": "default",
        "rescale_factor": "default",
    }.items():
        assert found.provenance[name] == home
    # The convention's antialiasing went with its own filter, which the argument replaced.
    assert found.input_spec.antialias
    assert found.provenance["antialias"] == "default"


def test_conventions_give_way_and_are_named() -> None:
    conventions = {**STRETCH, "antialias": False, **IMAGENET, "activation": "softmax"}
    found = solve(
        Source("m.json", {"resize_mode": "letterbox"}), Source("X", conventions=conventions)
    )
    assert found.input_spec.resize_mode == "letterbox"
    assert not found.input_spec.antialias
    assert found.input_spec.mean == IMAGENET["mean"]
    assert found.provenance["antialias"] == found.provenance["mean"] == "convention (X)"
    assert found.output_spec.activation == "softmax"
    # The graph is a fact; a convention says nothing against it.
    found = solve(Source("X", conventions=conventions), graph=PROBABILITIES)
    assert found.output_spec.activation == "none"
    assert found.provenance["activation"] == "model's graph"


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("resize_mode", "stretch", "letterbox"),
        ("mean", (1.0,), (2.0,)),
        ("labels", LABELS, LABELS[::-1]),
        ("activation", "none", "softmax"),
        ("antialias", True, False),
        ("thresholds", (0.1,), (0.2,)),
    ],
)
def test_two_homes_that_differ(field: str, one: Any, other: Any) -> None:
    first, second = Source("m.json", {field: one}), Source("TFLite Metadata", {field: other})
    with pytest.raises(ManifestError) as caught:
        solve(first, second)
    for word in (field, str(one)[:20], str(other)[:20], "m.json", "TFLite Metadata", "argument"):
        assert word in str(caught.value)
    # An argument settles it, and the same value twice is no contradiction.
    settled = {**COMPLETE, field: one}
    solve(argument(**settled), first, second)
    solve(argument(**{k: v for k, v in COMPLETE.items() if k != field}), first, first)


def test_the_same_normalisation_written_twice() -> None:
    rest = argument(**STRETCH, activation="softmax")
    levels = np.arange(256)[:, None]
    for one, other in ((IMAGENET, SAME_IN_PIXELS), (SAME_IN_PIXELS, IMAGENET)):
        spec = solve(rest, Source("m.json", dict(one)), Source("T", dict(other))).input_spec
        tensor = (levels * spec.rescale_factor - np.array(spec.mean)) / np.array(spec.std)
        wanted = (levels / 255 - np.array([0.5, 0.4, 0.3])) / np.array([0.2, 0.3, 0.4])
        np.testing.assert_allclose(tensor, wanted, rtol=1e-9)
    # float32, as TFLite Metadata stores it, is the same number still.
    rounded = {name: tuple(map(float, np.float32(v))) for name, v in SAME_IN_PIXELS.items()}
    solve(rest, Source("m.json", dict(IMAGENET)), Source("T", rounded))
    different = {**SAME_IN_PIXELS, "std": (51.0, 76.5, 102.1)}
    with pytest.raises(ManifestError, match=r"m.json says"):
        solve(rest, Source("m.json", dict(IMAGENET)), Source("T", different))


def test_halves_of_two_formulas_are_not_put_together() -> None:
    rest = {**STRETCH, "activation": "softmax"}
    home = Source("config.json", dict(IMAGENET))
    with pytest.raises(ManifestError, match=r"rescale_factor 0.0039.* config.json"):
        solve(argument(mean=127.5, std=127.5, **rest), home)
    convention = Source("U", conventions={"rescale_factor": 1 / 255, "mean": (0.0,), "std": (1.0,)})
    with pytest.raises(ManifestError, match="rescale_factor"):
        solve(argument(**rest), Source("m.json", {"mean": (127.5,), "std": (127.5,)}), convention)
    # All three together are one formula; so is a factor that comes alone.
    whole = solve(argument(mean=127.5, std=127.5, rescale_factor=1, **rest), home).input_spec
    assert (whole.rescale_factor, whole.mean) == (1.0, (127.5,))
    partial = Source("m.json", {"mean": (0.5,), "std": (0.5,)})
    assert solve(argument(rescale_factor=0.1, **rest), partial).input_spec.rescale_factor == 0.1


def test_values_written_for_another_size_or_channel_order() -> None:
    crop = {"resize_mode": "center-crop", "resize_size": 9, "width": 8, "height": 8}
    home = Source("config.json", {**crop, "interpolation": "bilinear"})
    open_size = image(1, 3, None, None)
    rest = {"mean": 0, "std": 1, "activation": "softmax"}
    with pytest.raises(ManifestError, match=r"resize_size 9 comes from config.json"):
        solve(argument(width=16, height=16, **rest), home, input=open_size)
    found = solve(argument(width=16, height=16, resize_size=18, **rest), home, input=open_size)
    assert found.input_spec.resize_size == 18
    rgb = Source("T", {"color_mode": "rgb", "mean": (1.0, 2.0, 3.0), "std": (1.0,)})
    with pytest.raises(ManifestError, match=r"mean .* comes from T"):
        solve(argument(color_mode="bgr", activation="none", **STRETCH), rgb)


def test_a_crop_that_was_overruled_leaves_no_resize_size() -> None:
    home = Source("config.json", {"resize_mode": "center-crop", "resize_size": 9})
    found = solve(argument(**COMPLETE), home)
    assert found.input_spec.resize_size is None
    with pytest.raises(SpecMismatch, match="resize_size"):
        solve(argument(resize_size=9, **COMPLETE), home)


def test_everything_missing_is_named_at_once() -> None:
    with pytest.raises(ManifestError) as caught:
        solve(input=image(None, None, None, None))
    text = str(caught.value)
    for name in ("width", "height", "layout", "resize_mode", "interpolation", "mean", "std"):
        assert name in text
    assert "activation" in text
    assert "m.json" in text
    assert "spec={" in text
    # The example in the message does what it says.
    example = ast.literal_eval(text[text.index("spec={") + 5 : text.index("}") + 1])
    solve(argument(**example), input=image(None, None, None, None))


@pytest.mark.parametrize("field", sorted(COMPLETE))
def test_each_required_field_is_asked_for_alone(field: str) -> None:
    given = {name: value for name, value in COMPLETE.items() if name != field}
    with pytest.raises(ManifestError, match=f"nothing says {field} ") as caught:
        solve(argument(**given))
    assert not any(f"{name} (" in str(caught.value) for name in given)
    crop = {**COMPLETE, "resize_mode": "center-crop"}
    with pytest.raises(ManifestError, match="nothing says resize_size "):
        solve(argument(**crop))


def test_an_activation_that_the_graph_applied_already() -> None:
    for operator, value in (
        ("Softmax", "softmax"),
        ("SOFTMAX", "softmax"),
        ("LOGISTIC", "sigmoid"),
    ):
        twice = argument(**{**COMPLETE, "activation": value})
        with pytest.raises(SpecMismatch, match="twice"):
            solve(twice, graph=GraphFacts(operator, "none", "fp32"))
    rest = {name: value for name, value in COMPLETE.items() if name != "activation"}
    with pytest.raises(ManifestError, match="nothing says activation"):
        solve(argument(**rest), graph=GraphFacts("LogSoftmax", None, "fp32"))


def test_a_model_given_as_bytes_is_not_told_of_a_sidecar() -> None:
    with pytest.raises(ManifestError) as caught:
        solve(name="<bytes>")
    assert ".json" not in str(caught.value)

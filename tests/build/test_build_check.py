"""Two models are compared by their scores: what agrees, and how much of it is enough."""

from __future__ import annotations

from typing import Any, List

import numpy as np
import pytest

from edgeclf.backends.fake import FakeBackend
from edgeclf.build.check import Answering, compare
from edgeclf.build.pictures import Pictures
from edgeclf.errors import InferenceError
from edgeclf.spec import InputSpec, OutputSpec
from edgeclf.types import TensorInfo

SPEC = InputSpec(4, 4, resize_mode="stretch", rescale_factor=1 / 255, mean=(0.0,), std=(1.0,))


class TestCompare:
    SCORES = OutputSpec(activation="none")

    def _asked(self, answers: List[Any], output: OutputSpec = SCORES) -> Answering:
        """A model that gives these rows one after the other, after one run that warms it up."""
        rows = iter([answers[0], *answers])
        backend = FakeBackend(
            TensorInfo("x", (None, 3, 4, 4), "float32"),
            [TensorInfo("y", (None, len(answers[0])), "float32")],
            answer=lambda tensor: np.asarray([next(rows)], np.float32),
        )
        return Answering(backend, SPEC, output)

    def _compare(self, ours, theirs, precision="fp32", quantized=False, synthetic=False, **spec):
        output = OutputSpec(**spec) if spec else self.SCORES
        frames = [np.zeros((4, 4, 3), np.uint8)] * len(ours)
        return compare(
            self._asked(ours, output),
            self._asked(theirs, output),
            Pictures("some", frames, synthetic),
            compared="engine",
            reason="",
            precision=precision,
            quantized_original=quantized,
        )

    def test_the_same(self):
        report = self._compare([[0.1, 0.9], [0.8, 0.2]], [[0.1, 0.9], [0.8, 0.2]])
        assert (report.pictures, report.same_class, report.agreeing) == (2, 2, 2)
        assert report.passed
        assert report.largest_difference == 0

    def test_another_class(self):
        report = self._compare([[0.1, 0.9], [0.8, 0.2]], [[0.1, 0.9], [0.2, 0.8]])
        assert (report.same_class, report.agreeing, report.passed) == (1, 1, False)
        assert report.largest_difference == pytest.approx(0.6)
        assert report.mean_difference == pytest.approx(0.3)

    def test_a_tie_is_no_disagreement(self):
        ours, theirs = [[0.5001, 0.4999]], [[0.4999, 0.5001]]
        report = self._compare(ours, theirs)
        assert (report.same_class, report.agreeing, report.passed) == (0, 1, True)
        wider = self._compare([[0.51, 0.49]], [[0.49, 0.51]])
        assert not wider.passed
        assert self._compare([[0.52, 0.48]], [[0.49, 0.51]], "fp16").passed is False
        assert self._compare([[0.505, 0.495]], [[0.49, 0.51]], "fp16").passed

    def test_int8_may_miss_a_tenth(self):
        good, bad = [0.9, 0.1], [0.1, 0.9]
        assert self._compare([good] * 10, [bad] + [good] * 9, "int8").passed
        assert not self._compare([good] * 10, [bad] * 2 + [good] * 8, "int8").passed
        assert self._compare([good] * 10, [bad] + [good] * 9, "fp32", quantized=True).passed
        assert not self._compare([good] * 10, [bad] + [good] * 9, "fp32").passed

    def test_of_synthetic_pictures_half(self):
        good, bad = [0.9, 0.1], [0.1, 0.9]
        assert self._compare([good] * 8, [bad] * 4 + [good] * 4, "int8", synthetic=True).passed
        assert not self._compare([good] * 8, [bad] * 5 + [good] * 3, "int8", synthetic=True).passed
        assert not self._compare([good] * 8, [bad] + [good] * 7, "fp16", synthetic=True).passed

    def test_raw_output_counts_in_parts_of_its_spread(self):
        report = self._compare([[-50.0, 50.0]], [[-50.0, 49.0]])
        assert report.largest_difference == pytest.approx(0.01)

    def test_after_a_softmax(self):
        report = self._compare([[0.0, 4.0]], [[4.0, 0.0]], activation="softmax")
        assert report.largest_difference == pytest.approx(np.tanh(2.0))

    def test_nothing_to_ask_about_is_no_pass(self):
        assert self._compare([[1.0, 0.0]], [[1.0, 0.0]]).passed
        empty = compare(
            self._asked([[1.0, 0.0]]), self._asked([[1.0, 0.0]]), Pictures("none", []),
            compared="engine", reason="", precision="fp32", quantized_original=False,
        )  # fmt: skip
        assert not empty.passed

    def test_numbers_that_are_none(self):
        with pytest.raises(InferenceError):
            self._compare([[0.1, 0.9]], [[np.nan, 0.9]])

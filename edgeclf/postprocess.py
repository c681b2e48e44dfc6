"""Raw output to scores to categories, over the C++ core.

Over 200 lines because every check of labels, thresholds and lists stands here, with its advice.
"""

from __future__ import annotations

import difflib
import math
import numbers
from typing import Any, Dict, FrozenSet, List, Optional, Sequence, Tuple

import numpy as np

from edgeclf import _core
from edgeclf.errors import ArgumentError, SpecMismatch
from edgeclf.spec import DTYPES, OutputSpec
from edgeclf.types import Category, TensorInfo

__all__ = ["Postprocessor"]

# Several classes may be true at once: without a threshold all of them would be reported.
MULTILABEL_THRESHOLD = 0.5


class Postprocessor:
    """Makes scores and categories from one frame's raw output.

    In this order: dequantise; refuse NaN and infinity; softmax or sigmoid; score calibration;
    leave out what lists and thresholds exclude; the best `top_k`, equal scores in the order of
    their index.

    Immutable, hence thread-safe. Picklable.

    Args:
        output_spec: labels, activation, calibration, thresholds.
        num_classes: the length of the model's raw output.
        raw: the raw output's dtype ("float32", "float16", "uint8" or "int8") and quantisation.
            Codes of an 8-bit output without quantisation are taken as numbers.
        feature_vector: the same of the model's second output, its embedding; None where it has
            none, or none that is wanted.
        top_k: how many categories to report at most; None for all.
        score_threshold: report a class when ``score >= score_threshold``. Replaces the spec's
            thresholds. With neither, a multilabel model has 0.5 and any other has none.
        category_allowlist, category_denylist: labels (or, for a class without one, its index as
            text) to report alone, or never. At most one of the two.

    Raises:
        SpecMismatch: labels, thresholds, calibration or dtype do not fit the model.
        ArgumentError: a keyword argument is out of its range, or names no label.
    """

    def __init__(
        self,
        output_spec: OutputSpec,
        num_classes: int,
        raw: TensorInfo,
        *,
        feature_vector: Optional[TensorInfo] = None,
        top_k: Optional[int] = 5,
        score_threshold: Optional[float] = None,
        category_allowlist: Optional[Sequence[str]] = None,
        category_denylist: Optional[Sequence[str]] = None,
    ):
        _check_model(output_spec, num_classes, raw)
        if feature_vector is not None and feature_vector.dtype not in DTYPES:
            raise SpecMismatch(
                f"{feature_vector.name}: expected an embedding of dtype {', '.join(DTYPES)}; got "
                f"{feature_vector.dtype}. Export the model without this output"
            )
        options: Dict[str, Any] = {
            "feature_vector": feature_vector,
            "top_k": _checked_top_k(top_k),
            "score_threshold": _checked_threshold(score_threshold),
            "category_allowlist": category_allowlist,
            "category_denylist": category_denylist,
        }
        self._arguments = (output_spec, num_classes, raw, options)
        self._labels = _labels_of(output_spec, num_classes)
        self._core = _core.Postprocessor(
            num_classes=num_classes,
            scores=raw,
            feature_vector=feature_vector,
            activation=output_spec.activation,
            calibration=output_spec.score_calibration,
            top_k=top_k or 0,
            thresholds=_thresholds(output_spec, score_threshold),
            allowed=_mask(self._labels, category_allowlist, category_denylist),
            labels=self._labels,
            category=Category,
        )

    @property
    def labels(self) -> Tuple[str, ...]:
        """The label of every class; its index as text where it has none."""
        return self._labels

    def __call__(self, raw_row: np.ndarray) -> Tuple[np.ndarray, List[Category]]:
        """Scores and categories of one frame.

        Args:
            raw_row: (N,), or (1, N, 1, ...) with N elements in all, of the raw output's dtype; any
                strides. Only read.

        Returns:
            scores: float32 (N,), of all classes, in memory of their own; and the categories to
            report, best first, possibly none.

        Raises:
            InferenceError: a score is NaN or infinite, or the row has another shape or dtype.
        """
        if raw_row.ndim == 1 or raw_row.size in raw_row.shape:
            raw_row = np.ascontiguousarray(raw_row).reshape(1, -1)
        scores, found, _ = self.of_item((raw_row,), 0)
        return scores, self.categories(found)

    def of_item(
        self, outputs: Sequence[np.ndarray], item: int
    ) -> Tuple[np.ndarray, bytes, Optional[np.ndarray]]:
        """Of one frame of a batch, with as little around it as can be: its scores, what
        `categories` needs, and its feature vector, float32 in memory of its own, or None.

        `outputs` are the runtime's own, C-contiguous: (batch, N) or (batch, N, 1, ...), and of
        the feature vector (batch, ...).

        Raises:
            InferenceError: a score is NaN or infinite; or an output is missing, is no array, or has
            another shape or dtype.
        """
        return self._core.run(outputs, item)

    def categories(self, found: bytes) -> List[Category]:
        """The categories that `of_item` found, in a new list."""
        return self._core.categories(found)

    def __reduce__(self) -> Tuple[Any, ...]:
        return _restored, self._arguments


def _restored(
    spec: OutputSpec, num_classes: int, raw: TensorInfo, options: Dict[str, Any]
) -> Postprocessor:
    return Postprocessor(spec, num_classes, raw, **options)


def _check_model(spec: OutputSpec, num_classes: int, raw: TensorInfo) -> None:
    if num_classes < 1:
        raise SpecMismatch(f"expected a model with at least one class, got {num_classes}")
    if raw.dtype not in DTYPES:
        raise SpecMismatch(
            f"{raw.name}: expected scores of dtype {', '.join(DTYPES)}; got {raw.dtype}. Export "
            "the model without its ArgMax or TopK"
        )
    if spec.labels is not None and len(spec.labels) != num_classes + spec.label_offset:
        raise SpecMismatch(_label_count_message(spec, len(spec.labels), num_classes))
    if spec.thresholds is not None and len(spec.thresholds) not in (1, num_classes):
        raise SpecMismatch(
            f"thresholds: expected 1 or {num_classes} (one per class), got {len(spec.thresholds)}"
        )
    calibration = spec.score_calibration
    if calibration is not None and len(calibration.parameters) != num_classes:
        raise SpecMismatch(
            f"score_calibration: expected parameters for {num_classes} classes (None for a class "
            f"without), got {len(calibration.parameters)}"
        )


def _label_count_message(spec: OutputSpec, labels: int, num_classes: int) -> str:
    expected = num_classes + spec.label_offset
    text = (
        f"labels: the model has {num_classes} classes and label_offset is {spec.label_offset}, "
        f"so {expected} labels are expected; got {labels}. "
    )
    if labels == num_classes + 1:
        return text + (
            "If the first label is a 'background' that the model does not have, set label_offset=1"
        )
    if labels == num_classes - 1:
        return text + (
            "If the model's class 0 is a background without a label, set label_offset=-1"
        )
    if labels == num_classes:
        return text + "Set label_offset=0"
    return text + "Give the labels this model was trained with"


def _labels_of(spec: OutputSpec, num_classes: int) -> Tuple[str, ...]:
    labels = spec.labels or ()

    def label(index: int) -> str:
        at = index + spec.label_offset
        return labels[at] if 0 <= at < len(labels) else str(index)

    return tuple(label(index) for index in range(num_classes))


def _checked_top_k(top_k: Any) -> Optional[int]:
    if top_k is None:
        return None
    if isinstance(top_k, bool) or not isinstance(top_k, numbers.Integral) or top_k < 1:
        raise ArgumentError(
            f"top_k: expected a whole number of at least 1, or None for all; got {top_k!r}"
        )
    return int(top_k)


def _checked_threshold(score_threshold: Any) -> Optional[float]:
    if score_threshold is None:
        return None
    is_number = isinstance(score_threshold, numbers.Real) and not isinstance(score_threshold, bool)
    if not is_number or not math.isfinite(score_threshold):
        raise ArgumentError(f"score_threshold: expected a finite number, got {score_threshold!r}")
    return float(score_threshold)


def _thresholds(spec: OutputSpec, score_threshold: Optional[float]) -> Tuple[float, ...]:
    if score_threshold is not None:
        return (float(score_threshold),)
    if spec.thresholds is not None:
        return spec.thresholds
    return (MULTILABEL_THRESHOLD,) if spec.multilabel else ()


def _mask(
    labels: Tuple[str, ...], allowlist: Optional[Sequence[str]], denylist: Optional[Sequence[str]]
) -> bytes:
    """One byte per class, 0 for a class to leave out; empty where all are allowed."""
    if allowlist is not None and denylist is not None:
        raise ArgumentError(
            "category_allowlist and category_denylist exclude each other: give only one"
        )
    if allowlist is not None:
        allowed = _known(labels, allowlist, "category_allowlist")
        return bytes(label in allowed for label in labels)
    if denylist is not None:
        denied = _known(labels, denylist, "category_denylist")
        return bytes(label not in denied for label in labels)
    return b""


def _known(labels: Tuple[str, ...], names: Any, argument: str) -> FrozenSet[str]:
    names = names if isinstance(names, str) else tuple(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ArgumentError(f"{argument}: expected a sequence of labels, got {names!r}")
    known = set(labels)
    unknown = [name for name in names if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], labels, n=3)
        advice = f"Near it: {', '.join(map(repr, near))}" if near else "No label is like it"
        raise ArgumentError(
            f"{argument}: the model has no label {', '.join(map(repr, unknown))}. {advice}"
        )
    return frozenset(names)

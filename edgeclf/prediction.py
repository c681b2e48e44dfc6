"""What a classifier says about one frame."""

from __future__ import annotations

import html
import json
import os
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from edgeclf.types import Category, Speed

__all__ = ["Prediction"]

# A function, and that of which it makes the categories.
Found = Tuple[Callable[[bytes], List[Category]], bytes]
# The seconds at which preprocessing, inference and postprocessing began, and the end.
Times = Tuple[float, float, float, float]

# Held while one reader makes what another may be reading for the first time, too. Shared by all:
# it takes microseconds, and a lock in each would cost every prediction.
_MAKING = threading.RLock()


def _renew_lock() -> None:
    """In a forked child: whoever held it is not there to release it."""
    global _MAKING
    _MAKING = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)


class Prediction:
    """The categories of one frame, best first, and what they came from.

    Attributes:
        categories: Category(index, label, score), by falling score, ties by index; at most top_k
            of them, and only those that passed the thresholds and the allow or deny list.
        scores: float32, one per class of the model, before any threshold. Owned by this object.
        feature_vector: float32, the model's second output, which is its embedding where the model
            was exported with one; None when there is no second output. Owned by this object.
        timestamp_ms: the one given to `predict`, else the frame's, else None.
        speed: Speed(preprocess_ms, inference_ms, postprocess_ms).
    """

    __slots__ = (
        "_found",
        "_times",
        "categories",
        "feature_vector",
        "scores",
        "speed",
        "timestamp_ms",
    )

    categories: List[Category]
    scores: np.ndarray
    feature_vector: Optional[np.ndarray]
    timestamp_ms: Optional[float]
    speed: Speed
    _found: Found
    _times: Times

    def __init__(
        self,
        categories: List[Category],
        scores: np.ndarray,
        feature_vector: Optional[np.ndarray],
        timestamp_ms: Optional[float],
        speed: Speed,
    ):
        self.categories = categories
        self.scores = scores
        self.feature_vector = feature_vector
        self.timestamp_ms = timestamp_ms
        self.speed = speed

    @staticmethod
    def unread(
        scores: np.ndarray,
        feature_vector: Optional[np.ndarray],
        timestamp_ms: Optional[float],
        found: Found,
        times: Times,
    ) -> Prediction:
        """One whose categories and speed are made of `found` and `times` when they are first read,
        if ever."""
        made = Prediction.__new__(Prediction)
        made.scores = scores
        made.feature_vector = feature_vector
        made.timestamp_ms = timestamp_ms
        made._found = found
        made._times = times
        return made

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there yet.
        make = _MAKERS.get(name)
        if make is not None:
            with _MAKING:
                try:  # another thread may have made it by now
                    return object.__getattribute__(self, name)
                except AttributeError:
                    make(self)
            return object.__getattribute__(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __reduce__(self) -> Tuple[Any, ...]:
        facts = self.categories, self.scores, self.feature_vector, self.timestamp_ms, self.speed
        return type(self), facts

    @property
    def label(self) -> Optional[str]:
        """The best category's label, or None when no category passed."""
        return self.categories[0].label if self.categories else None

    @property
    def score(self) -> Optional[float]:
        """The best category's score, or None when no category passed."""
        return self.categories[0].score if self.categories else None

    @property
    def index(self) -> Optional[int]:
        """The best category's class index, or None when no category passed."""
        return self.categories[0].index if self.categories else None

    def to_dict(self) -> Dict[str, Any]:
        """Plain data: categories, timestamp and times, without the arrays."""
        return {
            "categories": [category._asdict() for category in self.categories],
            "timestamp_ms": self.timestamp_ms,
            "speed": {name: round(ms, 3) for name, ms in self.speed._asdict().items()},
        }

    def to_json(self) -> str:
        """`to_dict` as one line of JSON. Always valid: no score is NaN or infinite."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def __repr__(self) -> str:
        best = f"{self.label!r} {self.score:.3f}" if self.categories else "nothing passed"
        return f"Prediction({best}, {len(self.categories)} categories)"

    def _repr_html_(self) -> str:
        """A small table for notebooks."""
        rows = "".join(
            f"<tr><td>{html.escape(c.label)}</td><td style='text-align:right'>{c.score:.3f}</td>"
            f"<td><meter value='{min(max(c.score, 0.0), 1.0):.3f}'></meter></td></tr>"
            for c in self.categories
        )
        total = sum(self.speed)
        return (
            "<table><thead><tr><th>label</th><th>score</th><th></th></tr></thead>"
            f"<tbody>{rows}</tbody><caption>{total:.1f} ms</caption></table>"
        )


# Each drops what it was made of: that would keep the classifier's labels alive.


def _make_categories(prediction: Prediction) -> None:
    categories_of, found = prediction._found
    prediction.categories = categories_of(found)
    del prediction._found


def _make_speed(prediction: Prediction) -> None:
    began, written, inferred, done = prediction._times
    prediction.speed = Speed(
        (written - began) * 1e3, (inferred - written) * 1e3, (done - inferred) * 1e3
    )
    del prediction._times


_MAKERS: Dict[str, Callable[[Prediction], None]] = {
    "categories": _make_categories,
    "speed": _make_speed,
}

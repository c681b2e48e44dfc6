"""edgeclf itself, with `out=` memory kept by the caller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Optional

import numpy as np

import edgeclf

Run = Callable[[Any], np.ndarray]


def preprocessor(case, exact: Optional[bool] = False) -> Run:
    spec = replace(case.spec, exact=exact)
    preprocess = edgeclf.Preprocessor(spec)
    out = np.empty(preprocess.shape, preprocess.dtype)
    return lambda frame: preprocess(frame, out=out)


def yuv_preprocessor(case) -> Run:
    """From a camera's flat buffer, wrapped anew for each frame.

    Raises:
        edgeclf.EdgeclfError: this build has no such format.
    """
    preprocess = edgeclf.Preprocessor(case.spec)
    out = np.empty(preprocess.shape, preprocess.dtype)
    size = {"width": case.width, "height": case.height}
    bytes_ = case.width * case.height * 2
    edgeclf.Frame(
        np.zeros(bytes_ * 3 // 4 if case.format == "nv12" else bytes_, np.uint8),
        case.format,
        **size,
    )

    def run(frame: np.ndarray) -> np.ndarray:
        return preprocess(edgeclf.Frame(frame.reshape(-1), case.format, **size), out=out)

    return run

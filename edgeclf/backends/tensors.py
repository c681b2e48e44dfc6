"""What the adapters share about tensors: which dtypes, what shape a batch has, aligned memory."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import numpy as np

from edgeclf.errors import ArgumentError, SpecMismatch
from edgeclf.spec import DTYPES
from edgeclf.types import TensorInfo

__all__ = ["aligned_zeros", "request_shape", "require_dtype"]

# A vector register's and a cache line's width on every CPU that matters here.
ALIGNMENT = 64


def require_dtype(info: TensorInfo, role: str, model: str) -> TensorInfo:
    """`info`, when its dtype is one that tensors of pixels and scores can have.

    Raises:
        SpecMismatch: it is another one (int64, bfloat16, text).
    """
    if info.dtype in DTYPES:
        return info
    raise SpecMismatch(
        f"{model}: expected {role} {info.name!r} as one of {', '.join(DTYPES)}; it is "
        f"{info.dtype}. Export the model with a float or 8-bit tensor there"
    )


def request_shape(
    info: TensorInfo, batch: int, item_shape: Optional[Sequence[int]], model: str
) -> Tuple[int, ...]:
    """The shape of `batch` inputs, with `item_shape` where the model leaves dimensions open.

    Args:
        info: the model's input. Its first dimension counts the batch.
        batch: at least 1.
        item_shape: the shape without the batch, (3, 224, 224) say; None takes the model's own.

    Raises:
        ArgumentError: `batch` is not a number of at least 1.
        SpecMismatch: the model's batch or another dimension is fixed to another number, or one is
            open and nothing says what it is.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ArgumentError(f"batch: expected a whole number of at least 1, got {batch!r}")
    wanted = (batch, *(item_shape or info.shape[1:]))
    if info.shape and info.shape[0] not in (None, batch):
        raise SpecMismatch(
            f"{model}: expected batches of {info.shape[0]}, which the model is fixed to; got "
            f"{batch}. Run the frames one by one, or export it with a dynamic batch"
        )
    fits = len(wanted) == len(info.shape) and all(
        have is None or have == want for have, want in zip(info.shape, wanted)
    )
    if not fits:
        raise SpecMismatch(
            f"{model}: expected an input of {_dims(info.shape)}, got {_dims(wanted)}. Correct "
            "width, height, color_mode or layout in the spec"
        )
    if any(want is None for want in wanted):
        raise SpecMismatch(
            f"{model}: its input {_dims(wanted)} leaves dimensions open. State width and height "
            "in the spec, or export the model with fixed ones"
        )
    return tuple(int(want) for want in wanted if want is not None)


def _dims(shape: Sequence[Optional[int]]) -> str:
    return "x".join("?" if n is None else str(n) for n in shape) or "no dimensions"


def aligned_zeros(shape: Sequence[int], dtype: str) -> np.ndarray:
    """A C-contiguous array of zeros whose memory begins at a multiple of 64 bytes."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(tuple(shape))

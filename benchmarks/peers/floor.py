"""The memory floor: reading only the source rows and columns that the answer depends on."""

from __future__ import annotations

import ctypes
from typing import List, Tuple

import numpy as np
from lab import native
from lab.timing import Contender


def segments(case) -> List[Tuple[int, int]]:
    """(offset, length) in bytes, in the order in which a resampler needs them. From the first to
    the last column: at every size here nearly each cache line between holds one that matters."""
    columns, rows = case.read()
    first, end = int(columns[0]), int(columns[-1]) + 1
    if case.format == "nv12":
        return _nv12_segments(case, rows, first // 2 * 2, (end + 1) // 2 * 2)
    if case.format == "yuyv":
        first, end = first // 2 * 2, (end + 1) // 2 * 2
    size = 2 if case.format == "yuyv" else 3
    return [((int(y) * case.width + first) * size, (end - first) * size) for y in rows]


def _nv12_segments(case, rows: np.ndarray, first: int, end: int) -> List[Tuple[int, int]]:
    found, chroma = [], -1
    for y in rows:
        found.append((int(y) * case.width + first, end - first))
        if y // 2 != chroma:
            chroma = int(y // 2)
            found.append(((case.height + chroma) * case.width + first, end - first))
    return found


def touched_bytes(case) -> int:
    return sum(length for _, length in segments(case))


def contenders(case, frames: np.ndarray) -> List[Contender]:
    """Plain and with the next row prefetched; the faster one is the floor."""
    return [_floor(case, frames, prefetch) for prefetch in (False, True)]


def _floor(case, frames: np.ndarray, prefetch: bool) -> Contender:
    read = native.load().read_segments
    offsets, lengths = (np.array(v, np.int64) for v in zip(*segments(case)))
    total = ctypes.c_uint64()
    begin, step = frames.ctypes.data, frames.strides[0]
    tables = (offsets.ctypes.data, lengths.ctypes.data, len(offsets), prefetch)

    def nanoseconds(index: int, _keep=(offsets, lengths, frames)) -> int:
        return int(read(begin + index * step, *tables, ctypes.byref(total)))

    nanoseconds(0)
    flat = frames[0].reshape(-1)
    words = [flat[o : o + n // 8 * 8].view(np.uint64).sum() for o, n in zip(offsets, lengths)]
    assert total.value == int(np.sum(words, dtype=np.uint64)), "the floor did not read its rows"
    return Contender("floor, prefetched" if prefetch else "floor, plain", nanoseconds)

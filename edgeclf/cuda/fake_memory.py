"""The memory of ``FakeCuda``: host memory with fences around it, and a memory for misuse."""

from __future__ import annotations

from collections import deque
from typing import Deque, Dict, List

import numpy as np

from edgeclf.errors import BackendError

__all__ = ["FakeBlocks"]

_ALIGNMENT = 256
_FENCE = 256
_FENCE_BYTE, _NEW_BYTE, _FREED_BYTE = 0xA5, 0xCD, 0xDB
_KEPT = 256  # freed blocks whose memory stays, so that a late access is an error and no crash


class _Block:
    def __init__(self, kind: str, nbytes: int):
        self.kind = kind  # "device", "host", or "mapped", which is both
        self.nbytes = nbytes
        whole = np.full(nbytes + 2 * _FENCE + _ALIGNMENT, _FENCE_BYTE, np.uint8)
        begin = _FENCE + -(whole.ctypes.data + _FENCE) % _ALIGNMENT
        self.before = whole[:begin]
        self.bytes = whole[begin : begin + nbytes]
        self.after = whole[begin + nbytes :]
        self.bytes[:] = _NEW_BYTE
        self.pointer = int(self.bytes.ctypes.data)

    def check_fences(self) -> None:
        if (self.before != _FENCE_BYTE).any() or (self.after != _FENCE_BYTE).any():
            raise BackendError(
                f"FakeCuda: something wrote beyond {self.nbytes} bytes of {self.kind} memory"
            )


class FakeBlocks:
    """What is allocated, and what lately was."""

    def __init__(self, capacity: int):
        self.capacity = capacity
        self._live: Dict[int, _Block] = {}
        self._freed: Deque[_Block] = deque(maxlen=_KEPT)

    @property
    def used(self) -> int:
        """Bytes of device memory."""
        return sum(b.nbytes for b in self._live.values() if b.kind == "device")

    def allocate(self, kind: str, nbytes: int) -> int:
        if isinstance(nbytes, bool) or not isinstance(nbytes, int) or nbytes < 1:
            raise BackendError(f"FakeCuda: expected a number of bytes above 0, got {nbytes!r}")
        free = self.capacity - self.used
        if kind == "device" and nbytes > free:
            raise BackendError(
                f"FakeCuda: {nbytes} bytes of device memory wanted, {free} of {self.capacity} "
                "bytes are free"
            )
        block = _Block(kind, nbytes)
        self._live[block.pointer] = block
        return block.pointer

    def free(self, pointer: int) -> None:
        block = self._live.pop(pointer)
        self._freed.append(block)
        block.check_fences()
        block.bytes[:] = _FREED_BYTE

    def view(self, pointer: int, nbytes: int, kind: str) -> np.ndarray:
        """The bytes there, when all of them are in one living block of that kind."""
        for block in list(self._live.values()):
            offset = pointer - block.pointer
            if 0 <= offset < block.nbytes:
                if block.kind not in (kind, "mapped"):
                    raise BackendError(
                        f"FakeCuda: expected a {kind} address, got one of {block.kind} memory"
                    )
                if offset + nbytes > block.nbytes:
                    raise BackendError(
                        f"FakeCuda: out of bounds: {nbytes} bytes from {offset} on, in "
                        f"{block.nbytes} bytes of {kind} memory"
                    )
                return block.bytes[offset : offset + nbytes]
        if any(0 <= pointer - block.pointer < block.nbytes for block in self._freed):
            raise BackendError(f"FakeCuda: {kind} memory used after it was freed")
        raise BackendError(
            f"FakeCuda: {pointer:#x} is no {kind} address of this device"
            + (". Copies need pinned memory (allocate_host)" if kind == "host" else "")
        )

    def check_fences(self) -> None:
        for block in list(self._live.values()):
            block.check_fences()

    def living(self) -> List[str]:
        return [block.kind for block in self._live.values()]

"""The streams and graphs of ``FakeCuda``: work waits in a queue until somebody waits for it."""

from __future__ import annotations

import threading
from typing import Callable, List, Optional

from edgeclf.errors import BackendError

__all__ = ["FakeQueue", "Work"]

Work = Callable[[], None]


class FakeQueue:
    """Work in order, none of which is done before `drain`. Guarded by the FakeCuda's lock."""

    def __init__(self, handle: int):
        self.handle = handle
        self.enqueued = 0
        self.done = 0
        self.closed = False
        self.invalidated: Optional[str] = None  # why the capture is spoilt
        self._waiting: List[Work] = []
        self._recorded: Optional[List[Work]] = None
        self._thread: Optional[int] = None  # which records

    @property
    def pending(self) -> int:
        return len(self._waiting)

    @property
    def capturing(self) -> bool:
        return self._recorded is not None

    def captured_here(self) -> bool:
        return self._thread == threading.get_ident()

    def add(self, work: Work) -> None:
        if self.closed:
            raise BackendError("FakeCuda: work enqueued on a stream that was closed")
        if self._recorded is None:
            self.enqueued += 1
            self._waiting.append(work)
            return
        if not self.captured_here():
            self.invalidated = "another thread enqueued work on the stream"
            raise BackendError(f"FakeCuda: while capturing, {self.invalidated}")
        self._recorded.append(work)

    def drain(self, mark: Optional[int] = None) -> None:
        """Do what waits, or the work up to number `mark`. What fails takes the rest with it."""
        end = self.enqueued if mark is None else mark
        while self.done < end and self._waiting:
            work = self._waiting.pop(0)
            self.done += 1
            try:
                work()
            except BaseException:
                self.done += len(self._waiting)
                self._waiting.clear()
                raise

    def begin_capture(self) -> None:
        if self.capturing:
            self.invalidated = "begin_capture was called twice"
            raise BackendError("FakeCuda: this stream is being captured already")
        self._recorded, self._thread, self.invalidated = [], threading.get_ident(), None

    def end_capture(self) -> List[Work]:
        recorded, reason = self._recorded, self.invalidated
        if recorded is None:
            raise BackendError("FakeCuda: end_capture without begin_capture")
        if not self.captured_here():
            raise BackendError("FakeCuda: end_capture on another thread than begin_capture")
        self._recorded = self._thread = self.invalidated = None
        if reason is not None:
            raise BackendError(f"FakeCuda: the capture is invalid: {reason}")
        return recorded

"""Requests shared among threads: as many as the backend allows, kept and handed out again."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from typing import Callable, DefaultDict, List, Optional, Tuple

from edgeclf.backends.base import Backend, InferRequest, Lifetime
from edgeclf.errors import BackendError

__all__ = ["RequestPool"]

_CLOSE_TIMEOUT_S = 30.0


class RequestPool:
    """Hands each thread a request of its own, and waits where the backend allows no more.

    Thread-safe. A request is taken with `take`, and given back with `give` whatever happened.
    """

    def __init__(self, backend: Backend, item_shape: Tuple[int, ...]):
        """`item_shape` is the input tensor's shape without the batch."""
        self._backend = backend
        self._item_shape = item_shape
        self._limit = math.inf if backend.max_requests is None else backend.max_requests
        self._idle: DefaultDict[int, List[InferRequest]] = defaultdict(list)
        self._busy = 0
        self._lifetime = Lifetime("this Classifier")
        self._lock = threading.Lock()
        self._condition = threading.Condition(self._lock)
        self._waiting = 0  # threads in `_condition`: without any, nobody needs to be told

    def take(self, batch: int = 1) -> InferRequest:
        """A request for `batch` frames, made when none is idle.

        Raises:
            BackendError: closed, or this process was forked after the classifier was made.
        """
        self._lifetime.check()  # before the lock: in a forked child it may be held for ever
        counted = 0
        try:
            with self._lock:  # not acquire() and try: Ctrl-C between them would leave it locked
                while self._busy >= self._limit and not self._lifetime.closed:
                    self._wait()
                if self._lifetime.closed:
                    self._lifetime.check()
                self._busy = counted = self._busy + 1
                idle = self._idle[batch]
                if idle:
                    return idle.pop()
                if self._limit == 1 or batch != 1:
                    self._forget_other_batches(batch)
            return self._backend.new_request(batch, self._item_shape)
        except BaseException:
            if counted:
                self._done()
            raise

    def give(self, request: InferRequest, batch: int = 1) -> None:
        """Take back a request of `take(batch)`."""
        with self._lock:
            self._busy -= 1
            if not self._lifetime.closed:
                self._idle[batch].append(request)
            if self._waiting:
                self._condition.notify_all()

    def close(self, first: Optional[Callable[[], None]] = None) -> None:
        """Refuse new requests, wait for those that run, then release the backend. Idempotent.

        `first` is called before the backend is released, when nothing runs any more.
        """
        if self._lifetime.forked:
            return  # the runtime belongs to the parent
        with self._lock:
            self._lifetime.closed = True
            self._condition.notify_all()
            end = time.monotonic() + _CLOSE_TIMEOUT_S
            while self._busy and time.monotonic() < end:
                self._wait(end - time.monotonic())
            if self._busy:
                raise BackendError(
                    f"{self._busy} predictions were still running after {_CLOSE_TIMEOUT_S:.0f} s; "
                    "the runtime was left open"
                )
            self._idle.clear()
        if first is not None:
            first()
        self._backend.close()

    def _wait(self, timeout_s: Optional[float] = None) -> None:
        self._waiting += 1
        try:
            self._condition.wait(timeout_s)
        finally:
            self._waiting -= 1

    def _done(self) -> None:
        with self._lock:
            self._busy -= 1
            if self._waiting:
                self._condition.notify_all()

    def _forget_other_batches(self, batch: int) -> None:
        # One interpreter has one input: a request of another size is void once it is resized.
        # Where requests are many, only single frames and the latest batch size keep their memory.
        kept = (batch,) if self._limit == 1 else (1, batch)
        for size in [size for size in self._idle if size not in kept]:
            del self._idle[size]

"""What TensorRT says: its failures come as None or False, and the reason as a message of its log.

A process has one logger for each of the vendor's modules: the first one given to a Runtime or a
Builder serves all later ones, whatever they are given. So edgeclf makes one and keeps it, and
hands each call the messages that came while it ran.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from typing import Any, Iterator, List

__all__ = ["Said", "VendorLog", "log_of"]

_LOG = logging.getLogger("edgeclf")
_LEVELS = {
    # What is an error for TensorRT is raised by edgeclf, with these words in it.
    "INTERNAL_ERROR": logging.DEBUG,
    "ERROR": logging.DEBUG,
    "WARNING": logging.WARNING,
    "INFO": logging.DEBUG,
}
_KEPT = ("INTERNAL_ERROR", "ERROR", "WARNING")
_MOST = 100  # messages kept of one call


class Said(List[str]):
    """The errors and warnings of one call, as they came; `errors` of them were errors."""

    def __init__(self) -> None:
        super().__init__()
        self.errors = 0


class VendorLog:
    """One vendor module's log. Thread-safe.

    Attributes:
        logger: to be given to the module's ``Runtime`` and ``Builder``.
    """

    def __init__(self, module: Any):
        self.logger = _logger(module, self._receive)
        # Reentrant: the garbage collector may end a context, which logs, from within any line.
        self._lock = threading.RLock()
        self._collectors: List[_Collector] = []

    @contextlib.contextmanager
    def collecting(self) -> Iterator[Said]:
        """The errors and warnings that are logged inside the block, as a list that fills up.

        Another thread's messages are its own while it collects; what a thread of the vendor's logs
        goes to all.
        """
        collector = _Collector()
        with self._lock:
            self._collectors.append(collector)
        try:
            yield collector.messages
        finally:
            with self._lock:
                self._collectors.remove(collector)

    def _receive(self, severity: str, message: str) -> None:
        _LOG.log(_LEVELS.get(severity, logging.NOTSET), "TensorRT: %s", message)
        if severity not in _KEPT:
            return
        here = threading.get_ident()
        with self._lock:
            own = [c for c in self._collectors if c.thread == here]
            for collector in own or self._collectors:
                collector.messages.errors += severity != "WARNING"
                if len(collector.messages) < _MOST:
                    collector.messages.append(message)


class _Collector:
    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.messages = Said()


_LOGS: weakref.WeakKeyDictionary[Any, VendorLog] = weakref.WeakKeyDictionary()
_LOGS_LOCK = threading.Lock()


def log_of(module: Any) -> VendorLog:
    """The log of `module`, the same one for the whole process."""
    with _LOGS_LOCK:
        if module not in _LOGS:
            _LOGS[module] = VendorLog(module)
        return _LOGS[module]


def _logger(module: Any, receive: Any) -> Any:
    class Logger(module.ILogger):  # type: ignore[misc]  # the vendor's class is found at run time
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            # An exception here would end the process: the vendor's caller cannot take one.
            with contextlib.suppress(Exception):
                receive(severity.name, msg)

    return Logger()

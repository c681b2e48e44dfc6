"""What TensorRT says: its failures come as None or False, and the reason as a message of its log.

A process has one logger for each of the vendor's modules: the first one given to a Runtime or a
Builder serves all later ones, whatever they are given. So edgeclf makes one and keeps it, and
hands each call the messages that came while it ran.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import Any, Dict, List

from edgeclf.cuda.resources import never_destroy

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
    """The errors and warnings of one call, as they came.

    `errors` counts the errors of the calling thread alone: those of another may be of another call.
    """

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
        self._collectors: List[_Collector] = []

    def collecting(self) -> _Collector:
        """``with log.collecting() as said``: the errors and warnings that are logged inside.

        Another thread's messages are its own while it collects; what a thread of the vendor's logs
        goes to all.
        """
        return _Collector(self._collectors)

    def _receive(self, severity: str, message: str) -> None:
        if severity in _LEVELS:  # what is left out is VERBOSE
            _LOG.log(_LEVELS[severity], "TensorRT: %s", message)
        if severity not in _KEPT:
            return
        here = threading.get_ident()
        collectors = list(self._collectors)
        for collector in [c for c in collectors if c.thread == here] or collectors:
            collector.said.errors += severity != "WARNING" and collector.thread == here
            if len(collector.said) < _MOST:
                collector.said.append(message)


class _Collector:
    """No lock: the garbage collector may end a context, which logs, from within any line."""

    __slots__ = ("_all", "said", "thread")

    def __init__(self, collectors: List[_Collector]):
        self._all = collectors
        self.thread = threading.get_ident()
        self.said = Said()

    def __enter__(self) -> Said:
        self._all.append(self)
        return self.said

    def __exit__(self, *exc_info: object) -> None:
        self._all.remove(self)


_LOGS: Dict[Any, VendorLog] = {}
_LOGS_LOCK = threading.Lock()


def log_of(module: Any) -> VendorLog:
    """The log of `module`, the same one for the whole process.

    The vendor's library keeps the logger's address, and may log when the interpreter has ended.
    """
    with _LOGS_LOCK:
        if module not in _LOGS:
            _LOGS[module] = VendorLog(module)
            never_destroy(_LOGS[module].logger)
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

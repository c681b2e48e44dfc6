"""A request and the pool's lock survive an interruption (Ctrl-C) wherever it strikes."""

from __future__ import annotations

import contextlib
import sys

import pytest
from test_classifier import fake, fake_classifier, plain_frame

from edgeclf.request_pool import RequestPool


class Interruption(BaseException):
    """What a signal handler raises."""


@contextlib.contextmanager
def interrupted(function, when):
    """Raise Interruption before the first line of `function` at which `when()` is true."""
    code, before = function.__code__, sys.gettrace()
    struck = []

    def trace(frame, event, argument):
        if frame.f_code is not code:
            return None
        if event == "line" and not struck and when():
            struck.append(frame.f_lineno)
            raise Interruption
        return trace

    sys.settrace(trace)
    try:
        with pytest.raises(Interruption):
            yield
    finally:
        sys.settrace(before)
    assert struck


@pytest.mark.parametrize("name", ["take", "give"])
def test_the_lock_is_released(name):
    pool = RequestPool(fake(), (3, 8, 8))
    request = pool.take()
    call = {"take": pool.take, "give": lambda: pool.give(request)}[name]
    with interrupted(getattr(RequestPool, name), pool._lock.locked):
        call()
    assert not pool._lock.locked()


def test_a_request_is_not_counted_where_it_was_not_handed_out():
    pool = RequestPool(fake(max_requests=1), (3, 8, 8))
    with interrupted(RequestPool.take, lambda: pool._busy == 1):
        pool.take()
    assert pool._busy == 0


@pytest.mark.parametrize("batch", [1, 3])
def test_a_request_that_was_taken_is_given_back(batch):
    made = fake_classifier(fake(max_requests=1, batch=batch))
    made.predict(plain_frame())
    function = type(made).predict if batch == 1 else type(made)._run
    with interrupted(function, lambda: made._pool._busy == 1):
        made.predict(plain_frame())
    assert made._pool._busy == 0
    assert made.predict(plain_frame(red=7)).scores[0] == 7
    made.close()

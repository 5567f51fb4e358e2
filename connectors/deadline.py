"""Until when an order may leave this process: later, others take it for lost and act on that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from connectors.venue import NotSent

_deadline: ContextVar[float | None] = ContextVar("send_deadline", default=None)


@contextmanager
def not_after(deadline: float) -> Iterator[None]:
    """Let no call to a venue leave from within after ``deadline``, in seconds of ``time.monotonic``."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def check_deadline() -> None:
    """Raise NotSent where the deadline has passed. Call it as the last thing before bytes leave.

    A process that was stopped for longer than its lease finds here that its order was given up meanwhile.
    """
    deadline = _deadline.get()
    if deadline is not None and time.monotonic() > deadline:
        raise NotSent("the time in which this order could be sent has passed; it was held up on this machine")

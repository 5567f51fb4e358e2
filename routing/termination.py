"""Being told to end: SIGTERM from the platform, SIGINT from a terminal."""

from __future__ import annotations

import signal
import threading

# How long a signal may go unnoticed at most, in seconds.
LOOK_SECONDS = 0.25


def told_to_stop() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set. To be called in the main thread."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def wait_until(stopping: threading.Event) -> None:
    """Return once the event is set, in the main thread.

    The system may hand a signal to any thread, and does so where one is just being started. Python lets the main thread
    deal with it, but nothing wakes that one then: it has to look.
    """
    while not stopping.wait(LOOK_SECONDS):
        pass

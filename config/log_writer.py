"""Log lines are written by a thread of their own, all that have gathered in one go.

A line written at once costs whoever logs a call of the system and his turn at the interpreter: a fifth of a busy
worker's time went into lines of refused entries.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TextIO

GATHER_SECONDS = 0.02
# A reader that is this much behind is waited for.
MOST_WAITING = 5000


class GatheringWriter(logging.Handler):
    """Writes lines to ``stream``, at the latest 20 ms after the first; an error and what came before it at once.

    A process that is killed takes the lines of its last 20 ms with it; one that ends by itself writes them. Lines keep
    their order. A stream that nobody reads any more ends nothing.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; called with the handler's lock held."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as in every handler of the library
            self.handleError(record)
            return
        if record.levelno >= logging.ERROR or len(self._lines) >= MOST_WAITING:
            self.flush()
        elif not self._filled.is_set():
            self._filled.set()
            self._start()

    def flush(self) -> None:
        """Write what has gathered, in the caller's thread; the library calls this when the process ends."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                with suppress(OSError, ValueError):
                    self._stream.write("\n".join(lines) + "\n")
                    self._stream.flush()

    def _begin(self) -> None:
        """Begin without lines or thread: a forked process has neither, and its parent writes its own."""
        self._lines: deque[str] = deque()
        self._writing = threading.Lock()
        self._filled = threading.Event()
        self._thread: threading.Thread | None = None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._filled.wait()
            time.sleep(GATHER_SECONDS)
            # Cleared before the lines are taken: who comes in between sets it again.
            self._filled.clear()
            self.flush()

"""One piece of work at a time in a thread beside the caller's."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Behind:
    """Runs a call in a thread of its own while its owner goes on. Use from one thread.

    The thread is a daemon: what hangs in it never keeps a process from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def start(self, call: Callable[[], None]) -> None:
        """Run a call; one that runs already is waited for. Raises what that one raised; ``call`` is not run then."""
        self.settle()
        self._thread = threading.Thread(target=self._run, args=(call,), name=self._name, daemon=True)
        self._thread.start()

    def settle(self) -> None:
        """Wait for the call that runs, if one does. Raises what it raised, once."""
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - handed to the owner, who waits for it
            self._error = error

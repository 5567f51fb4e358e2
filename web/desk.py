"""Where short requests are answered: few threads, each with all that has gathered in one go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from domain.turns import Turns

T = TypeVar("T")
# One works while the other waits for the database. More of them would wait for each other's turn with the interpreter.
THREADS = 2
MOST_AT_ONCE = 32


class Desk(Generic[T]):
    """Answers what is brought to it, in threads of its own.

    ``answer`` answers one and returns whether it goes on. ``done`` gets all that a thread had taken together, each with
    that word.
    """

    def __init__(self, answer: Callable[[T], bool], done: Callable[[Sequence[tuple[T, bool]]], None]) -> None:
        self._answer = answer
        self._done = done
        self._brought: SimpleQueue[T] = SimpleQueue()

    def start(self) -> None:
        """Start the threads; they end with the process."""
        for number in range(THREADS):
            threading.Thread(target=self._run, name=f"desk-{number}", daemon=True).start()

    def bring(self, one: T) -> None:
        """Take one more, and return at once."""
        self._brought.put(one)

    def _run(self) -> None:
        turns = Turns()
        while True:
            taken = [self._brought.get()]
            while len(taken) < MOST_AT_ONCE:
                try:
                    taken.append(self._brought.get_nowait())
                except Empty:
                    break
            answered: list[tuple[T, bool]] = []
            turns.run([partial(self._answer_one, one, answered) for one in taken])
            self._done(answered)

    def _answer_one(self, one: T, answered: list[tuple[T, bool]]) -> None:
        goes_on = False
        try:
            goes_on = self._answer(one)
        except Exception:
            # Its neighbours are answered all the same.
            logging.getLogger(__name__).exception("A request ended its call", extra={"event": "request_failed"})
        answered.append((one, goes_on))

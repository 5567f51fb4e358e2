"""Calls that take turns in one thread: each runs until it has to wait, and what several wait for is done once for all.

A thread for each of many short calls costs more than the calls: threads wait for the interpreter, and each wait is
paid by all. Nothing is patched; only who waits by ``together`` or ``TurnLock`` lets others go on. The switching is
greenlet's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")
Finish = Callable[[Sequence[T]], None]


class _Call(greenlet):
    """One of the calls, and the turns that it belongs to."""

    def __init__(self, turns: Turns, call: Callable[[], None]) -> None:
        super().__init__(call)
        self.turns = turns


class Turns:
    """Runs calls side by side in the thread that asks for it."""

    def __init__(self) -> None:
        self._waiting: dict[Finish[Any], list[tuple[_Call, Any]]] = {}
        self._paused: list[_Call] = []

    def run(self, calls: Iterable[Callable[[], None]]) -> None:
        """Return when all calls have ended. A call has to deal with its own errors: one that raises ends the others."""
        for call in calls:
            _Call(self, call).switch()
        while self._waiting or self._paused:
            waiting, self._waiting = self._waiting, {}
            for finish, waiters in waiting.items():
                finish([item for _, item in waiters])
                for waiter, _ in waiters:
                    waiter.switch()
            paused, self._paused = self._paused, []
            for waiter in paused:
                waiter.switch()

    def wait_for(self, call: _Call, finish: Finish[T], item: T) -> None:
        """Let the others go on until ``finish`` has been called."""
        self._waiting.setdefault(finish, []).append((call, item))
        self._hand_on(call)

    def pause(self, call: _Call) -> bool:
        """Let the others go on; return whether nothing that is still to be finished would wait for this thread."""
        self._paused.append(call)
        self._hand_on(call)
        return not self._waiting

    @staticmethod
    def _hand_on(call: _Call) -> None:
        assert call.parent is not None  # noqa: S101 - a call runs below the greenlet that began it
        call.parent.switch()


def together(finish: Finish[T], item: T) -> None:
    """Return once ``finish`` was called with this item, and with those of the calls that take turns with this one.

    Outside of turns it is called at once. What it raises ends all of them: it has to put errors into the items.
    """
    call = getcurrent()
    if isinstance(call, _Call):
        call.turns.wait_for(call, finish, item)
    else:
        finish([item])


class TurnLock:
    """A lock, as a ``with``, that may be held while a call waits in turns.

    Who finds it taken lets the others go on, one of whom may hold it, and blocks the thread only when none of them
    waits for what this thread still has to finish: two threads never wait for each other. A call holds one at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        call = getcurrent()
        may_block = not isinstance(call, _Call)
        while not self._lock.acquire(blocking=may_block):
            may_block = not isinstance(call, _Call) or call.turns.pause(call)

    def __exit__(self, *_: object) -> None:
        self._lock.release()

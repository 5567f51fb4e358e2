"""Calls that take turns in one thread: each runs until it has to wait, and what several wait for is done once for all.

A thread for each of many short calls costs more than the calls: threads wait for the interpreter, and each wait is
paid by all. Nothing is patched; only who waits by ``together`` or ``TurnLock`` lets others go on. The switching is
greenlet's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")
Finish = Callable[[Sequence[T]], None]


class _Caller(greenlet):
    """Makes one call after the other, and knows the turns that it belongs to."""

    def __init__(self, turns: Turns) -> None:
        super().__init__(self._serve)
        self.turns = turns

    def _serve(self, call: Callable[[], None]) -> None:
        while True:
            # What a call leaves in context variables is not there for the next one.
            Context().run(call)
            call = self.turns.ended(self)


class Turns:
    """Runs calls side by side in the thread that asks for it; for one thread alone, again and again.

    Callers are kept for the next calls: a new one costs two calls of the system for its stack.
    """

    def __init__(self) -> None:
        self._idle: list[_Caller] = []
        self._waiting: dict[Finish[Any], list[tuple[_Caller, Any]]] = {}
        self._paused: list[_Caller] = []

    def run(self, calls: Iterable[Callable[[], None]]) -> None:
        """Return when all calls have ended. A call has to deal with its own errors."""
        for call in calls:
            caller = self._idle.pop() if self._idle else _Caller(self)
            caller.parent = getcurrent()
            caller.switch(call)
        while self._waiting or self._paused:
            waiting, self._waiting = self._waiting, {}
            for finish, waiters in waiting.items():
                finish([item for _, item in waiters])
                for waiter, _ in waiters:
                    waiter.switch()
            paused, self._paused = self._paused, []
            for waiter in paused:
                waiter.switch()

    def ended(self, caller: _Caller) -> Callable[[], None]:
        """Return the next call of a caller, once there is one."""
        self._idle.append(caller)
        return self._hand_on(caller)  # type: ignore[no-any-return]

    def wait_for(self, caller: _Caller, finish: Finish[T], item: T) -> None:
        """Let the others go on until ``finish`` has been called."""
        self._waiting.setdefault(finish, []).append((caller, item))
        self._hand_on(caller)

    def pause(self, caller: _Caller) -> bool:
        """Let the others go on; return whether nothing that is still to be finished would wait for this thread."""
        self._paused.append(caller)
        self._hand_on(caller)
        return not self._waiting

    @staticmethod
    def _hand_on(caller: _Caller) -> Any:
        assert caller.parent is not None  # noqa: S101 - a caller runs below the greenlet that gave it its call
        return caller.parent.switch()


def together(finish: Finish[T], item: T) -> None:
    """Return once ``finish`` was called with this item, and with those of the calls that take turns with this one.

    Outside of turns it is called at once. What it raises ends all of them: it has to put errors into the items.
    """
    call = getcurrent()
    if isinstance(call, _Caller):
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
        may_block = not isinstance(call, _Caller)
        while not self._lock.acquire(blocking=may_block):
            may_block = not isinstance(call, _Caller) or call.turns.pause(call)

    def __exit__(self, *_: object) -> None:
        self._lock.release()

"""Group commit: writes that arrive while one is under way go together in the next. No thread, no waiting when idle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from database.connection import StatementRefused
from domain.turns import together

V = TypeVar("V")
R = TypeVar("R")


class _Ticket(Generic[V, R]):
    """One caller's write: its value, and what became of it."""

    __slots__ = ("answer", "error", "key", "value")

    def __init__(self, key: Hashable, value: V) -> None:
        self.key = key
        self.value = value
        self.answer: R | None = None
        self.error: Exception | None = None


class _Bundle(Generic[V, R]):
    """What one thread brings, and its wait for whoever writes it."""

    __slots__ = ("done", "leads", "tickets")

    def __init__(self, tickets: Sequence[_Ticket[V, R]]) -> None:
        self.tickets = tickets
        self.leads = False
        self.done = threading.Lock()
        self.done.acquire()


class GroupCommit(Generic[V, R]):
    """Joins the writes of many callers into few transactions.

    The first thread writes at once, for all its calls that take turns (``domain.turns``). Those who come meanwhile
    wait, and the first of them then writes for all. ``write`` gets values by key, each key once, and returns answers by
    key; a key without an answer gets None. When ``write`` refuses several values together, each is written alone, so
    that one bad value fails only its own caller. Any other error reaches everyone who was part of the write.
    """

    def __init__(self, write: Callable[[dict[Hashable, V]], dict[Hashable, R]], *, most: int = 50) -> None:
        self._write = write
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Bundle[V, R]] = []
        self._busy = False

    def submit(self, key: Hashable, value: V) -> R | None:
        """Write a value and return its answer. Raises what ``write`` raised for it."""
        ticket: _Ticket[V, R] = _Ticket(key, value)
        together(self._submit, ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer

    def _submit(self, tickets: Sequence[_Ticket[V, R]]) -> None:
        bundle = _Bundle(tickets)
        with self._lock:
            bundle.leads = not self._busy
            if bundle.leads:
                self._busy = True
            else:
                self._waiting.append(bundle)
        if not bundle.leads:
            bundle.done.acquire()
        if bundle.leads:
            self._lead(bundle)

    def _lead(self, first: _Bundle[V, R]) -> None:
        bundles = [first]
        with self._lock:
            count = len(first.tickets)
            while self._waiting and count + len(self._waiting[0].tickets) <= self._most:
                count += len(self._waiting[0].tickets)
                bundles.append(self._waiting.pop(0))
        try:
            self._settle([ticket for bundle in bundles for ticket in bundle.tickets])
        finally:
            with self._lock:
                heir = self._waiting.pop(0) if self._waiting else None
                self._busy = heir is not None
            if heir is not None:
                heir.leads = True
                heir.done.release()
            for bundle in bundles[1:]:
                bundle.done.release()

    def _settle(self, batch: list[_Ticket[V, R]]) -> None:
        firsts: dict[Hashable, _Ticket[V, R]] = {}
        for ticket in batch:
            firsts.setdefault(ticket.key, ticket)
        try:
            answers = self._write({key: ticket.value for key, ticket in firsts.items()})
        except StatementRefused as error:
            if len(firsts) == 1:
                for ticket in batch:
                    ticket.error = error
            else:
                for key in firsts:
                    self._settle([ticket for ticket in batch if ticket.key == key])
        except Exception as error:  # noqa: BLE001 - handed to every caller whose write this was
            for ticket in batch:
                ticket.error = error
        else:
            for key, ticket in firsts.items():
                ticket.answer = answers.get(key)

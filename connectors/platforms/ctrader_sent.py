"""What this process has sent to cTrader lately. It only ever lessens a doubt: nothing is decided by what is missing."""

from __future__ import annotations

import threading
from typing import TypeVar

KEPT = 10_000
Key = TypeVar("Key")
Value = TypeVar("Value")


class Sent:
    """Entries and exits by client order id, and which closing order belongs to which exit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, None] = {}
        self._exits: dict[str, tuple[str, ...]] = {}
        self._closings: dict[int, str] = {}

    def entry(self, tag: str) -> None:
        """Remember an entry."""
        self._keep(self._entries, tag, None)

    def exit(self, tag: str, entries: tuple[str, ...]) -> None:
        """Remember an exit with the entries whose positions it closes."""
        self._keep(self._exits, tag, entries)

    def closing(self, order_id: int, tag: str) -> None:
        """Remember which exit a closing order belongs to."""
        self._keep(self._closings, order_id, tag)

    def is_entry(self, tag: str) -> bool:
        """Return whether it was sent as an entry."""
        return tag in self._entries

    def entries_of(self, tag: str) -> tuple[str, ...]:
        """Return the entries that an exit closes, none where it is not known."""
        return self._exits.get(tag, ())

    def exit_of(self, order_id: int) -> str | None:
        """Return the exit that a closing order belongs to, None where it is not known."""
        return self._closings.get(order_id)

    def _keep(self, kept: dict[Key, Value], key: Key, value: Value) -> None:
        with self._lock:
            kept[key] = value
            if len(kept) > KEPT:
                del kept[next(iter(kept))]

"""One reading for the many who look at the same page: made at most as often as a processor can bear."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

# Of a processor's time at most a fifth goes into one page, however many look at it and however often it changes.
REST_FOR_EACH_SECOND = 4.0
LONGEST_REST_SECONDS = 1.0
# Ages and countdowns change without any event.
OLDEST_SECONDS = 1.0
MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """A page's live parts as they were read: after change ``number``, begun and ended by the monotonic clock."""

    body: str
    number: int
    began: float
    ended: float

    def is_fresh(self, at_least: int, now: float) -> bool:
        """Return whether it has change ``at_least`` in it and is not old."""
        return self.number >= at_least and now - self.ended < OLDEST_SECONDS

    def rests(self, now: float) -> bool:
        """Return whether it is too early to make another."""
        return now - self.ended < min((self.ended - self.began) * REST_FOR_EACH_SECOND, LONGEST_REST_SECONDS)


@dataclass(slots=True)
class _Page:
    making: threading.Lock = field(default_factory=threading.Lock)
    reading: Reading | None = None


class Readings:
    """Keeps the newest reading of each page. ``number`` gives the newest change; safe to call from many threads."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._lock = threading.Lock()
        self._pages: dict[Hashable, _Page] = {}

    def get(self, key: Hashable, at_least: int | None, make: Callable[[], str]) -> Reading:
        """Return a reading of the page, of another's making where that will do.

        It may be older than change ``at_least`` where one was made just now or is being made: it says its number, and
        the caller asks again. So nobody waits for another's reading. ``at_least`` None: whoever asks counts by another
        process's numbers; what he is given was begun after he asked. ``make`` may raise.
        """
        page, asked = self._page(key), time.monotonic()
        known = page.reading
        if known is not None and at_least is not None and (known.is_fresh(at_least, asked) or known.rests(asked)):
            return known
        if not page.making.acquire(blocking=known is None or at_least is None):
            assert known is not None  # noqa: S101 - else it would have waited
            return known
        try:
            newest = page.reading
            if newest is not None and newest.began >= asked:
                return newest
            number, began = self._number(), time.monotonic()
            page.reading = Reading(body=make(), number=number, began=began, ended=time.monotonic())
            return page.reading
        finally:
            page.making.release()

    def _page(self, key: Hashable) -> _Page:
        with self._lock:
            page = self._pages.pop(key, None) or _Page()
            # The newest asked for is the last one; the first was asked for longest ago.
            self._pages[key] = page
            if len(self._pages) > MOST_PAGES:
                del self._pages[next(iter(self._pages))]
            return page

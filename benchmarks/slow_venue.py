"""``python -m benchmarks.slow_venue``: a broker in a process of its own that takes its time for every order."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

from tests.brokers.book import Order, OrderBook
from tests.brokers.plain import PlainBroker
from tests.brokers.server import Answer, Call
from tests.processes import REPOSITORY

ARRIVALS, HANG = "/arrivals", "/hang"


class QuickBook(OrderBook):
    """A book that looks at the orders of one account only, so that an order costs the same however many came before."""

    def __init__(self, *accounts: str) -> None:
        super().__init__(*accounts, unique_tags=True)
        self._sorted = 0
        self._of: dict[str, list[Order]] = {account: [] for account in accounts}

    def of(self, account: str) -> list[Order]:
        with self.lock:
            for order in self.orders[self._sorted :]:
                self._of[order.account].append(order)
            self._sorted = len(self.orders)
            return self._of[account]


class SlowVenue(PlainBroker):
    """Answers an order ``seconds`` after it has taken it, everything else at once; may be told to hang for an account.

    Calls of an account that hangs are neither acted on nor answered before its time is over; then they are refused. It
    keeps no list of the calls.
    """

    def __init__(self, book: OrderBook, *, seconds: float) -> None:
        super().__init__(book)
        self._seconds = seconds
        self._hanging: dict[str, float] = {}
        self._over = threading.Event()

    def answer(self, call: Call) -> Answer:
        self.calls.clear()
        if call.path == ARRIVALS:
            return 200, {account: len(self.book.entries(account)) for account in self.book.accounts}
        if call.path == HANG:
            self._hanging[call.query["account"]] = time.monotonic() + float(call.query["seconds"])
            return 200, {}
        hangs = self._hanging.get(call.path.split("/")[3], 0.0) - time.monotonic()
        if hangs > 0:
            self._over.wait(hangs)
            return 503, {"ok": False}
        answer = super().answer(call)
        if call.method == "POST":
            self._over.wait(self._seconds)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """A running venue, as those who measure see it. ``accounts``: its accounts' names."""

    url: str
    accounts: Sequence[str]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def entries(self) -> dict[str, int]:
        """Return how many entries each account's book has."""
        return dict(self._ask(ARRIVALS))

    def hang(self, account: str, seconds: float) -> None:
        """Let every call of an account hang from now on, for so many seconds."""
        self._ask(f"{HANG}?account={account}&seconds={seconds}")

    def _ask(self, path: str) -> Any:
        with urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def slow_venue(accounts: int, seconds: float) -> Iterator[Venue]:
    """Run a venue with so many accounts that takes so many seconds for an order."""
    command = [sys.executable, "-m", "benchmarks.slow_venue", str(accounts), str(seconds)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Venue(url=process.stdout.readline().strip(), accounts=_names(accounts))
        finally:
            process.terminate()


def _names(accounts: int) -> list[str]:
    return [f"ACC{number}" for number in range(accounts)]


def main() -> None:
    """Serve until told to stop; print the address first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("accounts", type=int)
    parser.add_argument("seconds", type=float)
    given = parser.parse_args()
    # A thread that waits for its turn does so at once: a call takes a fraction of the usual five milliseconds.
    sys.setswitchinterval(0.001)
    with SlowVenue(QuickBook(*_names(given.accounts)), seconds=given.seconds) as venue:
        print(venue.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

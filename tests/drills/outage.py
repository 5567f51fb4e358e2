"""An outage of the database while signals come in: what every one of them has to show."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.drills.burst import SENDER_SECONDS, Burst, nothing_lost_or_doubled, until_decided
from tests.drills.conftest import Recovered
from tests.drills.server import Record
from tests.processes import Web, get


@dataclass(frozen=True)
class Outage:
    """``begin`` takes the database away, ``end`` gives it back after ``seconds``."""

    name: str
    begin: Callable[[], None]
    end: Callable[[], None]
    seconds: float


def live_through(
    outages: list[Outage],
    *,
    web: Web,
    worker: subprocess.Popen[Any],
    burst: Burst,
    record: Record,
    recovered: Recovered,
) -> None:
    """Go through outages one after the other; then every signal was answered in time, and none is lost or doubled."""
    for outage in outages:
        burst.until_accepted_after(time.monotonic())
        outage.begin()
        time.sleep(outage.seconds)
        assert get(f"{web.url}/healthz")[0] == 200, "the process lives"
        outage.end()
        back = time.monotonic()
        recovered(f"{outage.name}, webhook accepts", burst.until_accepted_after(back))
        until_decided(record, burst.accepted()[-1:])
        recovered(f"{outage.name}, worker decides", time.monotonic() - back)
    burst.stop()
    assert burst.statuses() == {200, 503}
    assert burst.slowest() < SENDER_SECONDS
    until_decided(record, burst.accepted())
    nothing_lost_or_doubled(record, burst.accepted())
    assert (web.process.poll(), worker.poll()) == (None, None)

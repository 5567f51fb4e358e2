"""A login's limit of calls: what passes, what waits, what is given back, and at what price."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from connectors.http_calls import RateLimit
from connectors.venue import NotSent


def test_so_many_calls_pass_at_once_and_the_next_when_the_first_is_long_enough_ago() -> None:
    limit = RateLimit("3 per 1 second")
    began = time.monotonic()
    limit.wait()
    time.sleep(0.3)
    limit.wait()
    limit.wait()
    assert time.monotonic() - began < 0.6
    # Who is given back has not been counted.
    assert not any(_passes(limit) for _ in range(5))
    limit.wait()
    # The window moves: it opened with the first call, and the other two are in it still.
    assert 1.0 <= time.monotonic() - began < 1.25
    limit.wait()
    assert 1.3 <= time.monotonic() - began < 1.6


def test_who_would_wait_too_long_is_given_back_and_told_for_how_long() -> None:
    limit = RateLimit("1 per 60 second")
    limit.wait()
    with pytest.raises(NotSent, match="rate limit leaves no room") as given_back:
        limit.wait()
    assert given_back.value.retry_after == pytest.approx(60, abs=1)
    limit.close_for(100)
    with pytest.raises(NotSent) as given_back:
        limit.wait()
    assert given_back.value.retry_after == pytest.approx(100, abs=1)


def test_threads_share_it_exactly_and_none_is_started_for_it() -> None:
    limit = RateLimit("40 per 60 second")
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: _passes(limit), range(100))) == 40
    before = threading.active_count()
    many = RateLimit("100 per 60 second")
    for _ in range(100):
        many.wait()
        assert threading.active_count() == before


@pytest.mark.parametrize("text", ["0 per 1 second", "often"])
def test_a_text_that_lets_nothing_pass_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"lets no call pass|couldn't parse"):
        RateLimit(text)


def _passes(limit: RateLimit) -> bool:
    try:
        limit.wait(0.0)
    except NotSent:
        return False
    return True

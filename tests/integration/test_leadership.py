"""One leader among all processes on a database: taken, lost with its connection, handed over."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from database.connection import DatabaseUnavailable
from database.leadership import ACCOUNT_CLOCK_LOCK, Leadership
from database.statements import statements
from tests.conftest import Sql
from tests.processes import wait_until

LOGGER = logging.getLogger("leadership")
HOLDERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s"


@pytest.fixture
def two(database_url: str) -> Iterator[tuple[Leadership, Leadership]]:
    both = Leadership(database_url, logger=LOGGER, idle=1.0), Leadership(database_url, logger=LOGGER, idle=1.0)
    yield both
    for one in both:
        one.resign()


def test_one_leads_for_as_long_as_it_does_not_resign(two: tuple[Leadership, Leadership]) -> None:
    one, other = two
    assert [one.is_leader(), other.is_leader(), one.is_leader(), other.is_leader()] == [True, False, True, False]
    one.resign()
    assert [other.is_leader(), one.is_leader()] == [True, False]


def test_locks_of_another_kind_do_not_meet(database_url: str, two: tuple[Leadership, Leadership], sql: Sql) -> None:
    assert str(ACCOUNT_CLOCK_LOCK) not in statements()["lock_schema"]
    third = Leadership(database_url, logger=LOGGER, lock=ACCOUNT_CLOCK_LOCK + 1)
    assert two[0].is_leader()
    assert third.is_leader()
    third.resign()


def test_leadership_ends_with_its_connection(
    two: tuple[Leadership, Leadership], sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = two
    with caplog.at_level(logging.INFO):
        assert one.is_leader()
        assert not other.is_leader()
        (holder,) = sql(HOLDERS, ACCOUNT_CLOCK_LOCK & 0xFFFFFFFF)
        sql("SELECT pg_terminate_backend(%s, 5000)", holder["pid"])

        assert other.is_leader()
        assert not one.is_leader()

    events = [record.__dict__["event"] for record in caplog.records]
    assert events == ["leadership_gained", "leadership_gained", "leadership_lost"]


def test_a_leader_that_no_longer_asks_is_one_no_more(two: tuple[Leadership, Leadership]) -> None:
    """As when its process is stopped or its machine is gone: the server ends an idle session."""
    one, other = two
    assert one.is_leader()
    assert not other.is_leader()
    began = time.monotonic()
    wait_until(other.is_leader, what="the follower to lead", seconds=5.0)
    assert 0.5 < time.monotonic() - began < 3.0
    assert not one.is_leader()


def test_whoever_asks_in_vain_says_so() -> None:
    nowhere = Leadership("postgresql://nobody@127.0.0.1:1/none", logger=LOGGER)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            nowhere.is_leader()

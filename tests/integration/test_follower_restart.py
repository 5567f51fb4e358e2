"""A process that starts looks at once at what was accepted long before it: the one that sent it may be gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from database.connection import Database
from database.tracked_accounts import utc_now
from domain.order_state import OrderState
from routing.follower import Follower
from routing.retry import RetryPolicy
from routing.sender import Sender
from tests.conftest import Sql
from tests.orders import APEX_1, Bench, entry_leg


@pytest.mark.parametrize(("age", "looks"), [(0.0, 0), (10.0, 1)])
def test_an_order_accepted_before_the_start_is_looked_at_by_its_age(
    database: Database, sql: Sql, age: float, looks: int
) -> None:
    bench = Bench(database, sql)
    (order_id,) = bench.plan("T1", entry_leg())
    bench.claim()
    bench.become(order_id, OrderState.ACCEPTED, venue_order_id="V1")
    looked: list[Callable[[], None]] = []
    logger = logging.getLogger("test")
    follower = Follower(
        bench.ledger,
        {},
        Sender(retry=RetryPolicy(max_attempts=3, base=1.0), clock=utc_now, actor="test", logger=logger),
        submit=looked.append,
        changed=lambda: None,
        clock=lambda: utc_now() + timedelta(seconds=age),
        logger=logger,
    )
    for _ in range(2):
        follower.round(leads=True, serves=[APEX_1])
    assert len(looked) == looks

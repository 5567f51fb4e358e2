"""Answers are written whoever gives them, each once, and nobody who gives one waits for another's."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

import psycopg2
import pytest

from database.connection import Database
from database.orders import Change, NextEntries
from domain.account import AccountKey
from domain.ledger import LedgerOrder
from domain.order_state import OrderState
from routing.answer_book import AnswerBook
from tests.conftest import Sql
from tests.orders import APEX_1, APEX_2, FTMO_1, Bench, entry_leg
from tests.processes import wait_until

ACCOUNTS = (APEX_1, APEX_2, FTMO_1)


class Told:
    """A book whose word on everything is kept."""

    def __init__(self, bench: Bench) -> None:
        self.done: list[tuple[int, OrderState | None, bool]] = []
        self.claimed: list[LedgerOrder] = []
        self.book = AnswerBook(
            bench.ledger,
            next_entries=self._next,
            claimed=self._claimed,
            done=self._done,
            sendable=lambda: time.monotonic() + 5,
            logger=logging.getLogger("test"),
        )

    def take(self, order: LedgerOrder, state: OrderState = OrderState.FILLED, filled: int = 2) -> None:
        change = Change(state=state, cause="TEST", actor="test", filled=Decimal(filled))
        self.book.take(order, change, replace_after=None)

    def _next(self, accounts: Any, answered: int) -> NextEntries:
        return NextEntries(accounts=tuple(sorted(accounts)), limit=answered, lease=10.0)

    def _claimed(self, orders: Sequence[LedgerOrder], _: float) -> None:
        self.claimed += orders

    def _done(self, order: LedgerOrder, written: LedgerOrder | None, /, *, followed: bool) -> None:
        self.done.append((order.id, None if written is None else written.state, followed))


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


@pytest.fixture
def orders(bench: Bench) -> dict[AccountKey, LedgerOrder]:
    """An entry of each account on its way; APEX_1 has another behind it."""
    bench.plan("T1", *map(entry_leg, ACCOUNTS))
    bench.plan("T2", entry_leg(APEX_1))
    return {order.account: order for order in bench.claim()}


@contextmanager
def held(url: str, order: LedgerOrder) -> Iterator[Callable[[], None]]:
    """Keep whoever writes an order waiting, until told otherwise."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM execution_orders WHERE id = %s FOR UPDATE", (order.id,))
        yield connection.rollback


def waiting(sql: Sql) -> int:
    """Wait until a connection waits for a lock; return the number of its server process."""
    text = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    wait_until(lambda: bool(sql(text)), what="the writer to wait")
    return int(sql(text)[0]["pid"])


@contextmanager
def writing(told: Told, order: LedgerOrder, url: str, sql: Sql) -> Iterator[int]:
    """Have an answer's writer wait meanwhile; give the number of its server process. It has ended afterwards."""
    with held(url, order) as let_go:
        writer = threading.Thread(target=told.take, args=(order,))
        writer.start()
        yield waiting(sql)
        let_go()
        writer.join(10)
    assert not writer.is_alive()


def test_who_writes_writes_for_all_and_the_others_are_free(
    bench: Bench, orders: dict[AccountKey, LedgerOrder], database_url: str, sql: Sql
) -> None:
    told = Told(bench)
    with writing(told, orders[APEX_1], database_url, sql):
        told.take(orders[APEX_2])
        told.take(orders[FTMO_1], OrderState.REJECTED, 0)
        assert told.done == []
    first, *others = told.done
    assert first == (orders[APEX_1].id, OrderState.FILLED, True)
    assert sorted(others) == sorted(
        [(orders[APEX_2].id, OrderState.FILLED, False), (orders[FTMO_1].id, OrderState.REJECTED, False)]
    )
    assert [(order.trade_id, order.account) for order in told.claimed] == [("T2", APEX_1)]
    # And whoever comes next finds nobody writing.
    told.take(told.claimed[0])
    assert told.done[-1][:2] == (told.claimed[0].id, OrderState.FILLED)


def test_an_answer_that_is_refused_takes_no_other_along(
    bench: Bench, orders: dict[AccountKey, LedgerOrder], database_url: str, sql: Sql
) -> None:
    told = Told(bench)
    with writing(told, orders[APEX_1], database_url, sql):
        # More than it asked for.
        told.take(orders[APEX_2], filled=3)
        told.take(orders[FTMO_1])
    assert {number: state for number, state, _ in told.done} == {
        orders[APEX_1].id: OrderState.FILLED,
        orders[APEX_2].id: None,
        orders[FTMO_1].id: OrderState.FILLED,
    }
    assert bench.order(orders[APEX_2].id).state is OrderState.SENDING


def test_answers_outlast_a_lost_connection_and_are_written_once(
    bench: Bench, orders: dict[AccountKey, LedgerOrder], database_url: str, sql: Sql
) -> None:
    told = Told(bench)
    with writing(told, orders[APEX_1], database_url, sql) as server_process:
        told.take(orders[APEX_2])
        sql("SELECT pg_terminate_backend(%s)", server_process)
    assert sorted(number for number, *_ in told.done) == sorted(orders[key].id for key in (APEX_1, APEX_2))
    for account in (APEX_1, APEX_2):
        states = [state for _, state, _ in bench.events(orders[account].id)]
        assert states == ["PLANNED", "SENDING", "FILLED"]


def test_leases_are_prolonged_without_waiting_for_whoever_writes(
    bench: Bench, orders: dict[AccountKey, LedgerOrder], database_url: str, sql: Sql
) -> None:
    with held(database_url, orders[APEX_1]):
        bench.ledger.renew([order.id for order in orders.values()], lease=500.0)
    rows = sql("SELECT id FROM execution_orders WHERE lease_until > now() + interval '100 seconds' ORDER BY id")
    assert [row["id"] for row in rows] == sorted(orders[key].id for key in (APEX_2, FTMO_1))

"""An exit and a halt that flattens never close the same position: whoever is second waits for the first."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from config.settings import Settings
from connectors.live import live_connectors, live_logins
from connectors.live_connector import LiveConnector
from database.connection import Database
from database.halts import HaltRecord
from database.orders import OrderLedger, lock_accounts
from domain.account import AccountKey
from domain.halt import HaltLevel, Scope, release_phrase
from domain.order_rows import connector_row
from domain.order_state import OrderState
from routing.halt_runner import HaltRunner
from tests.brokers.tradovate import TradovateServer
from tests.conftest import Sql
from tests.live import live_environment, tradovate
from tests.orders import APEX_1, Bench, exit_leg
from tests.processes import wait_until

AFTER_MANY_TRIES = "UPDATE halt_actions SET tries = 9, due_at = now()"


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


@pytest.fixture
def broker() -> Iterator[TradovateServer]:
    with tradovate("ACC1") as running:
        yield running


@pytest.fixture
def connectors(broker: TradovateServer) -> Iterator[dict[AccountKey, LiveConnector]]:
    settings = Settings.from_env(live_environment(broker))
    made, _ = live_connectors(live_logins([APEX_1], settings))
    yield made
    made[APEX_1].close()


def due(bench: Bench) -> list[int]:
    return [order.id for order in bench.ledger.exits_due([APEX_1], limit=10).orders]


def flatten(bench: Bench) -> HaltRecord:
    halts = HaltRecord(bench.database)
    halts.halt(Scope(), HaltLevel.FLATTEN, reason="test", by="test")
    bench.sql(AFTER_MANY_TRIES)
    return halts


@pytest.mark.parametrize("released", [False, True])
def test_an_exit_waits_while_a_flatten_runs(bench: Bench, released: bool) -> None:
    bench.filled_entry("T1")
    (order_id,) = bench.plan("T1", exit_leg())
    halts = flatten(bench)
    assert due(bench) == [order_id], "after three tries exits help themselves"
    (action,) = halts.claim_actions([APEX_1], lease=60.0)
    if released:
        halts.release(action.halt_id, phrase=release_phrase(Scope()), reason="test", by="test")
    assert due(bench) == []
    assert bench.ledger.claim_exit(bench.order(order_id), connector_row, lease=10) is None
    halts.ended(action, {}, done=False)
    assert due(bench) == [order_id]


def test_a_flatten_that_was_lost_with_its_process_blocks_no_exit_for_ever(bench: Bench) -> None:
    bench.filled_entry("T1")
    (order_id,) = bench.plan("T1", exit_leg())
    assert flatten(bench).claim_actions([APEX_1], lease=0.0)
    assert due(bench) == [order_id]


def test_a_flatten_sees_the_exit_that_was_claimed_while_it_began(
    bench: Bench, broker: TradovateServer, connectors: dict[AccountKey, LiveConnector], sql: Sql, database_url: str
) -> None:
    broker.book.place("ACC1", "NQZ6", "BUY", bench.order(bench.filled_entry("T1")).filled)
    (order_id,) = bench.plan("T1", exit_leg())
    halts, other = flatten(bench), Database(database_url)
    runner = HaltRunner(
        halts,
        bench.ledger,
        connectors,
        submit=lambda work: threads.append(threading.Thread(target=work)),
        logger=logging.getLogger("test"),
    )
    threads: list[threading.Thread] = []
    with other.transaction() as transaction:
        lock_accounts(transaction, [APEX_1])
        claimed = transaction.rows(
            "claim_exit", order_id=order_id, trade_id="T1", **APEX_1._asdict(), worker="w2", lease=60
        )
        assert claimed[0]["state"] == OrderState.SENDING
        runner.round([APEX_1])
        threads[0].start()
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_until(lambda: bool(sql(waiting)), what="the flatten to wait for the exit's claim")
    threads[0].join()
    other.close()
    assert broker.calls_to("liquidate") == []
    said = sql("SELECT outcome -> 'said' AS said FROM halt_actions WHERE firm_code = 'APEX' AND program_id = 1")
    assert said == [{"said": ["an exit is on its way"]}]


def test_what_the_database_kept_from_being_done_is_done_soon_after(
    bench: Bench, broker: TradovateServer, connectors: dict[AccountKey, LiveConnector], database_url: str, sql: Sql
) -> None:
    """Not only when its lease ends a minute later: a halt that closes positions waits for nobody."""
    broker.book.place("ACC1", "NQZ6", "BUY", bench.order(bench.filled_entry("T1")).filled)
    flatten(bench)
    scarce = Database(database_url, size=1, patience=0.05)
    threads: list[threading.Thread] = []
    runner = HaltRunner(
        HaltRecord(scarce),
        OrderLedger(scarce, worker="w"),
        connectors,
        submit=lambda work: threads.append(threading.Thread(target=work)),
        logger=logging.getLogger("test"),
    )
    runner.round([APEX_1])
    due = "SELECT 1 FROM halt_actions WHERE firm_code = 'APEX' AND program_id = 1 AND running_until IS NULL"
    with scarce.transaction() as transaction:
        transaction.rows("server_time")
        threads[0].start()
        time.sleep(0.5)
    threads[0].join()
    assert broker.calls_to("liquidate") == []
    assert sql(due) != []
    sql(AFTER_MANY_TRIES)
    runner.round([APEX_1])
    threads[1].start()
    threads[1].join()
    assert sql("SELECT done_at IS NOT NULL AS done FROM halt_actions WHERE program_id = 1 AND firm_code = 'APEX'") == [
        {"done": True}
    ]
    scarce.close()

"""Every limit, halt and fault that refuses an entry, each at an account of its own: the exits get through to all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from database.halts import HaltRecord
from domain.halt import HaltLevel, Scope
from tests.brokers.server import Answer
from tests.brokers.tradovate import TradovateServer
from tests.chaos.rig import Launcher, Rig, rig_of
from tests.conftest import Sql
from tests.live import live_entry, live_exit, tradovate
from tests.processes import wait_until

BREACHED, PAUSED, REDUCE_ONLY, HALTED, OUT_OF_SYNC, STALE, MISCONFIGURED, SOUND = range(1, 9)
FOREIGN = Decimal(3)


@pytest.fixture
def rig(launcher: Launcher, database_url: str, sql: Sql, tmp_path: Path) -> Iterator[Rig]:
    with (
        tradovate(*(f"ACC{number}" for number in range(1, 9))) as broker,
        rig_of(Rig(launcher, database_url, sql, broker, tmp_path)) as made,
    ):
        made.environment["ACCOUNT_STATE_MAX_AGE"] = "4"
        yield made


def no_figures_of(broker: TradovateServer, account: int) -> None:
    answer = broker._cash

    def silent(body: dict[str, Any]) -> Answer:
        if body["accountId"] == broker.account_id(broker.book.accounts[account - 1]):
            return 500, {"errorText": "try again later"}
        return answer(body)

    broker._cash = silent  # type: ignore[method-assign]


def rows(rig: Rig, trade: str, event: str) -> dict[int, dict[str, Any]]:
    body = rig.sql(
        "SELECT response_body AS body FROM execution_logs"
        " WHERE trade_id = %s AND event_type = %s AND status = 'SUCCESS'",
        trade,
        event,
    )[0]["body"]
    return {row["program_id"]: row for row in body["connector_results"]}


def test_exits_get_through_where_entries_are_refused(rig: Rig) -> None:
    worker = rig.start()
    rig.until_figures_are_known()
    rig.store(live_entry("HELD"))
    rig.until_settled()
    book = rig.broker.book
    assert [book.position(account, "NQZ6") for account in book.accounts] == [2] * 8

    book.balance["ACC1"] -= 25000
    for account, flag in ((PAUSED, "paused"), (REDUCE_ONLY, "reduce_only")):
        rig.sql(
            "INSERT INTO account_flags (firm_code, program_id, name, value) VALUES ('APEX', %s, %s, 'true')",
            account,
            flag,
        )
    HaltRecord(rig.database).halt(
        Scope(firm_code="APEX", program_id=HALTED), HaltLevel.ENTRIES, reason="test", by="test"
    )
    book.place(book.accounts[OUT_OF_SYNC - 1], "NQZ6", "BUY", FOREIGN)
    no_figures_of(rig.broker, STALE)
    rig.kill(worker)
    began = time.monotonic()
    rig.start(environ=rig.environ(**{f"APEX_{MISCONFIGURED}_MAX_DRAWDOWN": "twenty thousand"}))
    listed = "SELECT 1 FROM order_differences WHERE settled_at IS NULL AND program_id = %s"
    wait_until(lambda: bool(rig.sql(listed, OUT_OF_SYNC)), what="the difference to be listed")
    time.sleep(max(0.0, 5.0 - (time.monotonic() - began)))

    rig.store(live_entry("REFUSED"))
    rig.until_settled()
    refused = rows(rig, "REFUSED", "ENTRY")
    assert {account: (row["status"], row.get("reason"), row["blocked_by"][:1]) for account, row in refused.items()} == {
        BREACHED: ("SKIPPED", "NOT_APPROVED", ["MAX_DRAWDOWN"]),
        PAUSED: ("SKIPPED", "NOT_APPROVED", ["ACCOUNT_PAUSED"]),
        REDUCE_ONLY: ("SKIPPED", "NOT_APPROVED", ["STANDING_FORBIDS_ENTRY"]),
        HALTED: ("SKIPPED", "NOT_APPROVED", ["TRADING_HALTED"]),
        OUT_OF_SYNC: ("SKIPPED", "NOT_APPROVED", ["ACCOUNT_OUT_OF_SYNC"]),
        STALE: ("SKIPPED", "NOT_APPROVED", ["ACCOUNT_STATE_STALE"]),
        MISCONFIGURED: ("SKIPPED", "NOT_ARMED", []),
        SOUND: ("SUCCESS", None, []),
    }
    rig.store(live_exit("HELD"))
    rig.until_settled()
    assert {row["status"] for row in rows(rig, "HELD", "EXIT").values()} == {"SUCCESS"}
    left = [book.position(account, "NQZ6") for account in book.accounts]
    assert left == [0, 0, 0, 0, FOREIGN, 0, 0, 2], "what the owner holds besides, and the entry of the sound account"

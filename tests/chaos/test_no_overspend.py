"""Many workers decide at once for few accounts with little room: what may be lost and what is held never pass it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from config.settings import Settings
from database.connection import Database
from database.orders import Change, OrderLedger
from database.tracked_accounts import tracked_accounts
from domain.account import AccountKey
from domain.order_rows import connector_row
from domain.order_state import OrderState
from execution_router import ExecutionRouter
from routing import order_desk
from tests.armed import armed
from tests.chaos.invariants import once_settled
from tests.chaos.mutations import RESERVE_NOTHING
from tests.chaos.rig import Rig
from tests.conftest import Sql
from tests.live import live_entry
from tests.processes import entry

WORKERS, EACH = 4, 10
ACCOUNTS = (AccountKey("APEX", 1), AccountKey("APEX", 2))
ROOM, CONTRACTS = Decimal(3000), 6
NQ_POINT = 20
OPEN = (
    "SELECT program_id, sum(worst_case * open_quantity / quantity) AS risk, sum(open_quantity) AS contracts"
    " FROM execution_orders WHERE open_quantity > 0 GROUP BY program_id"
)


def settings() -> Settings:
    environ = {
        **armed(*ACCOUNTS),
        "EXECUTION_DRY_RUN": "false",
        "WEBHOOK_SECRET": "s",
        "ROUTE_TO_FIRMS": "APEX",
        "APEX_PROGRAM_IDS": "1,2",
        "ENTRY_MAX_AGE": "600",
        "NQ_CONTRACT": "NQZ6",
    }
    for account in (1, 2):
        environ |= {
            f"APEX_{account}_ACCOUNT_SIZE": "50000",
            f"APEX_{account}_RISK_PER_TRADE": "0.05",
            f"APEX_{account}_MAX_CONTRACTS": str(CONTRACTS),
            f"APEX_{account}_STARTING_BALANCE": "50000",
            f"APEX_{account}_MAX_DRAWDOWN": str(ROOM),
            f"APEX_{account}_EQUITY": "50000",
            f"APEX_{account}_BALANCE": "50000",
            f"APEX_{account}_DRAWDOWN": "0",
        }
    return Settings.from_env(environ)


def overspent(sql: Sql, room: Decimal = ROOM, contracts: int = CONTRACTS) -> list[str]:
    return [
        f"account {row['program_id']}: {row['risk']} of {room} dollars, {row['contracts']} of {contracts} contracts"
        for row in sql(OPEN)
        if row["risk"] >= room or row["contracts"] > contracts
    ]


@contextmanager
def venue(database: Database, chance: random.Random) -> Iterator[None]:
    """Take what is planned, and fill, accept or refuse it, while the workers decide."""
    ledger, done = OrderLedger(database, worker="venue"), threading.Event()

    def serve() -> None:
        while not done.wait(0.005):
            claimed, _ = ledger.claim_entries(ACCOUNTS, connector_row, limit=5, lease=60)
            for order in claimed:
                state = chance.choice([OrderState.FILLED, OrderState.FILLED, OrderState.ACCEPTED, OrderState.REJECTED])
                filled = order.quantity or Decimal(0) if state is OrderState.FILLED else Decimal(0)
                ledger.write(order.id, Change(state=state, cause="TEST", actor="venue", filled=filled), connector_row)

    with ThreadPoolExecutor(1) as thread:
        serving = thread.submit(serve)
        yield
        done.set()
        serving.result()


def burst(database_url: str, database: Database, sql: Sql, seed: int) -> list[str]:
    """Let workers decide random entries at once; return every moment at which more was reserved than there is room."""
    found: list[str] = []

    def work(number: int) -> None:
        own, chance = Database(database_url, size=3, patience=30.0), random.Random(seed * 100 + number)
        configured = settings()
        router = ExecutionRouter(
            dry_run=False,
            settings=configured,
            database=own,
            account_state_manager=tracked_accounts(configured, own),
        )
        for step in range(EACH):
            stop = 16500 - chance.randint(5, 40)
            router.handle_entry_signal(
                entry(f"T{number}_{step}", stop_loss=stop, contracts=chance.randint(1, 3), symbol="NQ")
            )
            found.extend(overspent(sql_of(own)))
        own.close()

    with venue(database, random.Random(seed)), ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(work, range(WORKERS)))
    return found


def sql_of(database: Database) -> Sql:
    """Look at the ledger over a connection of this database's pool."""

    def run(text: str, *_: Any) -> list[dict[str, Any]]:
        with database._connection() as connection, connection.cursor() as cursor:
            cursor.execute(text)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return run


@pytest.mark.parametrize("seed", range(3))
def test_workers_never_reserve_more_than_there_is_room_for(
    seed: int, database_url: str, database: Database, sql: Sql
) -> None:
    assert burst(database_url, database, sql, seed) == []
    verdicts = sql(
        "SELECT count(*) FILTER (WHERE approved) AS yes, count(*) FILTER (WHERE NOT approved) AS no FROM ("
        " SELECT (row ->> 'approved')::boolean AS approved FROM execution_logs,"
        "  jsonb_array_elements(response_body -> 'connector_results') AS row) verdicts"
    )[0]
    assert verdicts["yes"] + verdicts["no"] == WORKERS * EACH * len(ACCOUNTS)
    assert verdicts["yes"] >= 4, "the room was used"
    assert verdicts["no"] >= 20, "and did not suffice"


def test_without_the_reservation_it_is_found_out(
    database_url: str, database: Database, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof that the property can fail."""
    monkeypatch.setattr(order_desk, "exposures", lambda *_: {})
    assert burst(database_url, database, sql, 1) != []


@pytest.mark.parametrize("mutation", [None, RESERVE_NOTHING])
def test_processes_never_hold_more_than_there_is_room_for(rig: Rig, mutation: str | None) -> None:
    room, contracts = Decimal(4000), 5
    for account in (1, 2, 3):
        rig.environment |= {
            f"APEX_{account}_MAX_DRAWDOWN": str(room),
            f"APEX_{account}_MAX_CONTRACTS": str(contracts),
        }
    for _ in range(4):
        rig.start(mutation=mutation)
    rig.until_figures_are_known()
    chance = random.Random(7)
    for number in range(30):
        stop = 16500 - chance.randint(5, 40)
        rig.store(live_entry(f"T{number}", stop_loss=stop, contracts=chance.randint(1, 3)))
    rig.until_settled()

    # The simulator's accounts are 125.50 dollars above their start.
    found = overspent(rig.sql, room + Decimal("125.5"), contracts)
    if mutation is not None:
        assert found != []
        return
    assert found == []
    assert once_settled(rig.broker.book, rig.sql, most_contracts=contracts) == []
    held = [rig.broker.book.position(account, "NQZ6") for account in rig.broker.book.accounts]
    assert all(0 < quantity <= contracts for quantity in held)

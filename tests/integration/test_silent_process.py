"""A process that stands still in the middle of a transaction: others wait for its locks, but not for long."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from database import pooler
from database.connection import Database, DatabaseUnavailable
from database.halts import HaltRecord
from database.orders import OrderLedger, lock_accounts
from domain.halt import HaltLevel, Scope
from tests.orders import APEX_1


@pytest.fixture
def stopped(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def test_a_halt_waits_for_no_claim_that_stands_still(database: Database, stopped: Database) -> None:
    halts, began = HaltRecord(database), time.monotonic()

    def halt_meanwhile() -> None:
        with stopped.transaction() as transaction:
            transaction.rows("pass_gate")
            halts.halt(Scope(), HaltLevel.ENTRIES, reason="test", by="test")

    with pytest.raises(DatabaseUnavailable):
        halt_meanwhile()
    assert len(halts.in_force()) == 1
    assert time.monotonic() - began < 6


def test_a_lock_of_an_account_is_free_after_a_while(
    database: Database, stopped: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    OrderLedger(database, worker="w1").know([APEX_1])
    monkeypatch.setattr(pooler, "LONGEST_SILENCE_SECONDS", 0.3)
    locked = []

    def lock_meanwhile() -> None:
        with stopped.transaction() as transaction:
            lock_accounts(transaction, [APEX_1])
            with database.transaction() as other:
                lock_accounts(other, [APEX_1])
                locked.append(APEX_1)

    with pytest.raises(DatabaseUnavailable):
        lock_meanwhile()
    assert locked

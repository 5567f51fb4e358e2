"""Halts: nothing of their scope leaves any more, whoever is claiming; and they are released by one typed phrase."""

from __future__ import annotations

import random
import threading
from functools import partial
from typing import Any

import pytest

from database.connection import Database, Subscription
from database.events import CHANNEL
from database.halts import HaltRecord, WrongPhrase
from database.operator_acts import NotKnown, NotPossible
from database.operator_desk import OperatorDesk
from domain.account import AccountKey
from domain.acts import Signature
from domain.halt import HaltLevel, Scope
from domain.order_state import OrderState
from tests.conftest import Sql
from tests.orders import APEX_1, APEX_2, FTMO_1, Bench, at_once, entry_leg

ANNA, BEN = Signature("anna", "news"), Signature("ben", "quiet again")
ALL, APEX, ONE = Scope(), Scope(firm_code="APEX"), Scope(firm_code="APEX", program_id=1)
ENTRIES, CANCEL, FLATTEN = HaltLevel
CLAIMERS = 8
ROUNDS = 24
CROWD = [AccountKey(firm, number) for firm in ("FTMO", "APEX") for number in range(1, 13)]


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


@pytest.fixture
def desk(bench: Bench, database: Database) -> OperatorDesk:
    """A desk whose ledger knows FTMO/1, APEX/1 and APEX/2."""
    return OperatorDesk(database, [AccountKey("BULENOX", 3)])


def test_a_halt_says_what_was_on_its_way_and_what_releases_it(bench: Bench, desk: OperatorDesk) -> None:
    sending, unresolved = bench.plan("T1", entry_leg(APEX_1)), bench.plan("T2", entry_leg(APEX_2))
    bench.plan("T3", entry_leg(FTMO_1))
    bench.claim()
    bench.become(unresolved[0], OrderState.UNRESOLVED)
    bench.filled_entry("T4", 1, AccountKey("BULENOX", 3))

    told = desk.halt(APEX, ENTRIES, ANNA)
    assert [(row["id"], row["state"]) for row in told["in_flight"]] == [
        (sending[0], "SENDING"),
        (unresolved[0], "UNRESOLVED"),
    ]
    assert {name: told[name] for name in ("scope", "level", "set_by", "reason", "release_phrase")} == {
        "scope": "APEX",
        "level": "ENTRIES",
        "set_by": "anna",
        "reason": "news",
        "release_phrase": "RELEASE APEX",
    }


def test_what_a_halt_does_and_has_done_is_listed(
    bench: Bench, desk: OperatorDesk, database: Database, sql: Sql
) -> None:
    first, second, third = (
        desk.halt(scope, level, ANNA)["id"] for scope, level in ((ALL, ENTRIES), (APEX, FLATTEN), (ONE, CANCEL))
    )
    sql("UPDATE halt_actions SET done_at = now(), tries = 2 WHERE program_id = 2")
    desk.release(first, "RELEASE ALL", BEN)

    record = HaltRecord(database)
    listed = record.listed(limit=10)
    assert [(row["id"], row["scope"], row["in_force"]) for row in listed] == [
        (third, "APEX/1", True),
        (second, "APEX", True),
        (first, "ALL", False),
    ]
    assert [(row["account"], row["action"], row["done"], row["tries"]) for row in listed[1]["actions"]] == [
        ("APEX/1", "FLATTEN", False, 0),
        ("APEX/2", "FLATTEN", True, 2),
    ]
    assert (listed[2]["released_by"], listed[2]["release_reason"]) == ("ben", "quiet again")
    assert [row["id"] for row in record.listed(limit=1)] == [third]
    assert sql("SELECT act, by, reason, halt_id FROM operator_acts ORDER BY id")[-2:] == [
        {"act": "HALT", "by": "anna", "reason": "news", "halt_id": third},
        {"act": "RELEASE", "by": "ben", "reason": "quiet again", "halt_id": first},
    ]


@pytest.mark.parametrize("scope", [Scope(firm_code="APX"), Scope(firm_code="APEX", program_id=9)])
def test_a_halt_that_would_stop_nobody_is_refused(desk: OperatorDesk, sql: Sql, scope: Scope) -> None:
    with pytest.raises(NotKnown, match=f"no account is in {scope}.* APEX/1, APEX/2, BULENOX/3, FTMO/1, or ALL"):
        desk.halt(scope, ENTRIES, ANNA)
    assert sql("SELECT id FROM trading_halts") == []
    assert desk.halt(Scope(firm_code="BULENOX"), ENTRIES, ANNA)["scope"] == "BULENOX"


def test_everything_is_halted_also_where_no_account_is_known(database: Database) -> None:
    assert OperatorDesk(database).halt(ALL, ENTRIES, ANNA)["release_phrase"] == "RELEASE ALL"


def test_only_its_own_phrase_releases_a_halt_and_only_once(desk: OperatorDesk, database: Database) -> None:
    halt_id = desk.halt(APEX, ENTRIES, ANNA)["id"]
    for phrase in ("", "RELEASE", "release apex", "RELEASE ALL", "RELEASE APEX/1", "yes"):
        with pytest.raises(WrongPhrase, match=f"to release halt {halt_id} type exactly: RELEASE APEX$"):
            desk.release(halt_id, phrase, BEN)
    assert [halt.id for halt in HaltRecord(database).in_force()] == [halt_id]
    desk.release(halt_id, " RELEASE APEX ", BEN)
    assert HaltRecord(database).in_force() == []
    with pytest.raises(NotPossible, match=r"is not in force: ben released it at .* UTC: quiet again"):
        desk.release(halt_id, "RELEASE APEX", ANNA)
    with pytest.raises(NotKnown, match="there is no halt 99"):
        desk.release(99, "RELEASE APEX", BEN)


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("anna", " ")])
def test_nobody_halts_or_releases_without_a_name_and_a_reason(database: Database, by: str, reason: str) -> None:
    record = HaltRecord(database)
    halt_id = record.halt(ALL, ENTRIES, reason="x", by="anna").halt.id
    with pytest.raises(ValueError, match="must be given"):
        record.halt(ALL, ENTRIES, reason=reason, by=by)
    with pytest.raises(ValueError, match="must be given"):
        record.release(halt_id, phrase="RELEASE ALL", reason=reason, by=by)
    assert [halt.id for halt in record.in_force()] == [halt_id]


def test_of_two_who_release_at_the_same_moment_one_has_released(desk: OperatorDesk, sql: Sql) -> None:
    for number in range(1, 11):
        halt_id = desk.halt(ALL, FLATTEN, ANNA)["id"]
        results = at_once(
            partial(desk.release, halt_id, "RELEASE ALL", ANNA), partial(desk.release, halt_id, "RELEASE ALL", BEN)
        )
        (refused,) = [str(result) for result in results if isinstance(result, NotPossible)]
        (halt,) = sql("SELECT released_by FROM trading_halts WHERE id = %s", halt_id)
        assert f"is not in force: {halt['released_by']} released it at " in refused
        assert len(sql("SELECT id FROM operator_acts WHERE act = 'RELEASE'")) == number


def test_every_process_hears_of_a_halt_and_of_its_end(desk: OperatorDesk, database_url: str) -> None:
    with Subscription(database_url, CHANNEL) as subscription:
        heard: list[str] = []
        halt_id = desk.halt(ALL, ENTRIES, ANNA)["id"]
        desk.release(halt_id, "RELEASE ALL", BEN)
        while len(heard) < 4:
            heard += subscription.wait()
    assert [word for text in heard for word in ("HALT", "RELEASE", "true", "false") if word in text] == [
        "HALT",
        "true",
        "RELEASE",
        "false",
    ]


# A halt against those who claim.


def sent(sql: Sql, scope: Scope, after: int = 0) -> list[dict[str, Any]]:
    """The entries of a scope that began to be sent, by event."""
    rows = sql(
        "SELECT e.id, e.at, e.order_id, o.firm_code, o.program_id FROM execution_order_events e"
        " JOIN execution_orders o ON o.id = e.order_id"
        " WHERE e.to_state = 'SENDING' AND e.from_state = 'PLANNED' AND o.purpose = 'ENTRY' AND e.id > %s",
        after,
    )
    return [row for row in rows if scope.covers(AccountKey(row["firm_code"], row["program_id"]))]


def test_nothing_of_its_scope_leaves_after_a_halt_whoever_is_claiming(
    bench: Bench, database: Database, sql: Sql
) -> None:
    record = HaltRecord(database)
    bench.ledger.know(CROWD)
    chance = random.Random(7)
    across = 0
    for number in range(ROUNDS):
        scope = (ALL, APEX, ONE)[number % 3]
        before = sql("SELECT COALESCE(max(id), 0) AS id FROM execution_order_events")[0]["id"]
        bench.plan(f"R{number}", *(entry_leg(account) for account in CROWD))
        start, over = threading.Barrier(CLAIMERS + 1), threading.Event()

        def claim(start: threading.Barrier = start, over: threading.Event = over) -> None:
            start.wait()
            while not over.is_set():
                bench.claim(*CROWD, limit=1, lease=60.0)

        claimers = [threading.Thread(target=claim) for _ in range(CLAIMERS)]
        for thread in claimers:
            thread.start()
        start.wait()
        over.wait(chance.uniform(0.0, 0.03))
        done = record.halt(scope, ENTRIES, reason="news", by="anna")
        left = {row["order_id"] for row in sent(sql, scope, before)}
        over.wait(0.03)
        over.set()
        for thread in claimers:
            thread.join()

        late = sent(sql, scope, before)
        assert {row["order_id"] for row in late} == left
        assert left == {row["id"] for row in done.in_flight}
        assert all(row["at"] < done.halt.set_at for row in late)
        across += 0 < len(left) < len([account for account in CROWD if scope.covers(account)])
        record.release(done.halt.id, phrase=f"RELEASE {scope}", reason="quiet", by="anna")
        sql(
            "UPDATE execution_orders SET state = 'NOT_SENT', worker = NULL, lease_until = NULL, sent_at = NULL"
            " WHERE state IN ('PLANNED', 'SENDING')"
        )
    assert across >= 3, "hardly a halt fell among the claims"

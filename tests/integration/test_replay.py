"""Any verdict can be made again from the record alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.instruments import exchange_instruments
from config.settings import Settings
from database.connection import Database
from database.halts import HaltRecord
from database.replay import NotReplayable, Replays
from database.tracked_accounts import tracked_accounts
from domain.halt import HaltLevel, Scope
from execution_router import ExecutionRouter
from risk_engine.fact_text import UnknownFact, decoded, encoded
from routing.facts import FactBook
from tests.conftest import Sql
from tests.processes import ROUTED, entry, exit_of


def router_on(database: Database, **environ: str) -> ExecutionRouter:
    settings = Settings.from_env({**ROUTED, **environ})
    return ExecutionRouter(
        settings=settings, database=database, account_state_manager=tracked_accounts(settings, database)
    )


RULES = {
    "FTMO_1_RULE_SET": "ftmo-2step-eval1-100k",
    "FTMO_1_BUFFER": "250",
    "APEX_1_ALLOWED_SESSIONS": "NY AM",
    "APEX_1_USE_MICROS": "true",
}


def test_every_verdict_of_a_busy_day_is_the_same_again(database: Database, sql: Sql) -> None:
    router = router_on(database, **RULES)
    states = router.account_state_manager
    for number in range(12):
        changes: dict[str, Any] = {"stop_loss": 16500 - number * 7 - 1, "session": "NY AM" if number % 2 else "LONDON"}
        if number % 3:
            changes["contracts"] = number
        router.handle_entry_signal(entry(f"T{number}", **changes))
        if number % 4 == 0:
            states.update_account_state("FTMO", 1, {"equity": 99000 - number * 321.5, "balance": 99100})
        if number == 6:
            states.update_account_state("APEX", 1, {"day_pl": -1499.5, "positions": [{"symbol": "NQ", "net": 2}]})
        if number == 9:
            HaltRecord(database).halt(Scope(firm_code="APEX"), HaltLevel.ENTRIES, reason="enough", by="me")
    router.handle_exit_signal(exit_of("T1"))

    replayed = list(Replays(database).every())

    assert len(replayed) == 12
    assert [one.differs for one in replayed] == [[]] * 12
    verdicts = [tuple(row["approved"] for row in one.now["verdicts"]) for one in replayed]
    assert len(set(verdicts)) >= 3, "the day had verdicts of several kinds"
    texts = sql("SELECT count(*) AS n FROM decision_texts")[0]["n"]
    assert texts < 12, "what many verdicts share is kept once"


@pytest.mark.parametrize("live", [True, False])
def test_what_only_a_live_account_knows_is_part_of_the_facts(database: Database, live: bool) -> None:
    from tests.armed import armed

    changes = {**armed(("APEX", 1)), "EXECUTION_DRY_RUN": str(not live).lower(), "WEBHOOK_SECRET": "s"}
    environ = {**changes, "ROUTE_TO_FIRMS": "APEX", "APEX_1_MAX_CONTRACTS": "3", "APEX_1_DAY_PL": "0"}
    router = ExecutionRouter(dry_run=not live, settings=Settings.from_env({**ROUTED, **environ}), database=database)
    for number in range(3):
        router.handle_entry_signal(entry(f"T{number}", contracts=2))

    replayed = list(Replays(database).every())

    assert [one.differs for one in replayed] == [[]] * 3
    blocked = [one.now["verdicts"][0]["blocked_by"] for one in replayed]
    assert blocked == ([[], ["OPEN_CONTRACTS"], ["OPEN_CONTRACTS"]] if live else [[], [], []])


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ("jsonb_set(response_body, '{connector_results,0,approved}', 'false')", ["verdicts"]),
        ("jsonb_set(response_body, '{program_sizing,0,contracts}', '99')", ["program_sizing"]),
        ("jsonb_set(response_body, '{account_breaches,0,reason}', '\"no\"')", ["account_breaches"]),
    ],
)
def test_a_verdict_that_was_altered_does_not_come_out_again(
    database: Database, sql: Sql, change: str, differs: list[str]
) -> None:
    task_id = router_on(database).handle_entry_signal(entry("T1"))["task_id"]
    sql(f"UPDATE execution_logs SET response_body = {change}")
    assert Replays(database).of(task_id).differs == differs


def test_facts_that_were_altered_give_another_verdict(database: Database, sql: Sql) -> None:
    router = router_on(database)
    router.account_state_manager.update_account_state("FTMO", 1, {"day_pl": -999})
    task_id = router.handle_entry_signal(entry("T1"))["task_id"]
    assert Replays(database).of(task_id).same
    sql("UPDATE decision_texts SET content = replace(content::text, '-999', '-1001')::json")
    assert "account_breaches" in Replays(database).of(task_id).differs


def test_what_cannot_be_replayed_is_said(database: Database, sql: Sql) -> None:
    router = router_on(database)
    task_id = router.handle_entry_signal(entry("T1"))["task_id"]
    exit_id = router.handle_exit_signal(exit_of("T1"))["task_id"]
    with pytest.raises(NotReplayable, match="is an EXIT"):
        Replays(database).of(exit_id)
    with pytest.raises(NotReplayable, match="there is no task 999"):
        Replays(database).of(999)
    sql("DELETE FROM decision_texts")
    with pytest.raises(NotReplayable, match="is not on record"):
        Replays(database).of(task_id)
    sql("DELETE FROM decision_facts")
    with pytest.raises(NotReplayable, match="facts of the verdict"):
        Replays(database).of(task_id)


def test_the_whole_configuration_comes_back_as_it_was(database: Database) -> None:
    settings = Settings.from_env({**ROUTED, **RULES, "FTMO_SYMBOL_MAP": "NQ=US100.cash*20", "NQ_CONTRACT": "NQZ6"})
    book = FactBook(settings, tracked_accounts(settings, database), dry_run=True)
    for whole in (book.accounts, book.firms, exchange_instruments()):
        assert decoded(encoded(whole)) == whole


plain = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=5) | st.datetimes() | st.dates()
values = st.recursive(
    plain | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    | st.tuples(inner, inner),
    max_leaves=8,
)  # fmt: skip


@given(values)
def test_every_value_comes_back_with_its_type(value: Any) -> None:
    back = decoded(encoded(value))
    assert back == value
    # 1, True and Decimal(1) are equal to each other; which of two equal hours is meant is in no time of ours.
    assert repr(back) == repr(value).replace(", fold=1", "")


def test_a_type_that_has_no_form_is_named() -> None:
    with pytest.raises(UnknownFact, match="set has no form in the record"):
        encoded({"a": {Decimal(1)}})

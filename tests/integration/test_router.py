"""ExecutionRouter on a real database: its thread, its failures, its direct answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rule_set_content import digest_of, rule_set_of
from config.settings import Settings
from database.connection import Database
from database.signals import SignalStore
from execution_router import ExecutionRouter
from routing.retry import LONGEST_RETRY_SECONDS, RetryPolicy
from signals.payload import parse_signal
from signals.problem import InvalidSignal
from tests.armed import armed
from tests.conftest import Sql
from tests.processes import ROUTED, entry, exit_of, wait_until

MakeRouter = Callable[..., ExecutionRouter]
QUICK = {"TASK_RETRY_BASE_SECONDS": "0.01", "TASK_MAX_ATTEMPTS": "3"}


@pytest.fixture
def make_router(database: Database) -> Iterator[MakeRouter]:
    made: list[ExecutionRouter] = []

    def make(**environment: str) -> ExecutionRouter:
        settings = Settings.from_env({**ROUTED, **QUICK, **environment})
        router = ExecutionRouter(poll_interval=0.05, dry_run=settings.dry_run, settings=settings, database=database)
        made.append(router)
        return router

    yield make
    for router in made:
        router.stop()


def enqueue(database: Database, body: dict[str, Any], payload: dict[str, Any] | None = None) -> None:
    SignalStore(database).store(parse_signal(body), source="test", raw_body="{}", payload=payload)


def all_done(sql: Sql) -> bool:
    return not sql("SELECT 1 FROM execution_tasks WHERE status IN ('PENDING', 'PROCESSING')")


def test_a_task_that_cannot_be_read_is_retried_and_then_set_aside_and_holds_up_nobody(
    database: Database, sql: Sql, make_router: MakeRouter
) -> None:
    enqueue(database, entry("BAD"), payload={"entry_price": "abc"})
    enqueue(database, entry("GOOD"))
    make_router().start()
    wait_until(lambda: all_done(sql), what="both tasks to end")
    [bad] = sql("SELECT * FROM dead_letter_tasks")
    assert (bad["trade_id"], bad["attempts"]) == ("BAD", 3)
    assert "entry_price: 'abc' is not a number" in bad["last_error"]
    logs = sql("SELECT status FROM execution_logs WHERE trade_id = 'BAD' ORDER BY id")
    assert [log["status"] for log in logs] == ["RETRY", "RETRY", "FAILED"]
    assert sql("SELECT status FROM execution_logs WHERE trade_id = 'GOOD'") == [{"status": "SUCCESS"}]


def test_one_result_that_postgresql_refuses_does_not_take_its_neighbours_with_it(
    database: Database, sql: Sql, make_router: MakeRouter
) -> None:
    sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF NEW.status = ''SUCCESS'' THEN RAISE EXCEPTION ''refused''; END IF; RETURN NEW; END'"
    )
    sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON execution_logs FOR EACH ROW WHEN (NEW.trade_id = 'POISON') "
        "EXECUTE FUNCTION refuse()"
    )
    for trade in ("A", "POISON", "B"):
        enqueue(database, entry(trade))
    make_router().start()
    wait_until(lambda: all_done(sql), what="all tasks to end")
    statuses = {row["trade_id"]: row["status"] for row in sql("SELECT trade_id, status FROM execution_tasks")}
    assert statuses == {"A": "SUCCESS", "POISON": "FAILED", "B": "SUCCESS"}


def test_starting_twice_makes_one_thread_and_stopping_ends_it(make_router: MakeRouter) -> None:
    router = make_router()
    before = threading.active_count()
    router.start()
    router.start()
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("execution-router")]
    assert sorted(names) == ["execution-router", "execution-router-leases"]
    assert router.is_alive()
    router.stop()
    assert threading.active_count() == before
    router.start()
    assert router.is_alive()


def test_a_paused_account_is_refused_until_it_is_resumed(sql: Sql, make_router: MakeRouter) -> None:
    router = make_router()
    router.account_state_manager.update_flag("FTMO", 1, "paused", True)
    paused = {row["firm_code"]: row for row in router.handle_entry_signal(entry("T1"))["connector_results"]}
    assert (paused["FTMO"]["approved"], paused["FTMO"]["blocked_by"]) == (False, ["ACCOUNT_PAUSED"])
    assert paused["APEX"]["approved"] is True
    router.account_state_manager.update_flag("FTMO", 1, "paused", False)
    resumed = {row["firm_code"]: row for row in router.handle_entry_signal(entry("T2"))["connector_results"]}
    assert resumed["FTMO"]["approved"] is True


def test_an_entry_after_its_exit_is_refused_everywhere(make_router: MakeRouter) -> None:
    router = make_router()
    router.handle_exit_signal(exit_of("T1"))
    late = router.handle_entry_signal(entry("T1"))
    assert [row["blocked_by"] for row in late["connector_results"]] == [["TRADE_CLOSED"], ["TRADE_CLOSED"]]


def test_a_directly_handled_signal_is_recorded_and_its_repeat_gets_the_same_result(
    sql: Sql, make_router: MakeRouter
) -> None:
    router = make_router()
    first = router.handle_entry_signal(entry("T1"))
    again = router.handle_entry_signal(entry("T1"))
    other = router.handle_entry_signal(entry("T1", stop_loss=16400.0))
    assert (first["outcome"], again["outcome"], other["outcome"]) == ("accepted", "duplicate", "conflict")
    assert first["recorded"] is True
    assert again["connector_results"] == first["connector_results"]
    assert first["task_id"] == again["task_id"] == other["task_id"]
    assert sql("SELECT count(*) AS n FROM execution_logs") == [{"n": 1}]


def test_direct_handling_beside_a_running_router_decides_once(sql: Sql, make_router: MakeRouter) -> None:
    router = make_router()
    router.start()
    results = [router.handle_entry_signal(entry(f"T{n}")) for n in range(30)]
    assert all(len(result["connector_results"]) == 2 for result in results)
    assert sql("SELECT count(*) AS n, count(DISTINCT task_id) AS d FROM execution_logs") == [{"n": 30, "d": 30}]


def test_exits_and_updates_skip_every_check(make_router: MakeRouter) -> None:
    router = make_router(FTMO_1_DAY_PL="-5000", FTMO_1_PAUSED="true", FTMO_1_ALLOWED_SESSIONS="NY AM")
    closed = router.handle_exit_signal(exit_of("T1"))
    updated = router.handle_mfe_update({"trade_id": "T1", "be_mfe": 1})
    checks = ("risk_checks", "program_sizing", "account_breaches", "enforcement_checks")
    assert [closed[name] for name in checks] == [updated[name] for name in checks] == [[], [], [], []]
    assert [row["reason"] for row in closed["connector_results"]] == ["GLOBAL_DRY_RUN_ENABLED"] * 2
    assert updated["connector_results"] == []


def test_an_invalid_signal_is_named_and_not_recorded(sql: Sql, make_router: MakeRouter) -> None:
    with pytest.raises(InvalidSignal, match="stop_loss"):
        make_router().handle_entry_signal(entry("T1", stop_loss=17000))
    assert sql("SELECT count(*) AS n FROM automated_signals") == [{"n": 0}]


LIVE = {
    "EXECUTION_DRY_RUN": "false",
    "WEBHOOK_SECRET": "s",
    "APEX_DRY_RUN": "true",
    # Nobody listens there: what is planned stays planned in these tests, because the router is not started.
    **armed(("FTMO", 1)),
    "FTMO_1_API_URL": "ws://127.0.0.1:9",
}


def test_live_an_approved_entry_is_planned_and_a_firm_in_dry_run_stays_dry(sql: Sql, make_router: MakeRouter) -> None:
    router = make_router(**LIVE, FTMO_1_DAY_PL="0", FTMO_1_EQUITY="100000")
    result = router.handle_entry_signal(entry("T1", contracts=1))
    rows = {row["firm_code"]: row for row in result["connector_results"]}
    assert (rows["FTMO"]["status"], rows["FTMO"]["reason"]) == ("PENDING", "PLANNED")
    assert rows["FTMO"]["approved"] is True
    assert rows["APEX"]["reason"] == "FIRM_DRY_RUN_ENABLED"
    assert (result["routed"], result["dry_run"]) == (False, False)
    assert sql("SELECT firm_code, program_id, state FROM execution_orders") == [
        {"firm_code": "FTMO", "program_id": 1, "state": "PLANNED"}
    ]


def test_live_a_rejected_account_is_skipped_as_not_approved(make_router: MakeRouter) -> None:
    router = make_router(**LIVE, FTMO_1_DAY_PL="-1000")
    rows = {row["firm_code"]: row for row in router.handle_entry_signal(entry("T1"))["connector_results"]}
    assert (rows["FTMO"]["reason"], rows["FTMO"]["blocked_by"]) == ("NOT_APPROVED", ["MAX_DAILY_LOSS"])


def test_live_an_account_with_a_limit_and_unknown_state_is_refused(make_router: MakeRouter) -> None:
    rows = {row["firm_code"]: row for row in make_router(**LIVE).handle_entry_signal(entry("T1"))["connector_results"]}
    assert rows["FTMO"]["blocked_by"] == ["ACCOUNT_STATE_UNKNOWN"]
    assert (rows["APEX"]["approved"], rows["APEX"]["blocked_if_live"]) == (True, ["ACCOUNT_STATE_UNKNOWN"])


def test_live_nothing_to_send_is_said(make_router: MakeRouter) -> None:
    router = make_router(**LIVE, FTMO_1_DAY_PL="0", FTMO_1_ACCOUNT_SIZE="400")
    rows = {row["firm_code"]: row for row in router.handle_entry_signal(entry("T1"))["connector_results"]}
    ftmo = rows["FTMO"]
    assert (ftmo["status"], ftmo["reason"], ftmo["contracts"]) == ("SKIPPED", "ZERO_CONTRACTS", 0)


def test_the_parameter_alone_keeps_a_router_dry(database: Database) -> None:
    settings = Settings.from_env({**ROUTED, **LIVE})
    assert ExecutionRouter(settings=settings, database=database).dry_run is True
    assert ExecutionRouter(dry_run=False, settings=settings, database=database).dry_run is False
    assert ExecutionRouter(dry_run=False, settings=Settings.from_env(ROUTED), database=database).dry_run is True


@given(attempt=st.integers(1, 200), jitter=st.floats(0, 1, exclude_max=True), base=st.floats(0.01, 10))
def test_the_pause_doubles_is_spread_and_never_passes_its_cap(attempt: int, jitter: float, base: float) -> None:
    policy = RetryPolicy(max_attempts=5, base=base)
    full = min(base * 2.0 ** min(attempt - 1, 30), LONGEST_RETRY_SECONDS)
    assert full / 2 <= policy.delay(attempt, jitter) <= full <= LONGEST_RETRY_SECONDS
    assert policy.delay(attempt, 0.0) <= policy.delay(attempt + 1, 0.0)


def test_a_router_that_gives_way_is_held_up_only_briefly(database: Database, sql: Sql) -> None:
    settings = Settings.from_env({**ROUTED, **QUICK})
    for n in range(45):
        enqueue(database, entry(f"T{n}"))
    router = ExecutionRouter(poll_interval=60, settings=settings, database=database, give_way=lambda: True)
    router.start()
    wait_until(lambda: all_done(sql), what="three batches beside a burst that never ends", seconds=5)
    router.stop()


def test_a_verdict_names_its_rule_set_and_the_record_keeps_what_that_said(sql: Sql, make_router: MakeRouter) -> None:
    chosen = "ftmo-2step-eval1-100k"
    result = make_router(FTMO_1_RULE_SET=chosen).handle_entry_signal(entry("T1"))
    named = {row["firm_code"]: row["rule_set"] for row in result["connector_results"]}
    [kept] = sql("SELECT digest, id, version::text, content FROM rule_sets")
    assert named == {"FTMO": {name: kept[name] for name in ("digest", "id", "version")}, "APEX": None}
    replayed = rule_set_of(kept["content"])
    assert (replayed.ref.id, digest_of(replayed)) == (chosen, kept["digest"])
    assert replayed.drawdown.daily is not None
    assert replayed.drawdown.daily.amount == Decimal(5000)

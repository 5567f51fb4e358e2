"""AccountStateManager over PostgreSQL: the documents' interface, kept for good and shared by every process."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from account_engine import AccountStateManager
from config.settings import Settings
from database.connection import Database
from database.signals import SignalStore
from database.tracked_accounts import tracked_accounts
from domain.task_order import entry_order
from execution_router import ExecutionRouter
from risk_engine.decision import FirmFacts
from routing.facts import FactBook
from signals.payload import parse_signal
from tests.conftest import Sql
from tests.processes import ROUTED, entry, wait_until, worker_process

RESULT = "SELECT blocked_by FROM execution_connector_results WHERE trade_id = %s AND firm_code = 'FTMO'"


def manager(database: Database, **environment: str) -> AccountStateManager:
    return tracked_accounts(Settings.from_env({**ROUTED, **environment}), database)


def test_what_a_program_tells_is_merged_kept_and_read_by_another_process(database: Database) -> None:
    here, there = manager(database), manager(database)
    here.update_account_state("FTMO", 1, {"equity": 100500.25, "balance": "100400", "broker": "demo"})
    here.update_account_state("FTMO", 1, {"day_pl": -250})

    state = there.get_account_state("FTMO", 1)

    assert {name: state[name] for name in ("equity", "balance", "day_pl", "broker", "source")} == {
        "equity": Decimal("100500.25"),
        "balance": Decimal(100400),
        "day_pl": Decimal(-250),
        "broker": "demo",
        "source": "PROGRAM",
    }
    assert there.known_state("FTMO", 1)[1] == pytest.approx(state["last_update"])


def test_a_firms_sums_follow_every_change_of_any_of_its_accounts(database: Database) -> None:
    settings = Settings.from_env({**ROUTED, "ROUTE_TO_FIRMS": "FTMO,APEX", "FTMO_PROGRAM_IDS": "1,2"})
    accounts = tracked_accounts(settings, database)
    book = FactBook(settings, accounts, dry_run=True)
    order = entry_order("T1", {}, "NQ")

    def firms() -> list[FirmFacts]:
        return list(book.seen().of(order, trade_closed=False).firms)

    first, again = firms(), firms()
    accounts.update_account_state("FTMO", 2, {"day_pl": -250})
    changed = firms()
    accounts.update_account_state("FTMO", 1, {"day_pl": -100})

    # The same objects: what was made of them holds on.
    assert [one is other for one, other in zip(first, again, strict=True)] == [True, True]
    assert [firm.metrics.get("day_pl") for firm in (*changed, *firms())] == [-250, None, -350, None]


def test_a_flag_survives_a_restart_and_says_nothing_of_the_figures(database: Database) -> None:
    manager(database).update_flag("FTMO", 1, "paused", True)

    state, figures_at = manager(database).known_state("FTMO", 1)

    assert (state["paused"], figures_at) == (True, None)


def test_a_figure_that_is_no_number_is_kept_as_it_is_until_a_better_one_comes(database: Database) -> None:
    accounts = manager(database)
    accounts.update_account_state("FTMO", 1, {"day_pl": "lots"})
    assert accounts.get_account_state("FTMO", 1)["day_pl"] == "lots"

    accounts.update_account_state("FTMO", 1, {"day_pl": "-10"})

    assert manager(database).get_account_state("FTMO", 1)["day_pl"] == Decimal(-10)


@pytest.mark.parametrize(
    ("told", "source", "equity", "day_pl"),
    [
        ({}, "ENV", Decimal(99000), Decimal(-100)),
        ({"equity": 98000}, "PROGRAM", Decimal(98000), Decimal(-100)),
        ({"equity": 98000, "day_pl": -7}, "PROGRAM", Decimal(98000), Decimal(-7)),
    ],
)
def test_the_environment_fills_in_what_nobody_told(
    database: Database, told: dict[str, Any], source: str, equity: Decimal, day_pl: Decimal
) -> None:
    accounts = manager(database, FTMO_1_EQUITY="99000", FTMO_1_DAY_PL="-100")
    if told:
        accounts.update_account_state("FTMO", 1, told)

    state = accounts.load_from_env("FTMO", 1)

    assert (state["source"], state["equity"], state["day_pl"]) == (source, equity, day_pl)


def test_a_peak_of_the_environment_is_the_first_high_water_mark(database: Database) -> None:
    accounts = manager(database, FTMO_1_PEAK_EQUITY="104000")
    accounts.update_account_state("FTMO", 1, {"equity": 103000})

    state = manager(database).get_account_state("FTMO", 1)

    assert (state["peak_equity"], state["drawdown"]) == (Decimal(104000), Decimal(-1000))


def test_what_is_handed_out_is_a_copy(database: Database) -> None:
    accounts = manager(database)
    accounts.update_account_state("FTMO", 1, {"tags": ["a"]})
    accounts.get_account_state("FTMO", 1)["tags"].append("b")
    assert accounts.get_account_state("FTMO", 1)["tags"] == ["a"]


def test_a_decision_sees_what_others_changed_without_being_told(database: Database) -> None:
    """No listener runs here, so that nothing but the look before the decision can show the pause."""
    settings = Settings.from_env(ROUTED)
    router = ExecutionRouter(settings=settings, database=database)
    elsewhere = tracked_accounts(settings, database)

    def blocked_by(trade_id: str) -> list[str]:
        rows = router.handle_entry_signal(entry(trade_id))["connector_results"]
        return next(list(row["blocked_by"]) for row in rows if row["firm_code"] == "FTMO")

    assert blocked_by("BEFORE") == []
    elsewhere.update_flag("FTMO", 1, "paused", True)
    assert blocked_by("PAUSED") == ["ACCOUNT_PAUSED"]
    elsewhere.update_flag("FTMO", 1, "paused", False)
    assert blocked_by("RELEASED") == []


def test_a_running_worker_obeys_a_pause_that_another_process_has_just_set(
    database: Database, database_url: str, sql: Sql, tmp_path: Path
) -> None:
    store = SignalStore(database)
    here = manager(database)

    def blocked_by(trade_id: str) -> list[str]:
        store.store(parse_signal(entry(trade_id)), source="test", raw_body="{}")
        rows: list[dict[str, Any]] = []

        def decided() -> bool:
            rows[:] = sql(
                "SELECT blocked_by FROM execution_connector_results WHERE trade_id = %s AND firm_code = 'FTMO'",
                trade_id,
            )
            return bool(rows)

        wait_until(decided, what=f"{trade_id} to be decided")
        return list(rows[0]["blocked_by"])

    with worker_process(database_url, tmp_path / "worker.log"):
        assert blocked_by("BEFORE") == []
        here.update_flag("FTMO", 1, "paused", True)
        assert blocked_by("PAUSED") == ["ACCOUNT_PAUSED"]
        here.update_flag("FTMO", 1, "paused", False)
        assert blocked_by("RELEASED") == []
        here.update_account_state("FTMO", 1, {"day_pl": -1000})
        assert blocked_by("LOST") == ["MAX_DAILY_LOSS"]

"""What is known of an account, who may say it, and whether it is enough and recent enough for a live entry."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from account_engine import AccountStateManager, evaluate_account_state
from domain.checks import CheckResult
from domain.rules import Rule

NEEDS = [
    ("max_daily_loss", "day_pl"),
    ("max_total_loss", "total_pl"),
    ("max_drawdown", "drawdown"),
    ("max_risk_per_trade_pct", "equity"),
]
ENVIRON = {"FTMO_1_EQUITY": "100000.50", "FTMO_1_DAY_PL": "-250.0"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def judge(state: dict[str, Any], limits: dict[str, Any], *, age: str | None = "0", max_age: str = "300") -> CheckResult:
    return evaluate_account_state(
        "FTMO", 1, state, limits, age=None if age is None else Decimal(age), max_age=Decimal(max_age)
    )


@pytest.mark.parametrize(("limit", "figure"), NEEDS)
def test_a_limit_whose_figure_is_not_known_refuses(limit: str, figure: str) -> None:
    result = judge({}, {limit: 1000}, age=None)

    assert (result.status, result.rule) == ("REJECTED", "ACCOUNT_STATE_UNKNOWN")
    assert result.reason == f"Account state unknown: {figure} needed by a limit of this account."
    assert result.details == {"missing": [figure]}


@pytest.mark.parametrize(("limit", "figure"), NEEDS)
def test_a_limit_whose_figure_is_known_passes(limit: str, figure: str) -> None:
    assert judge({figure: Decimal(0)}, {limit: 1000}).approved


@pytest.mark.parametrize(("limit", "figure"), NEEDS)
def test_a_figure_that_is_none_is_not_known(limit: str, figure: str) -> None:
    assert judge({figure: None}, {limit: 1000}).rule == Rule.ACCOUNT_STATE_UNKNOWN


def test_every_missing_figure_is_named() -> None:
    result = judge({"total_pl": 0}, dict.fromkeys((limit for limit, _ in NEEDS), 1))

    assert result.details == {"missing": ["day_pl", "drawdown", "equity"]}


@pytest.mark.parametrize(
    ("state", "known"),
    [
        ({"equity": 1}, False),
        ({"equity": 1, "peak_equity": 1}, True),
        ({"equity": 1, "high_water_mark": 1}, True),
        ({"peak_equity": 1}, False),
        ({"drawdown": 0}, True),
    ],
)
def test_a_drawdown_is_known_itself_or_by_equity_and_its_peak(state: dict[str, Any], known: bool) -> None:
    assert judge(state, {"max_drawdown": 1000}).approved is known


def test_a_balance_is_enough_for_the_risk_of_a_trade() -> None:
    assert judge({"balance": 1}, {"max_risk_per_trade_pct": "0.01"}).approved


@pytest.mark.parametrize("limits", [{}, {limit: None for limit, _ in NEEDS}])
def test_without_a_limit_nothing_needs_to_be_known(limits: dict[str, Any]) -> None:
    assert judge({}, limits, age=None).approved


@pytest.mark.parametrize(
    ("age", "rule"),
    [
        ("299.999", None),  # just under
        ("300", None),  # exactly
        ("300.001", Rule.ACCOUNT_STATE_STALE),  # just over
        (None, Rule.ACCOUNT_STATE_STALE),  # a figure of which nobody knows when it came
    ],
)
def test_the_age_of_the_figures_at_its_edge(age: str | None, rule: Rule | None) -> None:
    result = judge({"day_pl": 0}, {"max_daily_loss": 1000}, age=age)

    assert result.rule == rule
    stale = result.compared[1]
    seconds = None if age is None else Decimal(age)
    assert (stale.rule, stale.value, stale.limit) == (Rule.ACCOUNT_STATE_STALE, seconds, Decimal(300))
    assert stale.passed is (rule is None)
    if rule is not None:
        assert result.reason == f"Account state is {age} s old, limit 300 s."
        assert result.details == {"age_seconds": seconds, "max_age_seconds": Decimal(300)}


def test_unknown_comes_before_stale() -> None:
    assert judge({}, {"max_daily_loss": 1000}, age="301").rule == Rule.ACCOUNT_STATE_UNKNOWN


def test_an_account_that_was_never_told_of_has_no_state() -> None:
    manager = AccountStateManager({})

    assert manager.get_account_state("FTMO", 1) == {}
    assert manager.load_from_env("FTMO", 1) == {}
    assert manager.known_state("FTMO", 1) == ({}, None)


def test_figures_are_merged_and_their_time_is_noted() -> None:
    clock = Clock()
    manager = AccountStateManager({}, clock=clock)
    manager.update_account_state("FTMO", 1, {"equity": 1, "day_pl": -1})
    clock.now = 1060.0

    manager.update_account_state("FTMO", 1, {"day_pl": -2})

    assert manager.get_account_state("FTMO", 1) == {"equity": 1, "day_pl": -2, "last_update": 1060.0}
    assert manager.known_state("FTMO", 1)[1] == 1060.0


@pytest.mark.parametrize(("firm_code", "program_id"), [("FTMO", 2), ("APEX", 1)])
def test_accounts_do_not_share_state(firm_code: str, program_id: int) -> None:
    manager = AccountStateManager({})
    manager.update_account_state("FTMO", 1, {"day_pl": -1})

    assert manager.get_account_state(firm_code, program_id) == {}


def test_a_firm_code_is_read_in_any_case() -> None:
    manager = AccountStateManager({})
    manager.update_account_state(" ftmo ", 1, {"day_pl": -1})

    assert manager.get_account_state("FTMO", 1)["day_pl"] == -1


def test_a_flag_does_not_make_old_figures_young() -> None:
    clock = Clock()
    manager = AccountStateManager({}, clock=clock)
    manager.update_account_state("FTMO", 1, {"day_pl": -1})
    clock.now = 9000.0

    manager.update_flag("FTMO", 1, "paused", True)

    state, figures_at = manager.known_state("FTMO", 1)
    assert (state["paused"], state["day_pl"], state["last_update"], figures_at) == (True, -1, 9000.0, 1000.0)


def test_a_flag_alone_is_no_figure() -> None:
    manager = AccountStateManager({})
    manager.update_flag("FTMO", 1, "paused", True)

    assert manager.known_state("FTMO", 1)[1] is None


def test_what_is_handed_in_and_out_is_a_copy() -> None:
    manager = AccountStateManager({})
    told = {"positions": ["NQ"]}
    manager.update_account_state("FTMO", 1, told)
    told["positions"].append("ES")
    manager.get_account_state("FTMO", 1)["positions"].append("YM")
    manager.known_state("FTMO", 1)[0]["positions"].append("CL")

    assert manager.get_account_state("FTMO", 1)["positions"] == ["NQ"]


def test_the_environment_is_read_as_exact_dollars_with_its_time() -> None:
    state, figures_at = AccountStateManager(ENVIRON, clock=Clock()).known_state("FTMO", 1)

    assert state == {
        "source": "ENV",
        "equity": Decimal("100000.50"),
        "day_pl": Decimal("-250.0"),
        "last_update": 1000.0,
    }
    assert figures_at == 1000.0


@pytest.mark.parametrize("name", ["EQUITY", "BALANCE", "DAY_PL", "TOTAL_PL", "DRAWDOWN", "PEAK_EQUITY"])
def test_each_figure_of_the_environment_is_read(name: str) -> None:
    assert AccountStateManager({f"FTMO_1_{name}": " 12.5 "}).load_from_env("FTMO", 1)[name.lower()] == Decimal("12.5")


@pytest.mark.parametrize("text", ["", " ", "a lot", "NaN", "inf", "True"])
def test_a_figure_of_the_environment_that_cannot_be_read_is_absent(text: str) -> None:
    assert AccountStateManager({"FTMO_1_EQUITY": text}).known_state("FTMO", 1) == ({}, None)


@pytest.mark.parametrize(
    ("text", "paused"),
    [("true", True), ("1", True), (" YES ", True), ("off", False), ("false", False), ("0", False), ("maybe", True)],
)
def test_a_pause_of_the_environment_that_cannot_be_read_is_a_pause(text: str, paused: bool) -> None:
    state, figures_at = AccountStateManager({"FTMO_1_PAUSED": text}).known_state("FTMO", 1)

    assert (state["paused"], figures_at) == (paused, None)


@pytest.mark.parametrize("loads", [1, 2])
def test_the_environment_never_overwrites_what_was_told(loads: int) -> None:
    clock = Clock()
    manager = AccountStateManager({**ENVIRON, "FTMO_1_PAUSED": "false"}, clock=clock)
    manager.update_account_state("FTMO", 1, {"day_pl": -900, "source": "API"})
    manager.update_flag("FTMO", 1, "paused", True)
    clock.now = 5000.0
    for _ in range(loads):
        state = manager.load_from_env("FTMO", 1)

    assert (state["day_pl"], state["paused"], state["source"]) == (-900, True, "API")
    assert state["equity"] == Decimal("100000.50")
    assert manager.known_state("FTMO", 1)[1] == 1000.0


def test_loading_the_environment_again_does_not_make_its_figures_young() -> None:
    clock = Clock()
    manager = AccountStateManager(ENVIRON, clock=clock)
    manager.load_from_env("FTMO", 1)
    clock.now = 5000.0

    manager.load_from_env("FTMO", 1)

    assert manager.known_state("FTMO", 1)[1] == 1000.0


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Let threads take turns as often as they can, so that a missing lock shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def together(*works: Any) -> None:
    start = threading.Barrier(len(works))
    faults: list[BaseException] = []

    def run(work: Any) -> None:
        start.wait()
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - handed to the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    if faults:
        raise faults[0]


@pytest.mark.usefixtures("restless_threads")
def test_no_update_of_many_threads_is_lost() -> None:
    manager = AccountStateManager({})

    def writer(number: int) -> Any:
        def write() -> None:
            for count in range(400):
                manager.update_flag("FTMO", 1, f"flag_{number}_{count}", count)
                manager.update_account_state("FTMO", number + 2, {f"figure_{count}": count})

        return write

    together(*(writer(number) for number in range(8)))

    flags = manager.get_account_state("FTMO", 1)
    assert {name for name in flags if name.startswith("flag_")} == {
        f"flag_{number}_{count}" for number in range(8) for count in range(400)
    }
    assert [len(manager.get_account_state("FTMO", number + 2)) for number in range(8)] == [401] * 8


@pytest.mark.usefixtures("restless_threads")
def test_figures_that_belong_together_are_never_seen_apart() -> None:
    manager = AccountStateManager({}, clock=itertools.count(1).__next__)
    manager.update_account_state("FTMO", 1, {"day_pl": 0, "total_pl": 0})
    seen: list[tuple[dict[str, Any], float | None]] = []

    def write() -> None:
        for count in range(3000):
            manager.update_account_state("FTMO", 1, {"day_pl": count, "total_pl": count})

    def read() -> None:
        seen.extend(manager.known_state("FTMO", 1) for _ in range(3000))

    together(write, read, read)

    assert len(seen) == 6000
    assert [state for state, _ in seen if state["day_pl"] != state["total_pl"]] == []
    assert [(state, at) for state, at in seen if state["last_update"] != at] == [], "old figures with a new time"

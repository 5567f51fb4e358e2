"""One update at a time: first contact, snapshots, repeats, no data; rules that change, accounts that start again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from account_engine.tracked import Marks, Outcome, SnapshotKind
from account_engine.tracking import restarted
from domain.drawdown_rule import DayBase, DrawdownRule, Family
from tests.paths import FIRST, LOSES, NO_DATA, NOON, PAUSES, RESET, Account, after, rule, told, under


@pytest.mark.parametrize(
    ("figures", "start_balance", "start_equity", "known"),
    [
        ({"equity": 50500}, 50500, 50500, False),
        ({"equity": 50500, "balance": 50200}, 50200, 50500, False),
        # 500 of the day are 300 open and 200 realised, however much of that is said.
        ({"equity": 50500, "day_pl": 500}, 50000, 50000, True),
        ({"equity": 50500, "balance": 50200, "day_pl": 500}, 50000, 50000, True),
        ({"equity": 50500, "balance": 50200, "realized_pl": 200}, 50000, 50000, True),
        ({"equity": 50500, "balance": 50200, "realized_pl": 200, "day_pl": 500}, 50000, 50000, True),
        ({"equity": 50500, "unrealized_pl": 300, "day_pl": 500}, 50000, 50000, True),
        # A position that was open at the start: both results are said, and they lead back to different starts.
        ({"equity": 50500, "balance": 50200, "realized_pl": 200, "day_pl": 100}, 50000, 50400, True),
    ],
)
def test_the_first_contact_begins_the_day_from_what_is_said_of_it(
    figures: dict[str, int], start_balance: int, start_equity: int, known: bool
) -> None:
    account = Account()
    account.take(told(NOON, **{name: Decimal(figure) for name, figure in figures.items()}))

    day = account.day
    assert (day.day, day.start_balance, day.start_equity, day.start_known) == (
        FIRST,
        start_balance,
        start_equity,
        known,
    )
    assert (day.high_equity, day.low_equity) == (50500, 50500)
    assert account.standing.day_start == start_equity
    assert account.standing.daily_floor == start_equity - 1000
    assert account.tracked.figures.get("day_pl") == (50500 - start_equity if known else None)


@pytest.mark.parametrize(
    ("told_of_it", "equity", "balance"),
    [
        ({"balance": 50200, "unrealized_pl": 300}, 50500, 50200),
        ({"equity": 50500, "unrealized_pl": 300}, 50500, 50200),
        ({"equity": 50500, "balance": 50100, "unrealized_pl": 300}, 50500, 50100),
        ({"equity": 50500}, 50500, None),
        ({"balance": 50200}, None, 50200),
    ],
)
def test_equity_and_balance_follow_from_each_other_where_the_open_profit_is_said(
    told_of_it: dict[str, int], equity: int | None, balance: int | None
) -> None:
    account = Account()
    account.take(told(NOON, **{name: Decimal(figure) for name, figure in told_of_it.items()}))
    assert (account.tracked.figures.get("equity"), account.tracked.figures.get("balance")) == (equity, balance)


@pytest.mark.parametrize(
    ("base", "day_start"), [(DayBase.BALANCE, 50000), (DayBase.EQUITY, 50400), (DayBase.LARGER, 50400)]
)
def test_the_first_days_limit_counts_from_its_base(base: DayBase, day_start: int) -> None:
    account = Account(rules=under(rule(base=base)))
    account.take(after(0, 50500, 50200, realized_pl=Decimal(200), day_pl=Decimal(100)))
    assert account.standing.day_start == day_start


@pytest.mark.parametrize("figures", [{"balance": Decimal(50000)}, {"day_pl": Decimal(5)}, {}])
def test_without_an_equity_no_day_begins_and_none_is_closed(figures: dict[str, Decimal]) -> None:
    account = Account()
    account.take(told(NOON, **figures))
    account.close(RESET + timedelta(days=3))
    assert account.tracked.day is None
    assert account.closed_once == []


@pytest.mark.parametrize(
    ("seconds", "kind"), [("0.999999", None), ("1", SnapshotKind.UPDATE), ("1.000001", SnapshotKind.UPDATE)]
)
def test_one_state_a_second_is_kept(seconds: str, kind: SnapshotKind | None) -> None:
    account = Account()
    account.take(after(0, 50100, 50000), after(0, 49900, 50000))

    step = account.take(after(float(seconds), 50000, 50000))

    assert [snapshot.kind for snapshot in step.snapshots] == ([] if kind is None else [kind])
    kept = 0.0 if kind is None else float(seconds)
    assert account.tracked.last_snapshot_at == NOON + timedelta(seconds=kept)
    assert account.tracked.figures["equity"] == 50000


@pytest.mark.parametrize(
    ("equity", "balance", "extreme"),
    [
        ("50100.00", "50000", False),  # as high as before
        ("50100.01", "50000", True),
        ("49900.00", "50000", False),  # as low as before
        ("49899.99", "50000", True),
        ("50000", "50000.01", True),  # the closed balance's mark
    ],
)
def test_each_new_extreme_is_kept_within_the_second(equity: str, balance: str, extreme: bool) -> None:
    account = Account()
    account.take(after(0, 50100, 50000), after(0.1, 49900, 50000))
    step = account.take(after(0.2, equity, balance))
    assert [snapshot.kind for snapshot in step.snapshots] == ([SnapshotKind.EXTREME] if extreme else [])


def test_a_breach_is_kept_within_the_second() -> None:
    account = Account(rules=under(rule(Family.STATIC, None)))
    account.take(after(0, 50100, 50000), after(0.1, 47000, 50000))
    # The rule was tightened; the next state is nothing but a breach.
    account.rules = under(replace(rule(Family.STATIC, None), amount=Decimal(1000)))
    account.tracked = replace(account.tracked, standing=replace(account.standing, breached_at=None))
    assert [snapshot.kind for snapshot in account.take(after(0.2, 48000, 50000)).snapshots] == [SnapshotKind.EXTREME]


def test_news_without_figures_leaves_no_snapshot() -> None:
    account = Account()
    assert account.take(told(NOON, positions=({"symbol": "NQ"},), details={"x": 1})).snapshots == ()
    assert account.tracked.positions == ({"symbol": "NQ"},)


def test_a_disconnected_platform_keeps_the_figures_and_breaches_nothing() -> None:
    account = Account()
    account.take(after(0, 50100, 50000))
    before = account.tracked

    first, again = account.take(after(5, **NO_DATA)), account.take(after(6, **NO_DATA))

    assert first.outcome is again.outcome is Outcome.NO_DATA
    assert account.tracked == replace(before, no_data_since=NOON + timedelta(seconds=5))
    assert [snapshot.kind for snapshot in (*first.snapshots, *again.snapshots)] == [SnapshotKind.NO_DATA]
    assert [snapshot.equity for snapshot in first.snapshots] == [None]


@pytest.mark.parametrize(
    ("seconds", "connected", "equity"),
    [(0, False, 50100), (4.999999, False, 50200), (5, True, 50200), (5.000001, True, 50200)],
)
def test_only_news_from_before_a_disconnect_leaves_it(seconds: float, connected: bool, equity: int) -> None:
    account = Account()
    first = after(0, 50100, 50000)
    account.take(first, after(5, **NO_DATA))
    account.take(first if seconds == 0 else after(seconds, 50200, 50000))
    assert (account.tracked.no_data_since is None) is connected
    assert account.tracked.figures["equity"] == equity


def test_a_disconnect_that_news_has_overtaken_is_over() -> None:
    account = Account()
    account.take(after(10, 50100, 50000))
    assert account.take(after(9, **NO_DATA)).snapshots == ()
    assert account.tracked.no_data_since is None
    account.take(after(10, **NO_DATA))
    assert account.tracked.no_data_since == NOON + timedelta(seconds=10)


def test_other_rules_are_worked_out_from_the_marks() -> None:
    account = Account(rules=under(rule(Family.TRAILING_INTRADAY, lock_at="50100")))
    account.take(after(0, 52500, 51000), after(1, 51500, 51000))
    assert (account.standing.floor, account.tracked.floor_locked_at) == (50100, NOON)

    account.rules = under(rule(Family.TRAILING_CLOSED))
    account.close(NOON)

    assert (account.standing.floor, account.standing.locked, account.tracked.floor_locked_at) == (49000, False, None)
    assert account.standing.equity == 51500
    assert account.tracked.rule_digest == account.rules.digest


def test_a_first_rule_knows_the_equity() -> None:
    account = Account(rules=under(None))
    account.take(after(0, 51500, 51000))
    account.rules = under(rule(Family.STATIC))
    account.close(NOON)
    assert (account.standing.equity, account.standing.room) == (51500, 3500)


LOST = [
    pytest.param(rule(Family.STATIC, None), "48000", id="by the floor"),
    pytest.param(rule(Family.STATIC, LOSES), "49000", id="by the day"),
]


@pytest.mark.parametrize(("before", "equity"), LOST)
@pytest.mark.parametrize(
    "then",
    [
        pytest.param(replace(rule(Family.STATIC, None), amount=Decimal(9000)), id="a wider floor"),
        pytest.param(rule(Family.STATIC, PAUSES), id="a day that pauses"),
        pytest.param(rule(Family.TRAILING_INTRADAY, LOSES), id="another family"),
        pytest.param(None, id="none"),
    ],
)
def test_no_change_of_rules_undoes_a_loss(before: DrawdownRule, equity: str, then: DrawdownRule | None) -> None:
    account = Account(rules=under(before))
    account.take(after(0, 50000, 50000), after(5, equity, 50000), after(6, 50000, 50000))
    account.close(RESET)
    for changed in (then, None, rule(Family.STATIC, PAUSES)):
        account.rules = under(changed)
        account.close(RESET)
        account.take(told(RESET + timedelta(seconds=1), 50000, 50000))

        lost = [account.standing.breached_at]
        if changed is not None and changed.daily is not None and changed.daily.consequence is LOSES:
            lost.append(account.standing.daily_breached_at)
        assert NOON + timedelta(seconds=5) in lost
    account.close(RESET + timedelta(days=2))
    assert account.standing.breached_at == NOON + timedelta(seconds=5)


def test_a_loss_by_the_day_stays_one_by_the_day_where_the_rule_still_says_so() -> None:
    account = Account(rules=under(rule(Family.STATIC, LOSES)))
    account.take(after(0, 50000, 50000), after(5, 49000, 50000))
    account.close(RESET)
    account.rules = under(rule(Family.STATIC, LOSES, base=DayBase.BALANCE))
    account.close(RESET)
    assert (account.standing.breached_at, account.standing.daily_breached_at) == (None, NOON + timedelta(seconds=5))


def test_a_pause_outlives_a_rule_that_goes_and_comes_back_but_not_the_reset() -> None:
    account = Account(rules=under(rule(Family.STATIC)))
    account.take(after(0, 50000, 50000), after(5, 49000, 50000))
    account.rules = under(None)
    account.take(after(6, 49500, 50000))
    account.rules = under(rule(Family.STATIC))
    account.take(after(7, 49500, 50000))
    assert account.standing.daily_breached_at == NOON + timedelta(seconds=5)

    account.rules = under(None)
    step = account.close(RESET)
    account.rules = under(rule(Family.STATIC))
    account.close(RESET)
    assert [reset.released for reset in step.resets] == [True]
    assert (account.standing.breached_at, account.standing.daily_breached_at) == (None, None)


def test_a_rule_that_goes_leaves_nothing_where_nothing_had_happened() -> None:
    account = Account(rules=under(rule(Family.STATIC)))
    account.take(after(0, 50000, 50000))
    account.rules = under(None)
    account.close(NOON)
    assert account.standing is None


def test_a_new_start_forgets_marks_floor_and_breach() -> None:
    account = Account(rules=under(rule(Family.TRAILING_INTRADAY)))
    account.take(after(0, 53000, 52000), after(5, 47000, 47000))
    old = account.tracked

    account.tracked = restarted(replace(old, version=7), account.rules, NOON + timedelta(seconds=10))

    assert (account.tracked.version, account.tracked.life, account.tracked.marks) == (7, 2, Marks())
    assert (account.standing.floor, account.standing.breached_at) == (48000, None)
    assert account.tracked.figures == {}
    account.take(after(11, 50000, 50000))
    assert (account.standing.floor, account.standing.breached_at) == (48000, None)


@pytest.mark.parametrize(("seconds", "counts"), [(9.999999, False), (10, True), (10.000001, True)])
@pytest.mark.parametrize("first", [False, True])
def test_what_was_told_of_a_former_life_is_of_no_account(first: bool, seconds: float, counts: bool) -> None:
    account = Account(rules=under(rule(Family.TRAILING_INTRADAY)))
    account.take(after(0, 53000, 52000))
    account.tracked = restarted(account.tracked, account.rules, NOON + timedelta(seconds=10))
    if not first:
        account.take(after(11, 50000, 50000))
    before = account.tracked

    step = account.take(after(seconds, 52500, 52000))

    if counts:
        assert account.standing.floor == 50500
    else:
        assert (step.outcome, step.tracked) == (Outcome.OLDER, before)
        assert [snapshot.kind for snapshot in step.snapshots] == [SnapshotKind.LATE]
    account.take(after(9, **NO_DATA))
    assert account.tracked.no_data_since is None


def test_a_life_begins_after_the_news_that_was_there() -> None:
    account = Account()
    account.take(after(100, 53000, 52000))
    account.tracked = restarted(account.tracked, account.rules, NOON)
    assert account.tracked.began_at == NOON + timedelta(seconds=100)

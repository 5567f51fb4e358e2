"""The four drawdown families, to the cent: the firms' figures and rules, the edges, what holds on every path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_engine.drawdown import DayClose, Reading, Standing, advance, begin, follow
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family

START = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
Path = list[Reading | DayClose]


def some(figure: Decimal | None) -> Decimal:
    assert figure is not None
    return figure


def rule(family: Family, amount: str, lock_at: str | None = None, start: str = "50000") -> DrawdownRule:
    lock = None if lock_at is None else Decimal(lock_at)
    return DrawdownRule(family=family, starting_balance=Decimal(start), amount=Decimal(amount), lock_at=lock)


def daily(base: DayBase, consequence: Consequence = Consequence.PAUSED_TO_RESET, amount: str = "1000") -> DrawdownRule:
    return DrawdownRule(
        family=Family.STATIC,
        starting_balance=Decimal(50000),
        amount=Decimal(10000),
        daily=DailyLoss(amount=Decimal(amount), base=base, consequence=consequence),
    )


def path(*figures: str) -> Path:
    """``equity/balance`` readings, one a minute; a figure alone is both; a day's end begins with ``|``."""
    points: Path = []
    for minute, text in enumerate(figures):
        equity, _, balance = text.removeprefix("|").partition("/")
        kind = DayClose if text.startswith("|") else Reading
        moment = START + timedelta(minutes=minute)
        points.append(kind(at=moment, equity=Decimal(equity), balance=Decimal(balance or equity)))
    return points


@pytest.mark.parametrize(
    ("given_rule", "figures", "floor", "locked"),
    [
        # FTMO 2-Step 200K: 10 % of the initial balance, static (ftmo.com/en/faq/ftmo-account: 20,000 of 200,000).
        (rule(Family.STATIC, "20000", start="200000"), ["|230000"], "180000", False),
        # Leeloo 50K: at a highest open point of 52,600 the floor fixes at 50,100 (support.leelootrading.com/kb/a17).
        (rule(Family.TRAILING_INTRADAY, "2500", "50100"), ["52600/50000", "51000"], "50100", True),
        (rule(Family.TRAILING_INTRADAY, "2500", "50100"), ["52599/50000"], "50099", False),
        (rule(Family.TRAILING_INTRADAY, "2500", "50100"), ["60000/50000"], "50100", True),
        # Topstep 50K: 2,000 below the highest end-of-day balance, stops at the start. The rule, applied by us.
        (rule(Family.TRAILING_EOD, "2000", "50000"), ["51000"], "48000", False),
        (rule(Family.TRAILING_EOD, "2000", "50000"), ["51500", "|51000"], "49000", False),
        (rule(Family.TRAILING_EOD, "2000", "50000"), ["|52500", "|51000"], "50000", True),
        # FTMO 1-Step 100K: 10 % below the highest midnight balance (ftmo.com/au/?p=1671). The rule, applied by us.
        (rule(Family.TRAILING_EOD, "10000", start="100000"), ["|104000", "|101000", "|130000"], "120000", False),
        # Realised balance only: open profit moves nothing, a closed one does at once.
        (rule(Family.TRAILING_CLOSED, "2000"), ["53000/50000"], "48000", False),
        (rule(Family.TRAILING_CLOSED, "2000"), ["53000/50000", "53000/53000"], "51000", False),
    ],
)
def test_the_floor_is_where_the_firm_has_it(
    given_rule: DrawdownRule, figures: list[str], floor: str, locked: bool
) -> None:
    standing = follow(given_rule, path(*figures))
    assert (standing.floor, standing.locked) == (Decimal(floor), locked)
    assert standing.breached_at is None


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize(("equity", "breached"), [("48000.01", False), ("48000.00", True), ("47999.99", True)])
def test_equity_at_the_floor_is_a_breach(family: Family, equity: str, breached: bool) -> None:
    standing = follow(rule(family, "2000"), path("50000", f"{equity}/50000"))
    assert (standing.breached_at == START + timedelta(minutes=1)) is breached
    assert standing.room == Decimal(equity) - 48000


def test_a_breach_keeps_its_first_moment() -> None:
    standing = follow(rule(Family.STATIC, "2000"), path("50000", "47000", "46000", "55000", "40000"))
    assert standing.breached_at == START + timedelta(minutes=1)


def test_a_new_high_moves_the_floor_for_what_follows_and_not_for_itself() -> None:
    trailing = rule(Family.TRAILING_EOD, "2000")
    # The day closes with a balance of 53,000 and an open loss: the floor in force was still 48,000.
    standing = follow(trailing, path("|50500/53000"))
    assert (standing.floor, standing.breached_at) == (Decimal(51000), None)
    assert follow(trailing, path("50500/53000"), since=standing).breached_at == START


@pytest.mark.parametrize(
    ("base", "close", "floor"),
    [
        # FTMO: the balance at midnight less 5 % of the initial one (academy.ftmo.com/lesson/maximum-daily-loss).
        (DayBase.BALANCE, "|52000/51000", "50000"),
        (DayBase.EQUITY, "|52000/51000", "51000"),
        (DayBase.LARGER, "|52000/51000", "51000"),
        (DayBase.LARGER, "|50000/51000", "50000"),
    ],
)
def test_the_days_floor_is_counted_from_its_base(base: DayBase, close: str, floor: str) -> None:
    standing = follow(daily(base), path(close))
    assert standing.daily_floor == Decimal(floor)
    assert standing.daily_room == standing.equity - Decimal(floor)


@pytest.mark.parametrize(("equity", "breached"), [("49000.01", False), ("49000.00", True), ("48999.99", True)])
def test_equity_at_the_days_floor_reaches_the_daily_limit(equity: str, breached: bool) -> None:
    standing = follow(daily(DayBase.BALANCE), path(equity))
    assert (standing.daily_breached_at is not None) is breached
    assert standing.breached_at is None


def test_the_days_end_releases_a_pause_and_never_a_lost_account() -> None:
    figures = path("48900", "|49500")
    assert follow(daily(DayBase.BALANCE), figures).daily_breached_at is None
    assert follow(daily(DayBase.BALANCE, Consequence.ACCOUNT_LOST), figures).daily_breached_at == START


@pytest.mark.parametrize(("amount", "lock_at"), [("0", None), ("-1", None), ("2000", "47999.99")])
def test_a_rule_that_makes_no_sense_is_refused(amount: str, lock_at: str | None) -> None:
    with pytest.raises(ValueError, match=r"above 0|below the first floor"):
        rule(Family.TRAILING_EOD, amount, lock_at)


def test_a_lock_at_the_first_floor_is_locked_from_the_start() -> None:
    standing = follow(rule(Family.TRAILING_INTRADAY, "2000", "48000"), path("60000"))
    assert (standing.locked, standing.floor) == (True, Decimal(48000))


cents = st.integers(4_000_000, 7_000_000).map(lambda amount: Decimal(amount) / 100)
rules = st.builds(
    DrawdownRule,
    family=st.sampled_from(Family),
    starting_balance=st.just(Decimal(50000)),
    amount=st.sampled_from([Decimal(1500), Decimal("2500.50")]),
    lock_at=st.sampled_from([None, Decimal(50000), Decimal(50100)]),
    daily=st.none()
    | st.builds(
        DailyLoss,
        amount=st.just(Decimal(1000)),
        base=st.sampled_from(DayBase),
        consequence=st.sampled_from(Consequence),
    ),
)


@st.composite
def paths(draw: st.DrawFn) -> Path:
    figures = draw(st.lists(st.tuples(st.booleans(), cents, cents), max_size=25))
    points: Path = []
    for minute, (closes, equity, balance) in enumerate(figures):
        moment = START + timedelta(minutes=minute)
        kind = DayClose if closes else Reading
        points.append(kind(at=moment, equity=equity, balance=balance))
    return points


def steps(given_rule: DrawdownRule, points: Path) -> list[Standing]:
    standings = [begin(given_rule)]
    for point in points:
        standings.append(advance(given_rule, standings[-1], point))
    return standings


@given(rules, paths())
def test_a_floor_never_falls_a_lock_never_opens_a_breach_is_never_undone(
    given_rule: DrawdownRule, points: Path
) -> None:
    standings = steps(given_rule, points)
    for before, after in pairwise(standings):
        assert some(after.floor) >= some(before.floor)
        assert after.high_water_mark >= before.high_water_mark
        assert after.locked or not before.locked
        assert not before.locked or after.floor == before.floor
        assert before.breached_at is None or after.breached_at == before.breached_at


@given(rules, paths())
def test_room_is_equity_less_floor_to_the_cent_and_nothing_left_is_a_breach(
    given_rule: DrawdownRule, points: Path
) -> None:
    standings = steps(given_rule, points)
    for before, after, point in zip(standings, standings[1:], points, strict=False):
        assert after.room == point.equity - some(after.floor) == (some(after.room) * 100).to_integral_value() / 100
        if before.breached_at is None:
            assert (after.breached_at is not None) is (point.equity <= some(before.floor))


@given(rules, paths(), st.integers(0, 25))
def test_a_path_in_pieces_is_the_path_as_a_whole(given_rule: DrawdownRule, points: Path, cut: int) -> None:
    pieces = follow(given_rule, points[cut:], since=follow(given_rule, points[:cut]))
    assert pieces == follow(given_rule, points)


@given(rules, paths())
def test_the_floor_never_passes_its_lock_nor_the_mark_less_the_amount(given_rule: DrawdownRule, points: Path) -> None:
    standing = follow(given_rule, points)
    assert some(standing.floor) <= max(standing.high_water_mark - some(given_rule.amount), some(given_rule.first_floor))
    if given_rule.lock_at is not None:
        assert some(standing.floor) <= given_rule.lock_at


def test_a_program_without_a_drawdown_has_no_floor_and_keeps_its_daily_limit() -> None:
    """Topstep's live accounts are published with a daily limit and no drawdown figure."""
    limit = DailyLoss(amount=Decimal(2000), base=DayBase.BALANCE, consequence=Consequence.PAUSED_TO_RESET)
    no_drawdown = DrawdownRule(
        family=Family.TRAILING_INTRADAY, starting_balance=Decimal(50000), amount=None, daily=limit
    )
    standing = follow(
        no_drawdown,
        [Reading(at=START, equity=Decimal(equity), balance=Decimal(50000)) for equity in ("50500", "48000", "100")],
    )
    assert (standing.floor, standing.room, standing.breached_at, standing.locked) == (None, None, None, False)
    assert standing.high_water_mark == Decimal(50500)
    assert (standing.daily_room, standing.daily_breached_at) == (Decimal(-47900), START)


def test_a_lock_without_a_drawdown_is_refused() -> None:
    with pytest.raises(ValueError, match="lock_at 50000 is below the first floor None"):
        DrawdownRule(family=Family.STATIC, starting_balance=Decimal(50000), amount=None, lock_at=Decimal(50000))


@pytest.mark.parametrize(
    ("equity", "paused", "lost"),
    [
        ("49000.01", False, False),
        ("49000", True, False),  # the owner's own 1,000 only ends the day
        ("47500.01", True, False),
        ("47500", True, True),  # the firm's 2,500 takes the account away
        ("47499.99", True, True),
    ],
)
def test_beyond_the_owners_daily_limit_the_firms_own_takes_the_account(equity: str, paused: bool, lost: bool) -> None:
    """FTMO's daily limit costs the account (academy.ftmo.com, maximum daily loss); an owner may set a smaller one."""
    limit = DailyLoss(
        amount=Decimal(1000),
        base=DayBase.BALANCE,
        consequence=Consequence.PAUSED_TO_RESET,
        lost_at=Decimal(2500),
    )
    given_rule = DrawdownRule(family=Family.STATIC, starting_balance=Decimal(50000), amount=Decimal(5000), daily=limit)
    reading = Reading(at=START, equity=Decimal(equity), balance=Decimal(50000))
    close = DayClose(at=START + timedelta(hours=8), equity=Decimal(50000), balance=Decimal(50000))
    standing = follow(given_rule, [reading])
    assert (standing.daily_breached_at is not None, standing.breached_at is not None) == (paused, lost)
    after_reset = follow(given_rule, [close], since=standing)
    assert (after_reset.daily_breached_at, after_reset.breached_at is not None) == (None, lost)

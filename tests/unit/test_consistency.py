"""The consistency rule at its edges, for each base a firm takes the share of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from account_engine.consistency import ConsistencyStanding, consistency
from account_engine.daily_history import DayResult
from domain.rule_set import Consistency, ShareOf

MONDAY = date(2026, 6, 8)
RESULT = DayResult(
    day=MONDAY,
    pnl=Decimal(0),
    platform_pnl=None,
    equity_pnl=None,
    traded=True,
    finalised=True,
    late=False,
)
FTMO_1_STEP = Consistency(share=Decimal("0.5"), of=ShareOf.POSITIVE_DAYS)
COMBINE = Consistency(share=Decimal("0.5"), of=ShareOf.PROFIT_TARGET)
APEX_PA = Consistency(share=Decimal("0.5"), of=ShareOf.TOTAL_PROFIT, at_payout=True)
APEX_LEGACY = Consistency(share=Decimal("0.3"), of=ShareOf.TOTAL_PROFIT, at_payout=True)


def dollars(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def made(*figures: str | None) -> list[DayResult]:
    """Days in a row with these results; None is a day without a figure."""
    return [replace(RESULT, day=MONDAY + timedelta(days=n), pnl=dollars(figure)) for n, figure in enumerate(figures)]


@pytest.mark.parametrize(
    ("rule", "target", "figures", "share", "passed"),
    [
        # FTMO 1-Step: the best day at most 50 % of the sum of the positive days; losses do not count.
        (FTMO_1_STEP, None, ["3000", "-4000", "2000", "999.99"], None, False),
        (FTMO_1_STEP, None, ["3000", "-4000", "2000", "1000.00"], "0.5", True),
        (FTMO_1_STEP, None, ["3000", "-4000", "2000", "1000.01"], None, True),
        (FTMO_1_STEP, None, ["100"], "1", False),
        # Topstep's Combine of 50K: 50 % of a target of 3,000, whatever the other days made.
        (COMBINE, "3000", ["1499.99", "20", "-900"], None, True),
        (COMBINE, "3000", ["1500.00", "20", "-900"], "0.5", True),
        (COMBINE, "3000", ["1500.01", "20", "-900"], None, False),
        (COMBINE, "3000", ["6000", "-6000"], "2", False),
        # Apex: 50 % of the profit at a payout; a losing day takes away from it. Legacy accounts: 30 %.
        (APEX_PA, None, ["1000", "1500.00", "-500", "999.99"], None, False),
        (APEX_PA, None, ["1000", "1500.00", "-500", "1000.00"], "0.5", True),
        (APEX_PA, None, ["1000", "1500.00", "-500", "1000.01"], None, True),
        (APEX_LEGACY, None, ["250", "300", "250", "199.99"], None, False),
        (APEX_LEGACY, None, ["250", "300", "250", "200.00"], "0.3", True),
        (APEX_LEGACY, None, ["250", "300", "250", "200.01"], None, True),
        # Nothing is judged: no winning day, no profit to take a share of, no target.
        (FTMO_1_STEP, None, [], None, None),
        (FTMO_1_STEP, None, ["-100", "0"], None, None),
        (APEX_PA, None, ["500", "-499.99"], "50000", False),
        (APEX_PA, None, ["500", "-500"], None, None),
        (APEX_PA, None, ["500", "-500.01"], None, None),
        (COMBINE, "3000", [], None, None),
        (COMBINE, "3000", ["-20"], None, None),
        (COMBINE, None, ["500"], None, None),
        (COMBINE, "0", ["500"], None, None),
    ],
)
def test_the_best_day_may_be_its_share_and_no_more(
    rule: Consistency, target: str | None, figures: list[str | None], share: str | None, passed: bool | None
) -> None:
    standing = consistency(made(*figures), rule, dollars(target))
    assert standing.passed is passed
    if share is not None:
        assert standing.share == Decimal(share)
    assert (standing.share is None) is (passed is None)


@pytest.mark.parametrize(
    ("rule", "target", "figures", "expected"),
    [
        (
            FTMO_1_STEP,
            None,
            ["200", "3000", "-4000", "2000"],
            {"best": "3000", "base": "5200", "best_day_allowed": "2600", "base_needed": "6000", "profit_needed": "800"},
        ),
        (
            APEX_PA,
            None,
            ["200", "3000", "-4000", "2000"],
            {"best": "3000", "base": "1200", "best_day_allowed": "600", "base_needed": "6000", "profit_needed": "4800"},
        ),
        # Below zero there is no share, and yet it is known what is missing.
        (
            APEX_PA,
            None,
            ["0", "500", "-700"],
            {"best": "500", "base": "-200", "best_day_allowed": None, "base_needed": "1000", "profit_needed": "1200"},
        ),
        # 100 / 0.3 = 333.33...: the cent above it is the first that is enough.
        (
            APEX_LEGACY,
            None,
            ["0", "100"],
            {
                "best": "100",
                "base": "100",
                "best_day_allowed": "30",
                "base_needed": "333.34",
                "profit_needed": "233.34",
            },
        ),
        (
            APEX_LEGACY,
            None,
            ["0", "100", "99", "98", "97"],
            {"best": "100", "base": "394", "best_day_allowed": "118.2", "base_needed": "333.34", "profit_needed": "0"},
        ),
        # A target does not grow with the profit.
        (
            COMBINE,
            "3000",
            ["0", "1600"],
            {"best": "1600", "base": "3000", "best_day_allowed": "1500", "base_needed": None, "profit_needed": None},
        ),
    ],
)
def test_what_the_base_allows_and_what_the_best_day_needs(
    rule: Consistency, target: str | None, figures: list[str | None], expected: dict[str, str | None]
) -> None:
    standing = consistency(made(*figures), rule, dollars(target))
    assert standing.best_on == MONDAY + timedelta(days=1)
    assert {name: getattr(standing, name) for name in expected} == {
        name: dollars(figure) for name, figure in expected.items()
    }


def test_without_a_winning_day_there_is_no_best_one() -> None:
    standing = consistency(made("-5", "0"), COMBINE, Decimal(3000))
    assert standing == ConsistencyStanding(
        best=None,
        best_on=None,
        base=Decimal(3000),
        share=None,
        passed=None,
        best_day_allowed=Decimal(1500),
        base_needed=None,
        missing=(),
        provisional=False,
    )
    assert consistency(made("-5"), APEX_PA).profit_needed is None


def test_a_share_of_a_target_nobody_knows_is_not_judged() -> None:
    standing = consistency(made("500"), COMBINE)
    assert (standing.base, standing.share, standing.passed, standing.best_day_allowed) == (None, None, None, None)


@pytest.mark.parametrize(("rule", "target"), [(FTMO_1_STEP, None), (APEX_PA, None), (COMBINE, Decimal(3000))])
@pytest.mark.parametrize("figures", [("100", None, "100", "100"), ("5000", None, "1")])
def test_a_day_without_a_figure_leaves_the_verdict_open_and_is_named(
    rule: Consistency, target: Decimal | None, figures: tuple[str | None, ...]
) -> None:
    standing = consistency(made(*figures), rule, target)
    assert standing.passed is None
    assert standing.missing == (MONDAY + timedelta(days=1),)
    assert standing.share == consistency(made(*(figure or "0" for figure in figures)), rule, target).share


def test_the_first_of_equally_good_days_is_the_best() -> None:
    days = made("-50", "300", "300", "10")
    assert consistency(days, APEX_PA).best_on == MONDAY + timedelta(days=1)
    assert consistency(reversed(days), APEX_PA).best_on == MONDAY + timedelta(days=1)


def test_the_running_day_counts_and_makes_the_verdict_provisional() -> None:
    days = made("1000", "1000")
    assert not consistency(days, APEX_PA).provisional
    standing = consistency([days[0], replace(days[1], finalised=False)], APEX_PA)
    assert (standing.passed, standing.provisional) == (True, True)
    assert not consistency([], APEX_PA).provisional


def test_the_platforms_figure_is_the_one_that_is_judged() -> None:
    days = made("1000", "1000")
    judged = consistency([days[0], replace(days[1], platform_pnl=Decimal(999))], APEX_PA)
    assert (judged.base, judged.passed) == (Decimal(1999), False)


def test_it_makes_no_difference_when_the_firm_judges() -> None:
    days = made("1000", "900")
    assert consistency(days, APEX_PA) == consistency(days, replace(APEX_PA, at_payout=False))


@pytest.mark.parametrize("share", ["0", "-0.5", "1.01", "50"])
def test_a_share_that_is_no_fraction_is_refused(share: str) -> None:
    with pytest.raises(ValueError, match=f"above 0 and at most 1, not {share}"):
        consistency([], Consistency(share=Decimal(share), of=ShareOf.TOTAL_PROFIT))


def test_a_share_of_one_is_a_rule_that_a_single_day_keeps() -> None:
    assert consistency(made("10"), Consistency(share=Decimal(1), of=ShareOf.TOTAL_PROFIT)).passed is True


cents = st.integers(-200_000, 200_000).map(lambda amount: Decimal(amount) / 100)
histories = st.lists(cents, max_size=15).map(lambda figures: made(*map(str, figures)))
rules = st.builds(
    Consistency,
    share=st.sampled_from(
        [Decimal("0.2"), Decimal("0.3"), Decimal("0.35"), Decimal("0.4"), Decimal("0.5"), Decimal(1)]
    ),
    of=st.sampled_from(ShareOf),
)
targets = st.sampled_from([Decimal(1500), Decimal(3000), Decimal("333.33")])


@given(histories, rules, targets)
def test_the_verdict_is_the_exact_comparison(days: list[DayResult], rule: Consistency, target: Decimal) -> None:
    standing = consistency(days, rule, target)
    figures = [Fraction(day.counted) for day in days if day.counted is not None]
    base = {
        ShareOf.TOTAL_PROFIT: sum(figures),
        ShareOf.POSITIVE_DAYS: sum(figure for figure in figures if figure > 0),
        ShareOf.PROFIT_TARGET: Fraction(target),
    }[rule.of]
    best = max(figures, default=Fraction(0))
    if best <= 0 or base <= 0:
        assert (standing.share, standing.passed) == (None, None)
    else:
        assert standing.passed is (best / base <= Fraction(rule.share))
        assert standing.share is not None
        assert standing.base is not None
        assert abs(Fraction(standing.share) - best / base) < Fraction(1, 10**18) * (1 + best / base)
        assert standing.best_day_allowed == rule.share * standing.base


@given(histories.flatmap(lambda days: st.tuples(st.just(days), st.permutations(days))), rules, targets)
def test_the_order_of_the_days_makes_no_difference(
    orders: tuple[list[DayResult], list[DayResult]], rule: Consistency, target: Decimal
) -> None:
    days, shuffled = orders
    assert consistency(shuffled, rule, target) == consistency(days, rule, target)


@given(histories, rules)
def test_the_profit_needed_is_enough_and_a_cent_less_is_not(days: list[DayResult], rule: Consistency) -> None:
    assume(rule.of is not ShareOf.PROFIT_TARGET)
    standing = consistency(days, rule)
    assume(standing.best is not None)
    assert standing.best is not None
    assert standing.profit_needed is not None
    if standing.profit_needed == 0:
        assert standing.passed is True
        return

    def verdict_with(profit: Decimal) -> bool | None:
        assert standing.best is not None
        full, rest = divmod(profit, standing.best)
        further = [str(standing.best)] * int(full) + [str(rest)]
        return consistency(made(*(str(day.pnl) for day in days), *further), rule).passed

    assert verdict_with(standing.profit_needed) is True
    # A cent less fails, or leaves nothing to take a share of.
    assert verdict_with(standing.profit_needed - Decimal("0.01")) is not True

"""The rule sets that ship: every one is well founded, and known cases are as their sources say."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from config.firm_data import firms
from config.rule_set_shape import PARAMETERS, first_day
from config.rule_sets import rule_set_book, rule_sets
from domain.drawdown_rule import Consequence, DayBase, Family
from domain.firm_day import FirmDay
from domain.rule_set import Confidence, Consistency, RuleSet, ShareOf

EVERY = list(rule_sets().values())
EOD_PA = "Apex EOD PA help page as quoted by jbot-bit/canompx3"
BULENOX = "bulenox.com help pages and a field-sourced catalogue captured 2026-09-01; d1fpc3/d1fpc3-site (2026-09-17)"
LEELOO = "support.leelootrading.com knowledge base; leelootrading.com program pages (stored copies)"


def test_every_file_is_free_of_errors_and_every_firm_has_its_rule_sets() -> None:
    assert rule_set_book().problems == ()
    counted = Counter(rule_set.firm_code for rule_set in EVERY)
    assert counted == {"FTMO": 20, "APEX": 33, "TOPSTEP": 9, "BULENOX": 10, "LEELOO": 9}
    assert set(counted) == set(firms()) == set(rule_set_book().days)


@pytest.mark.parametrize("rule_set", EVERY, ids=lambda rule_set: str(rule_set.ref))
def test_a_rule_set_is_well_founded(rule_set: RuleSet) -> None:
    size = f"-{int(rule_set.account_size / 1000)}k"
    assert rule_set.ref.id.startswith(f"{rule_set.firm_code.lower()}-")
    assert rule_set.ref.id.endswith(size)
    assert all((rule_set.program, rule_set.source, rule_set.automation, rule_set.notes["day"]))
    checked = first_day(rule_set.checked)
    assert checked is None or rule_set.check_again == checked + timedelta(days=90)
    assert checked is not None or rule_set.check_again == rule_set.ref.version
    assert rule_set.ref.version >= date(2026, 1, 1)
    # What limits no order may be missing; a missing limit must be named, or be one that the firm does not have.
    assert set(rule_set.unknown) <= {*PARAMETERS, "day"}
    assert (rule_set.drawdown.amount is None) == ("drawdown" in rule_set.unknown)
    assert rule_set.day == rule_set_book().days[rule_set.firm_code]
    # A date that is not the firm's own says so. The firm's own: Apex "4.0", in force for purchases since 2026-03-01.
    firms_own = "(4.0)" in rule_set.program and rule_set.ref.version == date(2026, 3, 1)
    assert ("effective" in rule_set.notes) != firms_own


def test_no_rule_set_says_what_its_firms_policy_does_not() -> None:
    for rule_set in EVERY:
        policy = firms()[rule_set.firm_code].automation_policy.policy
        assert rule_set.automation == ("prohibited_via_api" if rule_set.phase == "live" else policy)


# Typed by hand from the sources named beside them, dollars and contracts. ``daily``: amount, base, consequence.
KNOWN: dict[str, dict[str, Any]] = {
    # Apex help pages of 2026-03-16 as quoted by jbot-bit/canompx3; kburrus64-max/prop-firm-rules of 2026-10-04
    "apex-eod-50k@2026-03-01": {
        "program": "EOD (4.0)",
        "phase": "evaluation",
        "family": Family.TRAILING_EOD,
        "start_amount_lock": (50000, 2000, None),
        "daily": (1000, DayBase.LARGER, Consequence.PAUSED_TO_RESET),
        "minis_micros": (6, 60),
        "profit_target": 3000,
        "time_limit_days": 30,
        "flat_by": time(16, 59),
        "confidence": Confidence.MEDIUM,
        "checked": "2026-10-04",
        "unknown": ("drawdown.lock_at", "news"),
    },
    # the same; sources give 12 or 10 contracts at 150K
    "apex-intraday-150k@2026-03-01": {
        "family": Family.TRAILING_INTRADAY,
        "start_amount_lock": (150000, 4000, None),
        "daily": None,
        "minis_micros": (12, 120),
        "profit_target": 9000,
        "confidence": Confidence.LOW,
        "unknown": ("news",),
    },
    # Apex EOD PA help page as quoted by jbot-bit/canompx3, 2026-03-16: floor stops at start + 100 = 50100
    "apex-eod-pa-50k@2026-03-01": {
        "phase": "funded",
        "source": EOD_PA,
        "checked": "2026-03-16",
        "check_again": date(2026, 6, 14),
        "family": Family.TRAILING_EOD,
        "start_amount_lock": (50000, 2000, 50100),
        "daily": None,
        "minis_micros": (4, 40),
        "profit_target": None,
        "min_days": 5,
        "consistency": Consistency(share=Decimal("0.5"), of=ShareOf.TOTAL_PROFIT, at_payout=True),
        "unknown": ("daily_loss", "news", "scaling"),
    },
    # Apex help pages of 2026: tier based, amounts not found
    "apex-intraday-pa-25k@2026-03-01": {
        "family": Family.TRAILING_INTRADAY,
        "start_amount_lock": (25000, 1000, 25100),
        "minis_micros": (None, None),
        "confidence": Confidence.LOW,
        "unknown": ("daily_loss", "max_micros", "max_minis", "news", "scaling"),
    },
    # Apex legacy PA help page as quoted by jbot-bit/canompx3, 2026-03-16: 10 contracts, 5 until balance 52600
    "apex-legacy-pa-50k@2026-03-16": {
        "family": Family.TRAILING_INTRADAY,
        "start_amount_lock": (50000, 2500, 50100),
        "minis_micros": (10, None),
        "scaling": [(0, 5), (2600, 10)],
        "min_days": 8,
        "consistency": Consistency(share=Decimal("0.3"), of=ShareOf.TOTAL_PROFIT, at_payout=True),
    },
    # academy.ftmo.com/lesson/maximum-daily-loss and /?p=47: 5 % and 10 % of the initial balance, static
    "ftmo-2step-eval1-100k@2026-10-04": {
        "program": "2-Step",
        "phase": "evaluation_1",
        "family": Family.STATIC,
        "start_amount_lock": (100000, 10000, None),
        "daily": (5000, DayBase.BALANCE, Consequence.ACCOUNT_LOST),
        "minis_micros": (None, None),
        "profit_target": 10000,
        "min_days": 4,
        "flat_by": None,
        "day": FirmDay(reset=time(0), zone="Europe/Prague"),
        "confidence": Confidence.HIGH,
        "unknown": ("consistency", "flat_by"),
    },
    # ftmo.com/en/faq/ftmo-account: 200K funded shows 10,000 and 20,000
    "ftmo-2step-funded-200k@2026-10-04": {
        "phase": "funded",
        "family": Family.STATIC,
        "start_amount_lock": (200000, 20000, None),
        "daily": (10000, DayBase.BALANCE, Consequence.ACCOUNT_LOST),
        "profit_target": None,
        "min_days": None,
        "unknown": ("consistency", "flat_by", "min_days"),
    },
    # ftmo.com/au/?p=1671: 3 % a day, 10 % under the highest midnight balance, best day half of the positive days
    "ftmo-1step-100k@2026-01-01": {
        "family": Family.TRAILING_EOD,
        "start_amount_lock": (100000, 10000, None),
        "daily": (3000, DayBase.BALANCE, Consequence.ACCOUNT_LOST),
        "profit_target": 10000,
        "consistency": Consistency(share=Decimal("0.5"), of=ShareOf.POSITIVE_DAYS),
        "unknown": ("drawdown.lock_at", "flat_by", "min_days"),
    },
    # help.topstep.com 8284206: stops at the start balance; the daily limit is optional
    "topstep-combine-50k@2026-04-01": {
        "family": Family.TRAILING_EOD,
        "start_amount_lock": (50000, 2000, 50000),
        "daily": (1000, DayBase.LARGER, Consequence.PAUSED_TO_RESET),
        "minis_micros": (5, 50),
        "profit_target": 3000,
        "flat_by": time(15, 10),
        "day": FirmDay(reset=time(17), zone="America/Chicago"),
        "consistency": Consistency(share=Decimal("0.5"), of=ShareOf.PROFIT_TARGET),
        "confidence": Confidence.HIGH,
    },
    # the same, and the plan of November 2025: 2 lots, 3 above 1500, 5 above 2000. The account starts at 0.
    "topstep-xfa-50k@2026-01-01": {
        "family": Family.TRAILING_EOD,
        "start_amount_lock": (0, 2000, 0),
        "account_size": 50000,
        "daily": (1000, DayBase.LARGER, Consequence.PAUSED_TO_RESET),
        "minis_micros": (5, 50),
        "scaling": [(0, 2), (1500, 3), (2000, 5)],
        "min_days": 5,
        "check_again": date(2026, 4, 1),
    },
    # help.topstep.com 10657969, April 2026: daily limit 4500 at 150K, mandatory; the drawdown was not found
    "topstep-live-150k@2026-04-01": {
        "phase": "live",
        "start_amount_lock": (150000, None, None),
        "daily": (4500, DayBase.LARGER, Consequence.PAUSED_TO_RESET),
        "minis_micros": (None, None),
        "automation": "prohibited_via_api",
        "confidence": Confidence.LOW,
    },
    # catalogue captured 2026-09-01: full size, no daily limit
    "bulenox-option1-50k@2026-09-01": {
        "source": BULENOX,
        "family": Family.TRAILING_INTRADAY,
        "start_amount_lock": (50000, 2500, None),
        "daily": None,
        "minis_micros": (7, 70),
        "scaling": [],
        "flat_by": time(15, 59),
    },
    # the same: end of day, 1100 a day, contracts scale from 2 to 7
    "bulenox-option2-50k@2026-09-01": {
        "family": Family.TRAILING_EOD,
        "start_amount_lock": (50000, 2500, None),
        "daily": (1100, DayBase.LARGER, Consequence.PAUSED_TO_RESET),
        "minis_micros": (7, None),
        "scaling": [(0, 2)],
        "unknown": ("drawdown.lock_at", "max_micros", "min_days", "news", "scaling"),
    },
    # support.leelootrading.com/kb/a17 and a21: highest unrealized profit, ten days; the day's reset was not found
    "leeloo-launch-50k@2026-01-01": {
        "program": "Launch",
        "source": LEELOO,
        "family": Family.TRAILING_INTRADAY,
        "start_amount_lock": (50000, 2500, None),
        "daily": None,
        "minis_micros": (8, None),
        "profit_target": 3000,
        "min_days": 10,
        "flat_by": time(15, 45),
        "day": FirmDay(reset=time(17), zone="America/Chicago"),
        "unknown": ("consistency", "day", "drawdown.lock_at", "max_micros", "news", "time_limit_days"),
    },
    # support.leelootrading.com/kb/a19: floor 99375, moved to 100100 once profit reaches 2000
    "leeloo-accelerator-pa-100k@2026-11-21": {
        "family": Family.STATIC,
        "start_amount_lock": (100000, 625, None),
        "first_floor": 99375,
    },
    "leeloo-accelerator-pa-stepped-100k@2026-11-21": {
        "family": Family.STATIC,
        "start_amount_lock": (102000, 1900, None),
        "first_floor": 100100,
        "account_size": 100000,
    },
}


@pytest.mark.parametrize(("name", "known"), KNOWN.items(), ids=list(KNOWN))
def test_known_cases_are_as_their_sources_say(name: str, known: dict[str, Any]) -> None:
    rule_set = rule_sets()[name]
    rule = rule_set.drawdown
    daily = rule.daily
    derived = {
        "family": rule.family,
        "first_floor": rule.first_floor,
        "start_amount_lock": (rule.starting_balance, rule.amount, rule.lock_at),
        "daily": None if daily is None else (daily.amount, daily.base, daily.consequence),
        "minis_micros": (rule_set.max_minis, rule_set.max_micros),
        "scaling": [(tier.profit_from, tier.max_minis) for tier in rule_set.scaling],
    }
    assert {key: derived[key] if key in derived else getattr(rule_set, key) for key in known} == known


def test_only_versions_of_their_own_of_apex_4_0_demand_a_stop() -> None:
    demanding = {name for name, rule_set in rule_sets().items() if rule_set.stop_required}
    newest = {name for name in rule_sets() if name.startswith("apex-") and name.endswith("@2026-10-04")}
    assert demanding == newest
    assert len(demanding) == 16
    for name in demanding:
        later, first = rule_sets()[name], rule_sets()[name.replace("2026-10-04", "2026-03-01")]
        notes = {key: text for key, text in later.notes.items() if key not in ("effective", "stop_required")}
        assert replace(later, ref=first.ref, stop_required=False, notes=notes) == first


def test_what_was_in_use_has_the_digests_that_it_had() -> None:
    """The digests of the 65 rule sets before any had a parameter for stops."""
    lines = [f"{name} {kept.ref.digest}\n" for name, kept in rule_sets().items() if not kept.stop_required]
    assert hashlib.sha256("".join(lines).encode()).hexdigest()[:16] == "08439fb0a6de0cce"


# The Apex help pages and data sets above, size by size.
@pytest.mark.parametrize(
    ("size", "target", "drawdown", "daily", "minis", "funded_minis"),
    [
        ("25k", 1500, 1000, 500, 4, 2),
        ("50k", 3000, 2000, 1000, 6, 4),
        ("100k", 6000, 3000, 1500, 8, 6),
        ("150k", 9000, 4000, 2000, 12, 10),
    ],
)
def test_apex_by_size(size: str, target: int, drawdown: int, daily: int, minis: int, funded_minis: int) -> None:
    evaluation, funded = rule_sets()[f"apex-eod-{size}@2026-03-01"], rule_sets()[f"apex-eod-pa-{size}@2026-03-01"]
    assert evaluation.drawdown.daily is not None
    assert evaluation.drawdown.daily.amount == daily
    assert evaluation.profit_target == target
    assert evaluation.drawdown.amount == funded.drawdown.amount == drawdown
    assert [evaluation.max_minis, evaluation.max_micros] == [minis, 10 * minis]
    assert [funded.max_minis, funded.max_micros] == [funded_minis, 10 * funded_minis]
    assert funded.drawdown.lock_at == funded.account_size + 100


@pytest.mark.parametrize("size", [10, 25, 50, 100, 200])
def test_ftmo_by_share_of_the_initial_balance(size: int) -> None:
    initial = Decimal(size * 1000)
    steps = {
        "2step-eval1": ("2026-10-04", Decimal("0.05"), Decimal("0.10")),
        "2step-eval2": ("2026-10-04", Decimal("0.05"), Decimal("0.05")),
        "2step-funded": ("2026-10-04", Decimal("0.05"), None),
        "1step": ("2026-01-01", Decimal("0.03"), Decimal("0.10")),
    }
    for step, (version, daily, target) in steps.items():
        rule_set = rule_sets()[f"ftmo-{step}-{size}k@{version}"]
        assert rule_set.account_size == initial
        assert rule_set.drawdown.amount == initial / 10
        assert rule_set.drawdown.daily is not None
        assert rule_set.drawdown.daily.amount == daily * initial
        assert rule_set.profit_target == (None if target is None else target * initial)

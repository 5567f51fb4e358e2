"""What is in force for an account: the tighter of rule set and environment, with the source of every value."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import account_rules, contract_limit, get_account_breach_rules, get_program_scaling_rules
from config.effective_rules import effective_rules
from config.groups import ProgramSettings
from config.instruments import Instrument, exchange_instruments
from config.rule_sets import find_rule_set, rule_sets
from config.settings import Settings
from domain.account import AccountKey
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import AccountRules, RuleSet

TODAY = date(2026, 11, 21)
APEX_1 = AccountKey("APEX", 1)
EOD = "apex-eod-50k@2026-03-01"
FROM_EOD = f"rule set {EOD}"


def settings_of(account: AccountKey, **own: str) -> Settings:
    routed = {"ROUTE_TO_FIRMS": account.firm_code, f"{account.firm_code}_PROGRAM_IDS": str(account.program_id)}
    variables = {f"{account.firm_code}_{account.program_id}_{name}": text for name, text in own.items()}
    return Settings.from_env({**routed, **variables}, today=TODAY)


def rules_of(rule_set: str | None = None, **own: str) -> AccountRules:
    chosen = {} if rule_set is None else {"RULE_SET": rule_set}
    firm_code = "APEX" if rule_set is None else rule_set.partition("-")[0].upper()
    account = AccountKey(firm_code, 1)
    return account_rules(account, settings_of(account, **chosen, **own))


def instrument(symbol: str) -> Instrument:
    found = exchange_instruments().resolve(symbol)
    assert found is not None
    return found


# The drawdown


def test_a_rule_set_alone_is_in_force_as_it_stands() -> None:
    rules = rules_of(EOD)
    rule_set = find_rule_set(EOD)
    assert rules == AccountRules(
        firm_code="APEX",
        program_id=1,
        day=FirmDay(reset=time(18), zone="America/New_York"),
        rule_set=rule_set,
        drawdown=rule_set.drawdown,
        max_contracts=6,
        max_minis=6,
        max_micros=60,
        sources={
            "rule_set": "APEX_1_RULE_SET",
            **dict.fromkeys(
                (
                    *("account_size", "starting_balance", "daily_loss_limit", "max_drawdown", "max_contracts"),
                    *("max_micros", "day", "drawdown_family"),
                ),
                FROM_EOD,
            ),
        },
    )


@pytest.mark.parametrize(
    ("own", "amount", "source"),
    [("1999.99", "1999.99", "APEX_1_MAX_DRAWDOWN"), ("2000", "2000", FROM_EOD), ("2000.01", "2000", FROM_EOD)],
)
def test_the_smaller_drawdown_holds(own: str, amount: str, source: str) -> None:
    rules = rules_of(EOD, MAX_DRAWDOWN=own)
    assert rules.drawdown is not None
    assert rules.drawdown.amount == Decimal(amount)
    assert rules.sources["max_drawdown"] == source
    assert rules.drawdown.family is Family.TRAILING_EOD
    assert rules.drawdown.starting_balance == 50000


@pytest.mark.parametrize(
    ("own", "amount", "source"),
    [("999.99", "999.99", "APEX_1_MAX_DAILY_LOSS"), ("1000", "1000", FROM_EOD), ("1000.01", "1000", FROM_EOD)],
)
def test_the_smaller_daily_loss_holds(own: str, amount: str, source: str) -> None:
    rules = rules_of(EOD, MAX_DAILY_LOSS=own)
    assert rules.drawdown is not None
    assert rules.drawdown.daily is not None
    assert rules.drawdown.daily.amount == Decimal(amount)
    assert rules.sources["daily_loss_limit"] == source


@pytest.mark.parametrize(
    ("own", "consequence"),
    [
        ("4999.99", Consequence.PAUSED_TO_RESET),
        ("5000", Consequence.ACCOUNT_LOST),
        ("5000.01", Consequence.ACCOUNT_LOST),
    ],
)
def test_only_the_firms_own_daily_limit_costs_the_account(own: str, consequence: Consequence) -> None:
    rules = rules_of("ftmo-2step-eval1-100k", MAX_DAILY_LOSS=own)
    assert rules.drawdown is not None
    assert rules.drawdown.daily is not None
    assert (rules.drawdown.daily.base, rules.drawdown.daily.consequence) == (DayBase.BALANCE, consequence)


def test_the_owners_daily_limit_where_the_firm_has_none_or_nobody_knows_it() -> None:
    for name in ("apex-intraday-50k", "apex-eod-pa-50k"):
        assert rules_of(name).drawdown == find_rule_set(name).drawdown
        rule = rules_of(name, MAX_DAILY_LOSS="700").drawdown
        assert rule is not None
        assert rule.daily == DailyLoss(
            amount=Decimal(700), base=DayBase.LARGER, consequence=Consequence.PAUSED_TO_RESET
        )


def test_the_owners_drawdown_where_nobody_knows_the_firms() -> None:
    assert rules_of("topstep-live-50k").drawdown == find_rule_set("topstep-live-50k").drawdown
    rules = rules_of("topstep-live-50k", MAX_DRAWDOWN="1500")
    assert rules.drawdown is not None
    assert rules.drawdown.family is Family.TRAILING_INTRADAY
    assert rules.drawdown.amount == 1500
    assert rules.sources["max_drawdown"] == "TOPSTEP_1_MAX_DRAWDOWN"
    assert rules.sources["drawdown_family"] == "the strictest, assumed"


def test_a_tighter_drawdown_keeps_a_lock_below_the_start_valid() -> None:
    base = find_rule_set(EOD)
    low = replace(base, drawdown=replace(base.drawdown, lock_at=Decimal(48500)))
    settings = replace(settings_of(APEX_1, MAX_DRAWDOWN="1000"), rule_sets={APEX_1: low})
    rule = account_rules(APEX_1, settings).drawdown
    assert rule is not None
    assert [rule.first_floor, rule.lock_at] == [49000, 49000]


def test_the_floor_counts_from_the_rule_sets_starting_balance_whatever_the_owner_set() -> None:
    for own in ("49000", "51000"):
        rules = rules_of(EOD, STARTING_BALANCE=own)
        assert rules.drawdown is not None
        assert rules.drawdown.starting_balance == 50000
        assert rules.sources["starting_balance"] == FROM_EOD
    express = rules_of("topstep-xfa-50k", STARTING_BALANCE="50000", MAX_DRAWDOWN="500").drawdown
    assert express is not None
    assert [express.starting_balance, express.first_floor, express.lock_at] == [0, -500, 0]


@pytest.mark.parametrize(
    ("own", "rule"),
    [
        ({}, None),
        ({"MAX_DRAWDOWN": "1000"}, None),
        ({"MAX_DAILY_LOSS": "500"}, None),
        ({"ACCOUNT_SIZE": "50000"}, None),
        ({"ACCOUNT_SIZE": "50000", "MAX_TOTAL_LOSS": "500"}, None),
        ({"ACCOUNT_SIZE": "50000", "MAX_DRAWDOWN": "1000"}, ("50000", "1000", None)),
        ({"STARTING_BALANCE": "49000", "ACCOUNT_SIZE": "50000", "MAX_DRAWDOWN": "1000"}, ("49000", "1000", None)),
        ({"STARTING_BALANCE": "49000", "MAX_DAILY_LOSS": "500"}, ("49000", None, "500")),
        ({"ACCOUNT_SIZE": "50000", "MAX_DRAWDOWN": "1000", "MAX_DAILY_LOSS": "500"}, ("50000", "1000", "500")),
    ],
)
def test_without_a_rule_set_the_owners_limits_are_of_the_strictest_kind(
    own: dict[str, str], rule: tuple[str, str | None, str | None] | None
) -> None:
    rules = rules_of(**own)
    if rule is None:
        assert rules.drawdown is None
        return
    start, amount, daily = rule
    assert rules.drawdown == DrawdownRule(
        family=Family.TRAILING_INTRADAY,
        starting_balance=Decimal(start),
        amount=None if amount is None else Decimal(amount),
        daily=None
        if daily is None
        else DailyLoss(amount=Decimal(daily), base=DayBase.LARGER, consequence=Consequence.PAUSED_TO_RESET),
    )
    assert rules.sources["drawdown_family"] == "the strictest, assumed"


# The rest of an account's rules


def test_without_a_rule_set_the_day_is_the_firms_and_says_how_far_it_is_known() -> None:
    assert rules_of().day == FirmDay(reset=time(18), zone="America/New_York")
    assert rules_of().sources == {
        "day": "firm data of APEX, secondary: d1fpc3/d1fpc3-site, 2026-09-17; kburrus64-max/prop-firm-rules, 2026-10-04"
    }
    leeloo = account_rules(AccountKey("LEELOO", 1), settings_of(APEX_1))
    assert leeloo.day == FirmDay(reset=time(17), zone="America/Chicago")
    assert "not_found" in leeloo.sources["day"]
    with pytest.raises(LookupError, match="NOBODY is not a known firm"):
        account_rules(AccountKey("NOBODY", 1), settings_of(APEX_1))


def test_an_account_of_which_nothing_is_set_has_no_rules_but_its_day() -> None:
    rules = account_rules(AccountKey("FTMO", 7), settings_of(APEX_1))
    assert rules == AccountRules(
        firm_code="FTMO", program_id=7, day=FirmDay(reset=time(0), zone="Europe/Prague"), sources=rules.sources
    )


def test_the_buffer_is_the_owners() -> None:
    assert rules_of(EOD).buffer == 0
    assert "buffer" not in rules_of(EOD).sources
    assert rules_of(EOD, BUFFER="0").buffer == 0
    rules = rules_of(BUFFER="250.5")
    assert (rules.buffer, rules.sources["buffer"]) == (Decimal("250.5"), "APEX_1_BUFFER")


@pytest.mark.parametrize(
    ("allowed", "own", "sessions", "source"),
    [
        (None, None, None, None),
        (None, ("LONDON",), ("LONDON",), "APEX_1_ALLOWED_SESSIONS"),
        (("NY AM", "NY PM"), None, ("NY AM", "NY PM"), FROM_EOD),
        (("NY AM", "NY PM"), ("NY PM",), ("NY PM",), "APEX_1_ALLOWED_SESSIONS"),
        (("NY AM", "NY PM"), ("LONDON", "NY PM"), ("NY PM",), "APEX_1_ALLOWED_SESSIONS"),
        (("NY AM", "NY PM"), ("NY PM", "NY AM"), ("NY AM", "NY PM"), FROM_EOD),
        (("NY AM", "NY PM"), ("NY PM", "NY AM", "LONDON"), ("NY AM", "NY PM"), FROM_EOD),
        (("NY AM", "NY PM"), ("LONDON",), (), "APEX_1_ALLOWED_SESSIONS"),
    ],
)
def test_sessions_are_those_that_both_allow(
    allowed: tuple[str, ...] | None,
    own: tuple[str, ...] | None,
    sessions: tuple[str, ...] | None,
    source: str | None,
) -> None:
    rule_set = replace(find_rule_set(EOD), allowed_sessions=allowed)
    effective = effective_rules(APEX_1, ProgramSettings(allowed_sessions=own), rule_set)
    assert (effective.allowed_sessions.value, effective.allowed_sessions.source) == (sessions, source)


@pytest.mark.parametrize(
    ("own", "minis", "micros"),
    [
        ({}, 6, 60),
        ({"MAX_CONTRACTS": "5"}, 5, 5),
        ({"MAX_CONTRACTS": "6"}, 6, 6),
        ({"MAX_CONTRACTS": "7"}, 6, 7),
        ({"MAX_CONTRACTS": "60"}, 6, 60),
        ({"MAX_CONTRACTS": "61"}, 6, 60),
    ],
)
def test_the_owners_count_holds_for_minis_and_micros_alike(own: dict[str, str], minis: int, micros: int) -> None:
    rules = rules_of(EOD, **own)
    assert (rules.max_minis, rules.max_micros, rules.max_contracts) == (minis, micros, minis)
    assert contract_limit(rules, instrument("NQ")) == minis
    assert contract_limit(rules, instrument("MNQ")) == micros
    assert contract_limit(rules, None) == minis


@pytest.mark.parametrize(
    ("name", "symbol", "limit"),
    [
        ("leeloo-launch-50k", "ES", 8),
        ("leeloo-launch-50k", "MES", 8),  # the firm's micros are not known: a micro counts as a mini
        ("apex-intraday-pa-50k", "ES", None),
        ("apex-intraday-pa-50k", "MES", None),
        ("ftmo-2step-funded-100k", "US100.cash", None),
        ("topstep-combine-50k", "MBT", 50),  # fifty times smaller
        ("topstep-combine-50k", "E7", 5),  # only half an euro contract
        ("topstep-combine-50k", "SIL", 5),  # only a fifth of a silver contract
    ],
)
def test_which_limit_holds_for_an_instrument(name: str, symbol: str, limit: int | None) -> None:
    assert contract_limit(rules_of(name), instrument(symbol)) == limit


@pytest.mark.parametrize(
    ("profit", "minis", "micros"),
    [
        (None, 2, 20),
        ("-500", 2, 20),
        ("0", 2, 20),
        ("1500", 2, 20),
        ("1500.01", 3, 30),
        ("2000", 3, 30),
        ("2000.01", 5, 50),
        ("90000", 5, 50),
    ],
)
def test_a_scaling_plan_by_profit(profit: str | None, minis: int, micros: int) -> None:
    rules = rules_of("topstep-xfa-50k")
    total = None if profit is None else Decimal(profit)
    assert contract_limit(rules, instrument("NQ"), total_profit=total) == minis
    assert contract_limit(rules, instrument("MNQ"), total_profit=total) == micros
    tight = rules_of("topstep-xfa-50k", MAX_CONTRACTS="4")
    assert contract_limit(tight, instrument("NQ"), total_profit=total) == min(minis, 4)
    assert contract_limit(tight, instrument("MNQ"), total_profit=total) == 4


def test_a_scaling_plan_without_known_micros_counts_them_as_minis() -> None:
    legacy = rules_of("apex-legacy-pa-50k")
    assert contract_limit(legacy, instrument("MNQ"), total_profit=Decimal(2600)) == 5
    assert contract_limit(legacy, instrument("MNQ"), total_profit=Decimal("2600.01")) == 10


def test_without_a_rule_set_the_owners_count_holds_for_everything() -> None:
    rules = rules_of(MAX_CONTRACTS="3")
    assert [contract_limit(rules, instrument(symbol)) for symbol in ("NQ", "MNQ", "E7")] == [3, 3, 3]
    assert contract_limit(rules_of(), instrument("NQ")) is None


# What the decision reads


def test_choosing_a_rule_set_activates_its_limits() -> None:
    settings = settings_of(APEX_1, RULE_SET=EOD)
    assert get_account_breach_rules("apex", 1, settings=settings) == {
        "max_daily_loss": Decimal(1000),
        "max_drawdown": Decimal(2000),
    }
    assert get_program_scaling_rules("apex", 1, settings=settings) == {
        "account_size": Decimal(50000),
        "max_contracts": 6,
    }
    tight = {"MAX_DAILY_LOSS": "600", "MAX_DRAWDOWN": "2500", "MAX_CONTRACTS": "2", "ACCOUNT_SIZE": "60000"}
    settings = settings_of(APEX_1, RULE_SET=EOD, MAX_TOTAL_LOSS="1500", RISK_PER_TRADE="0.01", **tight)
    assert get_account_breach_rules("APEX", 1, settings=settings) == {
        "max_daily_loss": Decimal(600),
        "max_total_loss": Decimal(1500),
        "max_drawdown": Decimal(2000),
    }
    assert get_program_scaling_rules("APEX", 1, settings=settings) == {
        "account_size": Decimal(50000),
        "risk_per_trade": Decimal("0.01"),
        "max_contracts": 2,
    }


LIMITS = st.decimals(min_value="0.01", max_value=20000, places=2)


@given(
    st.sampled_from(list(rule_sets().values())),
    st.none() | LIMITS,
    st.none() | LIMITS,
    st.none() | st.integers(1, 300),
    st.none() | LIMITS,
)
def test_no_setting_of_the_owner_loosens_a_rule_set(
    rule_set: RuleSet,
    drawdown: Decimal | None,
    daily: Decimal | None,
    contracts: int | None,
    start: Decimal | None,
) -> None:
    account = AccountKey(rule_set.firm_code, 1)
    own = ProgramSettings(max_drawdown=drawdown, max_daily_loss=daily, max_contracts=contracts, starting_balance=start)
    plain = Settings.from_env({}, today=TODAY)
    free = account_rules(account, replace(plain, rule_sets={account: rule_set}))
    tight = account_rules(account, replace(plain, rule_sets={account: rule_set}, programs={account: own}))
    assert free.drawdown is not None
    assert tight.drawdown is not None
    assert free.drawdown == rule_set.drawdown
    for name in ("max_minis", "max_micros", "max_contracts"):
        assert at_most(getattr(tight, name), getattr(free, name))
        assert at_most(getattr(tight, name), contracts)
    assert at_most(tight.drawdown.amount, free.drawdown.amount)
    assert at_most(tight.drawdown.amount, drawdown)
    floors = (free.drawdown.first_floor, tight.drawdown.first_floor)
    assert floors[0] is None or (floors[1] is not None and floors[1] >= floors[0])
    tight_daily, free_daily = tight.drawdown.daily, free.drawdown.daily
    assert at_most(None if tight_daily is None else tight_daily.amount, daily)
    assert at_most(
        None if tight_daily is None else tight_daily.amount, None if free_daily is None else free_daily.amount
    )
    for symbol in ("NQ", "MNQ"):
        assert at_most(contract_limit(tight, instrument(symbol)), contract_limit(free, instrument(symbol)))


def at_most(tight: Decimal | int | None, limit: Decimal | int | None) -> bool:
    return limit is None or (tight is not None and tight <= limit)

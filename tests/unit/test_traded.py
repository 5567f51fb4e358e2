"""An order as each account trades it: micros, contracts and stops, each judged before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from account_engine import AccountStateManager
from config.contract_months import ContractMonth
from config.contracts import ContractTerms
from config.instruments import exchange_instruments
from config.platforms import Platform
from config.settings import Settings
from config.symbol_pair import SymbolPair
from domain.account import AccountKey
from domain.contract import Contract
from domain.order import Direction, EntryOrder
from domain.rules import Rule
from risk_engine.decision import (
    AccountDecision,
    AccountFacts,
    Approved,
    DryReason,
    EntryDecision,
    EntryFacts,
    FirmFacts,
    Rejected,
)
from risk_engine.pipeline import decide_entry
from routing.facts import FactBook
from tests.armed import armed
from tests.unit.test_engine_properties import entry_facts

TODAY = date(2026, 11, 21)
ORDER = EntryOrder(
    trade_id="T1",
    symbol="NQ1!",
    direction=Direction.LONG,
    entry_price=Decimal(16500),
    stop_loss=Decimal(16475),
    contracts=2,
    session="NY AM",
)
SIZING = {"account_size": 100000, "risk_per_trade": "0.01"}
FUTURES = ContractTerms(platform=Platform.TRADOVATE)
CFDS = ContractTerms(
    platform=Platform.CTRADER, pairs=(SymbolPair(symbol="NQ", at_venue="US100.cash", lots=Decimal(20)),)
)


def account(*, live: bool = False, **known: Any) -> AccountFacts:
    return AccountFacts(key=AccountKey("APEX", 1), dry_reason=None if live else DryReason.GLOBAL, **known)


def decide(facts: AccountFacts, order: EntryOrder = ORDER, on: date | None = TODAY, **firm: Any) -> EntryDecision:
    return decide_entry(
        EntryFacts(
            order=order,
            firms=(FirmFacts(code="APEX", risk_rules=firm),),
            accounts=(facts,),
            instruments=exchange_instruments(),
            on=on,
        )
    )


def only(decision: EntryDecision) -> AccountDecision:
    (answer,) = decision.accounts
    return answer


def rules_of(decision: EntryDecision) -> list[str]:
    verdict = only(decision).verdict
    return [str(refusal.rule) for refusal in verdict.refusals] if isinstance(verdict, Rejected) else []


def if_live(decision: EntryDecision) -> list[str]:
    return [str(refusal.rule) for refusal in only(decision).blocked_if_live]


# Micros


@pytest.mark.parametrize(
    ("symbol", "traded", "ratio"),
    [
        ("NQ", "MNQ", 10),
        ("NQ1!", "MNQ1!", 10),
        ("CME_MINI:NQ1!", "MNQ1!", 10),
        ("NQZ2026", "MNQZ2026", 10),
        ("NQH7", "MNQH7", 10),
        ("NQ 12-26", "MNQZ26", 10),
        ("CL", "MCL", 10),
        ("6E", "M6E", 10),
        ("BTC", "MBT", 50),
        ("ETH", "MET", 500),
        ("SI", "SIL", 5),
        ("MNQ1!", "MNQ1!", 1),
        ("CME_MINI:MES1!", "CME_MINI:MES1!", 1),
    ],
)
def test_an_account_of_micros_trades_the_micro_at_its_ratio(symbol: str, traded: str, ratio: int) -> None:
    verdict = only(decide(account(use_micros=True), replace(ORDER, symbol=symbol))).verdict
    assert isinstance(verdict, Approved)
    assert verdict.order == replace(ORDER, symbol=traded, contracts=2 * ratio)
    assert verdict.contracts == 2 * ratio


def test_without_the_setting_the_order_is_traded_as_asked() -> None:
    verdict = only(decide(account())).verdict
    assert isinstance(verdict, Approved)
    assert (verdict.order, verdict.contracts) == (ORDER, 2)


def test_an_order_without_a_size_is_sized_in_micros_with_their_point_value() -> None:
    # 100000 x 0.01 / (25 x 2) = 20 micros, where 25 x 20 gives 2 minis.
    unsized = replace(ORDER, contracts=None)
    decision = decide(account(use_micros=True, scaling_rules=SIZING), unsized)
    assert only(decision).verdict.contracts == 20
    assert decision.program_sizing[0]["contracts"] == 20
    assert only(decide(account(scaling_rules=SIZING), unsized)).verdict.contracts == 2
    # A budget that is too small for a mini is enough for micros.
    small = {**SIZING, "account_size": 20000}
    assert only(decide(account(use_micros=True, scaling_rules=small), unsized)).verdict.contracts == 4
    assert only(decide(account(scaling_rules=small), unsized)).verdict.contracts == 0


@pytest.mark.parametrize(("limit", "refused"), [(21, []), (20, []), (19, ["MAX_CONTRACTS"])])
def test_the_accounts_limit_counts_micros(limit: int, refused: list[str]) -> None:
    limits: dict[str, Any] = {"metadata": {"max_contracts": limit}, "scaling_rules": {"max_contracts": limit}}
    decision = decide(account(use_micros=True, **limits))
    assert rules_of(decision) == refused


@pytest.mark.parametrize(("asked", "refused"), [(5, []), (6, []), (7, ["MAX_CONTRACTS"])])
def test_a_rule_set_limits_micros_by_its_own_limit_of_micros(asked: int, refused: list[str]) -> None:
    chosen = {"APEX_1_RULE_SET": "apex-eod-50k@2026-03-01", "APEX_1_USE_MICROS": "true"}
    facts = gathered(**chosen)
    assert (facts.rules.max_minis, facts.rules.max_micros) == (6, 60) if facts.rules else None
    assert rules_of(decide(facts, replace(ORDER, contracts=asked))) == refused


@pytest.mark.parametrize(("most", "refused"), [(3, []), (2, []), (1, ["MAX_POSITION_SIZE"])])
def test_the_firms_check_judges_what_was_requested(most: int, refused: list[str]) -> None:
    decision = decide(account(use_micros=True), max_position_size=most)
    assert rules_of(decision) == refused
    assert decision.risk_checks[0]["compared"][0]["value"] == 2


def test_the_worst_case_is_that_of_the_micros() -> None:
    # 20 micros over 25 points are 1000 dollars, 1 % of the equity.
    known: dict[str, Any] = {"metadata": {"max_risk_per_trade_pct": "0.01"}, "state": {"equity": 100000}}
    row = decide(account(use_micros=True, **known)).enforcement_checks[0]
    [risk] = [one for one in row["compared"] if one["rule"] == "MAX_RISK_PER_TRADE"]
    assert (risk["value"], risk["passed"]) == (1000, True)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("symbol", ["ZN", "RB", "EURUSD", "NKD"])
def test_where_no_micro_is_known_nothing_is_traded(symbol: str, live: bool) -> None:
    decision = decide(account(use_micros=True, live=live), replace(ORDER, symbol=symbol))
    assert rules_of(decision) == ["NO_CONTRACT"]
    row = decision.enforcement_checks[0]
    assert (row["allowed"], row["rule"]) == (False, Rule.NO_CONTRACT)
    assert row["reason"] == f"The account trades micros, and none is known for {symbol}."
    assert isinstance(only(decide(account(), replace(ORDER, symbol=symbol))).verdict, Approved)


def test_an_unknown_symbol_has_no_micro_either() -> None:
    assert rules_of(decide(account(use_micros=True), replace(ORDER, symbol="XYZ"))) == [
        "UNKNOWN_SYMBOL",
        "NO_CONTRACT",
    ]


@given(entry_facts())
def test_trading_micros_is_deciding_an_order_for_micros(facts: EntryFacts) -> None:
    """Sizing, limits and rooms see an account of micros as they see an order for micros; the firm's check does not."""
    facts = replace(facts, firms=tuple(replace(firm, risk_rules={}, metrics={}) for firm in facts.firms))
    if facts.order.symbol != "NQ":
        return
    asked = facts.order.contracts
    in_micros = replace(facts.order, symbol="MNQ", contracts=None if asked is None else asked * 10)
    micros = replace(facts, accounts=tuple(replace(one, use_micros=True) for one in facts.accounts))
    told = decide_entry(replace(facts, order=in_micros))
    decided = decide_entry(micros)
    assert [one.verdict for one in decided.accounts] == [one.verdict for one in told.accounts]
    assert decided.program_sizing == told.program_sizing
    assert decided.account_breaches == told.account_breaches


# Stops


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(
    ("stop", "carries", "required", "refused"),
    [
        (Decimal(16475), True, True, []),
        (Decimal(16475), None, True, []),
        (Decimal(16475), False, True, ["STOP_REQUIRED"]),
        (None, True, True, ["STOP_REQUIRED"]),
        (None, False, True, ["STOP_REQUIRED"]),
        (None, None, True, ["STOP_REQUIRED"]),
        (None, True, False, []),
        (None, False, False, []),
        (Decimal(16475), False, False, []),
    ],
)
def test_a_stop_that_is_required(
    stop: Decimal | None, carries: bool | None, required: bool, refused: list[str], live: bool
) -> None:
    facts = account(live=live, stop_required=required, venue_carries_stop=carries)
    decision = decide(facts, replace(ORDER, stop_loss=stop))
    assert rules_of(decision) == refused
    row = decision.enforcement_checks[0]
    assert [one["rule"] for one in row["compared"]].count("STOP_REQUIRED") == int(required)
    if refused:
        assert (row["rule"], row["breach_type"]) == (Rule.STOP_REQUIRED, "risk")
        assert ("the order has none" in row["reason"]) is (stop is None)


def test_a_stop_is_demanded_of_an_account_that_another_check_refuses_as_well() -> None:
    facts = account(stop_required=True, breach_rules={"max_daily_loss": 1000}, state={"day_pl": -1000})
    assert rules_of(decide(facts, replace(ORDER, stop_loss=None))) == ["MAX_DAILY_LOSS", "STOP_REQUIRED"]


@given(entry_facts())
def test_demanding_a_stop_never_approves(facts: EntryFacts) -> None:
    strict = replace(
        facts,
        accounts=tuple(replace(one, stop_required=True, venue_carries_stop=False) for one in facts.accounts),
    )
    assert not any(isinstance(one.verdict, Approved) for one in decide_entry(strict).accounts)
    carried = replace(
        facts, accounts=tuple(replace(one, stop_required=True, venue_carries_stop=True) for one in facts.accounts)
    )
    assert [one.verdict for one in decide_entry(carried).accounts] == [
        one.verdict for one in decide_entry(facts).accounts
    ]


# Contracts


@pytest.mark.parametrize(
    ("terms", "symbol", "contract"),
    [
        (FUTURES, "NQ1!", Contract(root="NQ", symbol="NQZ6", month_code="Z", year=2026, tick_size=Decimal("0.25"))),
        (FUTURES, "NQH7", Contract(root="NQ", symbol="NQH7", month_code="H", year=2027, tick_size=Decimal("0.25"))),
        (CFDS, "NQ1!", Contract(root="NQ", symbol="US100.cash", lots=Decimal(20))),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_an_approved_account_is_told_its_contract(
    terms: ContractTerms, symbol: str, contract: Contract, live: bool
) -> None:
    verdict = only(decide(account(live=live, contract_terms=terms), replace(ORDER, symbol=symbol))).verdict
    assert isinstance(verdict, Approved)
    assert verdict.contract == contract


def test_the_contract_of_an_account_of_micros_is_the_micros() -> None:
    months = {"NQ": ContractMonth(year=2027, month_code="H")}
    for terms, symbol in ((FUTURES, "MNQZ6"), (replace(FUTURES, months=months), "MNQH7")):
        verdict = only(decide(account(use_micros=True, contract_terms=terms))).verdict
        assert isinstance(verdict, Approved)
        assert verdict.contract is not None
        assert (verdict.contract.symbol, verdict.contract.root) == (symbol, "MNQ")


@pytest.mark.parametrize(
    ("terms", "symbol"), [(CFDS, "ES1!"), (CFDS, "MNQ"), (FUTURES, "LE"), (FUTURES, "NQZ2025"), (FUTURES, "XAUUSD")]
)
def test_without_a_contract_live_refuses_and_dry_run_says_so(terms: ContractTerms, symbol: str) -> None:
    order = replace(ORDER, symbol=symbol)
    live, dry = (decide(account(live=live, contract_terms=terms), order) for live in (True, False))
    assert (rules_of(live), if_live(live)) == (["NO_CONTRACT"], [])
    assert (rules_of(dry), if_live(dry)) == ([], ["NO_CONTRACT"])
    reason = f"No contract at {terms.platform} is known for {symbol}."
    assert live.enforcement_checks[0]["reason"] == reason
    assert only(dry).blocked_if_live[0].reason == reason
    assert [one["rule"] for one in dry.enforcement_checks[0]["compared"]].count("NO_CONTRACT") == 0


def test_without_a_platform_or_a_day_nothing_is_said_of_contracts() -> None:
    for facts, on in ((account(live=True), TODAY), (account(live=True, contract_terms=FUTURES), None)):
        verdict = only(decide(facts, replace(ORDER, symbol="LE"), on)).verdict
        assert isinstance(verdict, Approved)
        assert verdict.contract is None


def test_a_closed_trade_is_refused_as_that_and_nothing_else() -> None:
    facts = EntryFacts(
        order=replace(ORDER, stop_loss=None, contracts=2),
        firms=(FirmFacts(code="APEX", risk_rules={}),),
        accounts=(account(live=True, stop_required=True, contract_terms=CFDS, use_micros=True),),
        instruments=exchange_instruments(),
        on=TODAY,
        trade_closed=True,
    )
    assert rules_of(decide_entry(facts)) == ["TRADE_CLOSED"]


def test_what_cannot_be_found_out_blocks_its_account() -> None:
    decision = decide(account(contract_terms=FUTURES), on=date(9999, 12, 31))
    assert rules_of(decision) == ["EXCEPTION"]
    assert "could not be found out" in decision.enforcement_checks[0]["reason"]


# From the settings to the facts


def gathered(**environ: str) -> AccountFacts:
    routed = {"ROUTE_TO_FIRMS": "APEX", "APEX_PROGRAM_IDS": "1", "WEBHOOK_SECRET": "s"}
    settings = Settings.from_env({**routed, **environ}, today=TODAY)
    book = FactBook(settings, AccountStateManager({}, clock=lambda: 0.0), dry_run=settings.dry_run)
    return book.accounts[0]


@pytest.mark.parametrize(
    ("environ", "required"),
    [
        ({}, False),
        ({"APEX_1_STOP_REQUIRED": "true"}, True),
        ({"APEX_1_STOP_REQUIRED": "false"}, False),
        ({"APEX_1_STOP_REQUIRED": "perhaps"}, True),
        ({"APEX_1_RULE_SET": "apex-eod-50k@2026-03-01"}, False),
        ({"APEX_1_RULE_SET": "apex-eod-50k@2026-03-01", "APEX_1_STOP_REQUIRED": "true"}, True),
        ({"APEX_1_RULE_SET": "apex-eod-50k@2026-10-04"}, True),
        ({"APEX_1_RULE_SET": "apex-eod-50k@2026-10-04", "APEX_1_STOP_REQUIRED": "false"}, True),
    ],
)
def test_who_demands_a_stop(environ: dict[str, str], required: bool) -> None:
    facts = gathered(**environ)
    assert facts.stop_required is required
    assert facts.metadata["stop_required"] is (True if required else None)
    assert ("stop_required" in facts.metadata["sources"]) is required
    assert rules_of(decide(facts, replace(ORDER, stop_loss=None))) == (["STOP_REQUIRED"] if required else [])


def test_the_facts_of_an_account_are_those_of_its_settings() -> None:
    plain = gathered()
    assert (plain.use_micros, plain.dry_reason, plain.venue_carries_stop) == (False, DryReason.GLOBAL, True)
    assert plain.contract_terms == FUTURES
    own = gathered(APEX_1_USE_MICROS="true", APEX_PLATFORM="http", NQ_CONTRACT="NQH7", APEX_SYMBOL_MAP="NQ=X*20")
    assert (own.use_micros, own.venue_carries_stop) == (True, False)
    assert own.contract_terms == ContractTerms(
        platform=Platform.HTTP,
        months={"NQ": ContractMonth(year=2027, month_code="H")},
        pairs=(SymbolPair(symbol="NQ", at_venue="X", lots=Decimal(20)),),
    )
    assert gathered(APEX_1_USE_MICROS="false").use_micros is False
    none = gathered(APEX_PLATFORM="none")
    assert (none.contract_terms, none.venue_carries_stop) == (None, None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"EXECUTION_DRY_RUN": "true"}, DryReason.GLOBAL),
        ({"APEX_DRY_RUN": "true"}, DryReason.FIRM),
        ({"APEX_1_DRY_RUN": "true"}, DryReason.ACCOUNT),
        ({"APEX_PLATFORM": "none"}, DryReason.NO_CONNECTOR),
        ({"APEX_1_MAX_TOTAL_LOSS": "x"}, DryReason.NOT_ARMED),
        ({"APEX_1_POLICY_ACK": "x"}, DryReason.NOT_ARMED),
    ],
)
def test_an_account_is_dry_for_the_reason_that_arming_gives(changes: dict[str, str], reason: DryReason | None) -> None:
    assert gathered(**{"EXECUTION_DRY_RUN": "false", **armed(("APEX", 1)), **changes}).dry_reason is reason


def test_a_dry_router_keeps_an_armed_account_dry() -> None:
    environ = {"ROUTE_TO_FIRMS": "APEX", "APEX_PROGRAM_IDS": "1", "WEBHOOK_SECRET": "s", "EXECUTION_DRY_RUN": "false"}
    settings = Settings.from_env({**environ, **armed(("APEX", 1))})
    states = AccountStateManager({}, clock=lambda: 0.0)
    reasons = [FactBook(settings, states, dry_run=dry_run).accounts[0].dry_reason for dry_run in (True, False)]
    assert reasons == [DryReason.GLOBAL, None]


def test_the_day_of_the_contracts_is_that_of_the_clock_in_utc() -> None:
    settings = Settings.from_env({"ROUTE_TO_FIRMS": "APEX", "APEX_PROGRAM_IDS": "1"})
    ticks = iter((1797206399.0, 1797206400.0))
    states = AccountStateManager({}, clock=lambda: 0.0)
    book = FactBook(settings, states, dry_run=True, clock=lambda: next(ticks))
    days = [book.seen().of(ORDER, trade_closed=False).on for _ in range(2)]
    assert days == [date(2026, 12, 13), date(2026, 12, 14)]

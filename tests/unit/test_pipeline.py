"""One decision per account: approved only if every check approved that very account."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from config.instruments import exchange_instruments
from domain.account import AccountKey
from domain.order import Direction, EntryOrder
from domain.rules import Rule
from risk_engine import pipeline, state_checks
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
from risk_engine.pipeline import age_of, decide_entry, order_size
from risk_engine.prop_risk_engine import evaluate_risk

ORDER = EntryOrder(
    trade_id="T1",
    symbol="NQ",
    direction=Direction.LONG,
    entry_price=Decimal(16500),
    stop_loss=Decimal(16475),
    contracts=2,
    session="NY AM",
)
SIZING = {"account_size": 100000, "risk_per_trade": "0.01"}
LIMIT = {"max_daily_loss": Decimal(1000)}
LIMITS = {
    "max_daily_loss": "day_pl",
    "max_total_loss": "total_pl",
    "max_drawdown": "drawdown",
    "max_risk_per_trade_pct": "equity",
}


def account(firm_code: str = "FTMO", program_id: int = 1, *, live: bool = False, **known: Any) -> AccountFacts:
    dry_reason = None if live else DryReason.GLOBAL
    return AccountFacts(key=AccountKey(firm_code, program_id), dry_reason=dry_reason, **known)


def decide(
    *accounts: AccountFacts, order: EntryOrder = ORDER, firms: dict[str, dict[str, Any]] | None = None, **known: Any
) -> EntryDecision:
    rules = firms or {}
    codes = dict.fromkeys(one.key.firm_code for one in accounts)
    return decide_entry(
        EntryFacts(
            order=order,
            firms=tuple(FirmFacts(code=code, **rules.get(code, {"risk_rules": {}})) for code in codes),
            accounts=accounts,
            instruments=exchange_instruments(),
            **known,
        )
    )


def only(decision: EntryDecision) -> AccountDecision:
    (answer,) = decision.accounts
    return answer


def rules_of(decision: AccountDecision) -> list[str]:
    verdict = decision.verdict
    return [str(refusal.rule) for refusal in verdict.refusals] if isinstance(verdict, Rejected) else []


def test_an_account_that_every_check_approves_trades() -> None:
    decision = decide(account(scaling_rules=SIZING))

    assert only(decision).verdict == Approved(account=AccountKey("FTMO", 1), contracts=2, order=ORDER)
    for rows in (
        decision.risk_checks,
        decision.program_sizing,
        decision.account_breaches,
        decision.enforcement_checks,
    ):
        assert [row["status"] for row in rows] == ["APPROVED"]


def test_an_approved_account_does_not_let_another_account_of_its_firm_through() -> None:
    good = account(program_id=1, breach_rules=LIMIT, state={"day_pl": Decimal(-1)})
    bad = account(program_id=2, breach_rules=LIMIT, state={"day_pl": Decimal(-1000)})

    decision = decide(good, bad)

    assert [type(one.verdict) for one in decision.accounts] == [Approved, Rejected]
    assert rules_of(decision.accounts[1]) == ["MAX_DAILY_LOSS"]


def test_where_nobody_is_approved_nobody_trades() -> None:
    paused = {"paused": True}

    decision = decide(account(program_id=1, state=paused), account(program_id=2, state=paused), account("APEX", 1))
    all_refused = decide(account(program_id=1, state=paused), account("APEX", 1, state=paused))

    assert [type(one.verdict) for one in decision.accounts] == [Rejected, Rejected, Approved]
    assert [type(one.verdict) for one in all_refused.accounts] == [Rejected, Rejected]


def test_a_firms_refusal_blocks_every_account_of_that_firm_and_no_other() -> None:
    decision = decide(
        account(program_id=1),
        account("APEX", 1),
        account(program_id=2),
        firms={"FTMO": {"risk_rules": {"max_position_size": 1}}, "APEX": {"risk_rules": {"max_position_size": 2}}},
    )

    assert [rules_of(one) for one in decision.accounts] == [["MAX_POSITION_SIZE"], [], ["MAX_POSITION_SIZE"]]


def test_the_firms_losses_are_judged_over_its_programs() -> None:
    firm = {"risk_rules": {"max_daily_loss": 1000}, "metrics": {"day_pl": Decimal(-1000)}}

    decision = decide(account(program_id=1, state={"day_pl": 0}), firms={"FTMO": firm})

    assert rules_of(only(decision)) == ["MAX_DAILY_LOSS"]
    assert decision.risk_checks[0]["reason"] == "Daily loss -1000 exceeds max_daily_loss 1000."


def test_rows_stand_in_the_order_of_firms_and_accounts() -> None:
    decision = decide(account("APEX", 2), account("FTMO", 1), account("APEX", 1))

    assert [row["firm_code"] for row in decision.risk_checks] == ["APEX", "FTMO"]
    assert all("program_id" not in row for row in decision.risk_checks)
    keys = [("APEX", 2), ("FTMO", 1), ("APEX", 1)]
    for rows in (decision.program_sizing, decision.account_breaches, decision.enforcement_checks):
        assert [(row["firm_code"], row["program_id"]) for row in rows] == keys
    assert [one.verdict.account for one in decision.accounts] == keys


def test_no_account_means_no_row() -> None:
    decision = decide()

    assert (decision.risk_checks, decision.program_sizing, decision.accounts) == ((), (), ())


@pytest.mark.parametrize(
    ("requested", "sized", "sent"),
    [
        (2, 3, 2),
        (3, 2, 2),
        (2, 2, 2),
        (2, None, 2),
        (None, 2, 2),
        (None, None, 0),
        (0, 2, 0),
        (2, 0, 0),
        (-1, 2, 0),
        (None, 0, 0),
    ],
)
def test_what_is_sent_is_the_smaller_of_requested_and_sized(
    requested: int | None, sized: int | None, sent: int
) -> None:
    assert order_size(requested, sized) == sent


def test_a_request_above_the_size_is_cut_to_the_size() -> None:
    assert only(decide(account(scaling_rules=SIZING), order=replace(ORDER, contracts=9))).verdict.contracts == 2


def test_a_request_above_a_limit_is_refused_and_never_shrunk() -> None:
    big = replace(ORDER, contracts=6)
    capped = {**SIZING, "max_contracts": 5}

    decision = decide(account(scaling_rules=capped, metadata={"max_contracts": 5}), order=big)

    assert only(decision).verdict == Rejected(
        account=AccountKey("FTMO", 1),
        contracts=2,
        order=big,
        refusals=only(decision).verdict.refusals,  # type: ignore[union-attr]
    )
    assert rules_of(only(decision)) == ["MAX_CONTRACTS"]
    assert decision.enforcement_checks[0]["details"] == {"contracts": 6, "max_contracts": Decimal(5)}


def test_what_would_be_sent_is_enforced_where_nothing_was_requested() -> None:
    unnamed = replace(ORDER, contracts=None)

    decision = decide(account(scaling_rules=SIZING, metadata={"max_contracts": 1}), order=unnamed)

    assert rules_of(only(decision)) == ["MAX_CONTRACTS"]


@pytest.mark.parametrize(
    ("rules", "order"),
    [
        ({**SIZING, "account_size": 100}, ORDER),
        (SIZING, replace(ORDER, stop_loss=None)),
        (SIZING, replace(ORDER, contracts=0)),
        ({}, replace(ORDER, contracts=None)),
    ],
    ids=["too small a budget", "no stop", "none requested", "neither requested nor sized"],
)
def test_zero_contracts_are_not_sent(rules: dict[str, Any], order: EntryOrder) -> None:
    verdict = only(decide(account(scaling_rules=rules), order=order)).verdict

    assert isinstance(verdict, Rejected)
    assert [(refusal.rule, refusal.reason) for refusal in verdict.refusals] == [
        ("ZERO_CONTRACTS", "The size comes to 0 contracts.")
    ]


def test_a_refused_size_is_one_refusal_and_not_two() -> None:
    unknown = replace(ORDER, symbol="XYZ", contracts=None)

    assert rules_of(only(decide(account(scaling_rules=SIZING), order=unknown))) == ["UNKNOWN_SYMBOL"]


def test_an_unknown_symbol_is_refused_even_where_contracts_are_requested() -> None:
    assert rules_of(only(decide(account(), order=replace(ORDER, symbol="XYZ")))) == ["UNKNOWN_SYMBOL"]


def test_every_refusal_is_named_in_the_order_of_the_checks() -> None:
    decision = decide(
        account(breach_rules=LIMIT, state={"day_pl": -1000, "paused": True}),
        order=replace(ORDER, symbol="XYZ"),
        firms={"FTMO": {"risk_rules": {"max_position_size": 1}}},
    )

    assert rules_of(only(decision)) == ["MAX_POSITION_SIZE", "UNKNOWN_SYMBOL", "MAX_DAILY_LOSS", "ACCOUNT_PAUSED"]


@pytest.mark.parametrize(("limit", "figure"), LIMITS.items())
def test_live_refuses_what_dry_run_only_notes_of_an_unknown_state(limit: str, figure: str) -> None:
    limits: dict[str, Any] = (
        {"metadata": {limit: "0.01"}} if limit.endswith("_pct") else {"breach_rules": {limit: 1000}}
    )

    live, dry = decide(account(live=True, **limits)), decide(account(**limits))

    assert rules_of(only(live)) == ["ACCOUNT_STATE_UNKNOWN"]
    assert live.account_breaches[0]["details"] == {"missing": [figure]}
    assert only(live).blocked_if_live == ()
    assert isinstance(only(dry).verdict, Approved)
    assert dry.account_breaches[0]["status"] == "APPROVED"
    assert [refusal.rule for refusal in only(dry).blocked_if_live] == ["ACCOUNT_STATE_UNKNOWN"]


@pytest.mark.parametrize("limit", ["max_daily_loss", "max_total_loss"])
def test_a_limit_of_the_firm_needs_the_state_of_its_accounts(limit: str) -> None:
    firms = {"FTMO": {"risk_rules": {limit: 1000}}}

    assert rules_of(only(decide(account(live=True), firms=firms))) == ["ACCOUNT_STATE_UNKNOWN"]


def test_a_position_limit_of_the_firm_needs_no_state() -> None:
    firms = {"FTMO": {"risk_rules": {"max_position_size": 5}}}

    assert isinstance(only(decide(account(live=True), firms=firms)).verdict, Approved)


@pytest.mark.parametrize(
    ("age", "stale"),
    [("299.999", False), ("300", False), ("300.001", True), (None, True)],
)
def test_live_refuses_what_dry_run_only_notes_of_stale_figures(age: str | None, stale: bool) -> None:
    known: dict[str, Any] = {
        "breach_rules": LIMIT,
        "state": {"day_pl": 0},
        "state_age": None if age is None else Decimal(age),
    }

    live, dry = only(decide(account(live=True, **known))), only(decide(account(**known)))

    assert rules_of(live) == (["ACCOUNT_STATE_STALE"] if stale else [])
    assert rules_of(dry) == []
    assert [refusal.rule for refusal in dry.blocked_if_live] == (["ACCOUNT_STATE_STALE"] if stale else [])


def test_the_owners_age_limit_counts() -> None:
    known: dict[str, Any] = {"breach_rules": LIMIT, "state": {"day_pl": 0}, "state_age": Decimal(61)}

    assert rules_of(only(decide(account(live=True, **known), max_state_age=Decimal(60)))) == ["ACCOUNT_STATE_STALE"]
    assert rules_of(only(decide(account(live=True, **known), max_state_age=Decimal(61)))) == []


@pytest.mark.parametrize("state", [{}, {"day_pl": 0}])
def test_the_owner_may_allow_an_unknown_state(state: dict[str, Any]) -> None:
    blind = account(live=True, breach_rules=LIMIT, state=state)

    assert rules_of(only(decide(blind))) != []
    assert isinstance(only(decide(blind, allow_unknown_state=True)).verdict, Approved)


def test_allowing_an_unknown_state_does_not_allow_a_known_loss() -> None:
    broken = account(live=True, breach_rules=LIMIT, state={"day_pl": -1000})

    assert rules_of(only(decide(broken, allow_unknown_state=True))) == ["MAX_DAILY_LOSS"]


def test_a_reached_limit_is_named_before_a_stale_state() -> None:
    broken = account(live=True, breach_rules=LIMIT, state={"day_pl": -1000}, state_age=Decimal(9999))

    assert rules_of(only(decide(broken))) == ["MAX_DAILY_LOSS"]


@pytest.mark.parametrize(
    ("metadata", "state", "approved"),
    [
        ({"max_drawdown": 2500}, {"equity": 97501, "peak_equity": 100000}, True),
        ({"max_drawdown": 2500}, {"equity": 97500, "peak_equity": 100000}, False),
        ({"max_drawdown": 2500, "starting_balance": 100000}, {"equity": 97501}, True),
        ({"max_drawdown": 2500, "starting_balance": 100000}, {"equity": 97500}, False),
        ({"max_drawdown": 2500}, {"equity": 97501, "starting_balance": 100000}, True),
        ({"max_drawdown": 2500}, {"equity": 97500, "starting_balance": 100000}, False),
        ({"max_drawdown": 2500}, {"equity": 97501}, False),
    ],
    ids=[
        "above the peak's floor",
        "at the peak's floor",
        "above the configured start's floor",
        "at the configured start's floor",
        "above the told start's floor",
        "at the told start's floor",
        "no peak at all",
    ],
)
def test_a_live_drawdown_that_counts_as_known_is_judged(
    metadata: dict[str, Any], state: dict[str, Any], approved: bool
) -> None:
    limits: dict[str, Any] = {"breach_rules": {"max_drawdown": 2500}, "metadata": metadata}

    verdict = only(decide(account(live=True, **limits, state=state, state_age=Decimal(0)))).verdict

    assert isinstance(verdict, Approved) is approved


def test_a_setting_that_cannot_be_read_refuses_live_and_is_noted_dry() -> None:
    faulty: dict[str, Any] = {"config_errors": ("FTMO_1_MAX_DAILY_LOSS", "FTMO_DRY_RUN")}

    live, dry = decide(account(live=True, **faulty)), decide(account(**faulty))

    reason = "Settings that are missing or cannot be read: FTMO_1_MAX_DAILY_LOSS, FTMO_DRY_RUN."
    assert rules_of(only(live)) == ["CONFIGURATION_ERROR"]
    row = live.enforcement_checks[0]
    assert (row["status"], row["allowed"], row["breach_type"], row["rule"], row["reason"]) == (
        "REJECTED",
        False,
        "error",
        "CONFIGURATION_ERROR",
        reason,
    )
    assert isinstance(only(dry).verdict, Approved)
    assert [(refusal.rule, refusal.reason) for refusal in only(dry).blocked_if_live] == [
        ("CONFIGURATION_ERROR", reason)
    ]


def test_a_faulty_setting_of_one_account_does_not_refuse_another() -> None:
    decision = decide(account(program_id=1, live=True, config_errors=("FTMO_1_EQUITY",)), account("FTMO", 2, live=True))

    assert [rules_of(one) for one in decision.accounts] == [["CONFIGURATION_ERROR"], []]


def test_dry_run_notes_everything_that_would_refuse_it_live() -> None:
    decision = only(decide(account(breach_rules=LIMIT, config_errors=("X",))))

    assert [refusal.rule for refusal in decision.blocked_if_live] == ["ACCOUNT_STATE_UNKNOWN", "CONFIGURATION_ERROR"]


@pytest.mark.parametrize("dry_reason", [*DryReason, None])
def test_a_dry_account_says_why(dry_reason: DryReason | None) -> None:
    assert only(decide(replace(account(), dry_reason=dry_reason))).dry_reason is dry_reason


@pytest.mark.parametrize("live", [False, True])
def test_an_entry_after_its_exit_opens_nothing(live: bool) -> None:
    decision = decide(account(live=live), account("APEX", 1, live=live), trade_closed=True)

    assert [rules_of(one) for one in decision.accounts] == [["TRADE_CLOSED"], ["TRADE_CLOSED"]]
    for row in decision.enforcement_checks:
        assert (row["allowed"], row["breach_type"]) == (False, "lifecycle")
        assert row["reason"] == "Trade T1 was closed before this entry was processed."


ENGINES = ["calculate_program_sizing", "evaluate_account_breach", "check_order_enforcement", "evaluate_account_state"]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_fails_blocks_exactly_the_account_it_failed_for(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    module = state_checks if hasattr(state_checks, engine) else pipeline
    real = getattr(module, engine)

    def broken(firm_code: str, program_id: int, *rest: Any, **named: Any) -> Any:
        if (firm_code, program_id) == ("FTMO", 2):
            raise RuntimeError("the engine is broken")
        return real(firm_code, program_id, *rest, **named)

    monkeypatch.setattr(module, engine, broken)

    decision = decide(*(account(code, number, live=True) for code, number in [("FTMO", 1), ("FTMO", 2), ("APEX", 2)]))

    assert [rules_of(one) for one in decision.accounts] == [[], ["EXCEPTION"], []]
    verdict = decision.accounts[1].verdict
    assert isinstance(verdict, Rejected)
    assert "the engine is broken" in verdict.refusals[0].reason


def test_an_account_at_a_moment_keeps_all_that_does_not_change_with_it() -> None:
    now: dict[str, Any] = {
        "state": {"equity": Decimal(1)},
        "state_age": Decimal(2),
        "standing": None,
        "halted": "Halt 1.",
        "out_of_sync": "More at the venue.",
    }
    every = {entry.name: object() for entry in fields(AccountFacts)}
    one = AccountFacts(**every)  # type: ignore[arg-type]

    assert one.at_moment(**now) == replace(one, **now)


def test_what_a_firm_said_of_one_size_is_not_said_of_another() -> None:
    firm = FirmFacts(code="FTMO", risk_rules={"max_position_size": Decimal(5)})
    facts = EntryFacts(order=ORDER, firms=(firm,), accounts=(account(),), instruments=exchange_instruments())

    def judged(contracts: int | None) -> str:
        decision = decide_entry(replace(facts, order=replace(ORDER, contracts=contracts)))
        return str(decision.risk_checks[0]["status"])

    asked = [2, 6, None, 2, 6, *range(100, 200), 1, 6]
    refused = ["REJECTED" if size is not None and size > 5 else "APPROVED" for size in asked]
    assert [judged(size) for size in asked] == refused
    assert len(firm.answers) == pipeline.ANSWERS_KEPT


def test_a_check_that_failed_once_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    firm = FirmFacts(code="FTMO", risk_rules={})
    facts = EntryFacts(order=ORDER, firms=(firm,), accounts=(account(),), instruments=exchange_instruments())

    def broken(*_: Any) -> Any:
        raise RuntimeError("the engine is broken")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "evaluate_risk", broken)
        assert rules_of(decide_entry(facts).accounts[0]) == ["EXCEPTION"]
    assert rules_of(decide_entry(facts).accounts[0]) == []


def test_a_risk_engine_that_fails_blocks_every_account_of_its_firm(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(firm_code: str, *rest: Any) -> Any:
        if firm_code == "FTMO":
            raise RuntimeError("the engine is broken")
        return evaluate_risk(firm_code, *rest)

    monkeypatch.setattr(pipeline, "evaluate_risk", broken)

    decision = decide(account("FTMO", 1), account("FTMO", 2), account("APEX", 1))

    assert [rules_of(one) for one in decision.accounts] == [["EXCEPTION"], ["EXCEPTION"], []]
    assert (
        decision.risk_checks[0]["reason"] == "Risk check could not be carried out for firm FTMO: the engine is broken"
    )


def test_a_state_check_that_fails_is_noted_in_dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the engine is broken")

    monkeypatch.setattr(state_checks, "evaluate_account_state", broken)

    assert [refusal.rule for refusal in only(decide(account())).blocked_if_live] == [Rule.EXCEPTION]


@pytest.mark.parametrize(
    ("figures_at", "now", "age"),
    [(None, 1000.0, None), (1000.0, 1000.0, "0.0"), (1000.0, 1300.0004, "300.0"), (1000.0, 1300.001, "300.001")],
)
def test_an_age_is_exact_to_the_millisecond(figures_at: float | None, now: float, age: str | None) -> None:
    assert age_of(figures_at, now) == (None if age is None else Decimal(age))

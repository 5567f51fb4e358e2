"""What must hold of every decision, whatever the limits and the figures."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.instruments import exchange_instruments
from domain.account import AccountKey
from domain.checks import json_default
from domain.order import Direction, EntryOrder
from program_engine import calculate_program_sizing
from risk_engine.decision import AccountFacts, Approved, DryReason, EntryDecision, EntryFacts, FirmFacts, Rejected
from risk_engine.pipeline import decide_entry
from routing.facts import firm_metrics

BOOK = exchange_instruments()
KEYS = [AccountKey("FTMO", 1), AccountKey("FTMO", 2), AccountKey("APEX", 1)]
ENTRY_PRICE = Decimal(16500)
moderate = settings(max_examples=50, deadline=None, database=None)


def dollars(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low * 4, high * 4).map(lambda quarters: Decimal(quarters) / 4)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def given_only(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


limits_in_dollars = dollars(1, 3000)
contracts = st.integers(1, 6)
states = st.fixed_dictionaries(
    {
        "day_pl": maybe(dollars(-3000, 1000)),
        "total_pl": maybe(dollars(-3000, 1000)),
        "drawdown": maybe(dollars(-3000, 3000)),
        "equity": maybe(dollars(95000, 105000)),
        "balance": maybe(dollars(95000, 105000)),
        "day_start_balance": maybe(dollars(95000, 105000)),
        "peak_equity": maybe(dollars(95000, 105000)),
        "high_water_mark": maybe(dollars(95000, 105000)),
        "starting_balance": maybe(dollars(95000, 105000)),
        "paused": st.sampled_from([None, False, False, False, True]),
    }
).map(given_only)
orders = st.builds(
    lambda stop, **said: EntryOrder(
        trade_id="T1",
        direction=Direction.LONG,
        entry_price=ENTRY_PRICE,
        stop_loss=stop,
        **said,
    ),
    st.integers(1, 200).map(lambda ticks: ENTRY_PRICE - Decimal(ticks) / 4),
    symbol=st.sampled_from(["NQ", "NQ", "NQ", "MNQ", "XYZ"]),
    contracts=maybe(st.integers(0, 6)),
    session=st.sampled_from(["NY AM", "LONDON", None]),
)


@st.composite
def account_facts(draw: st.DrawFn, key: AccountKey, position_limit: int | None) -> AccountFacts:
    daily, drawdown = draw(maybe(limits_in_dollars)), draw(maybe(limits_in_dollars))
    max_contracts, sized = draw(maybe(contracts)), draw(st.booleans())
    return AccountFacts(
        key=key,
        dry_reason=draw(st.sampled_from([None, DryReason.GLOBAL])),
        scaling_rules=given_only(
            {
                "account_size": Decimal(100000) if sized else None,
                "risk_per_trade": draw(st.sampled_from([Decimal("0.001"), Decimal("0.01"), Decimal("0.05")])),
                "max_contracts": max_contracts,
                "max_position_size": position_limit,
            }
        ),
        breach_rules=given_only(
            {"max_daily_loss": daily, "max_total_loss": draw(maybe(limits_in_dollars)), "max_drawdown": drawdown}
        ),
        metadata={
            "allowed_sessions": draw(st.sampled_from([None, ["NY AM"], ["NY AM", "LONDON"]])),
            "max_contracts": max_contracts,
            "max_risk_per_trade_pct": draw(maybe(st.sampled_from([Decimal("0.005"), Decimal("0.02")]))),
            "daily_loss_limit": daily,
            "max_drawdown": drawdown,
            "starting_balance": draw(maybe(dollars(95000, 105000))),
        },
        state=draw(states),
        state_age=draw(st.sampled_from([None, Decimal(0), Decimal(300), Decimal(301)])),
        config_errors=draw(st.sampled_from([(), (), (), ("FTMO_1_EQUITY",)])),
    )


@st.composite
def entry_facts(draw: st.DrawFn) -> EntryFacts:
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1))
    rules = {
        code: given_only(
            {
                "max_position_size": draw(maybe(contracts)),
                "max_daily_loss": draw(maybe(limits_in_dollars)),
                "max_total_loss": draw(maybe(limits_in_dollars)),
            }
        )
        for code in dict.fromkeys(key.firm_code for key in keys)
    }
    accounts = tuple(draw(account_facts(key, rules[key.firm_code].get("max_position_size"))) for key in keys)
    return EntryFacts(
        order=draw(orders),
        firms=tuple(
            FirmFacts(code=code, risk_rules=rule, metrics=firm_metrics(code, accounts)) for code, rule in rules.items()
        ),
        accounts=accounts,
        instruments=BOOK,
        trade_closed=draw(st.sampled_from([False, False, False, False, True])),
        allow_unknown_state=draw(st.sampled_from([True, True, False])),
    )


@st.composite
def harmless_facts(draw: st.DrawFn) -> EntryFacts:
    """Return facts with few limits, so that approvals are common and a property of approvals is put to the test."""
    facts = draw(entry_facts())
    accounts = tuple(
        replace(
            account,
            breach_rules={},
            state={"equity": Decimal(100000), "day_pl": Decimal(-1)},
            state_age=Decimal(0),
            metadata={"max_contracts": account.metadata["max_contracts"]},
            config_errors=(),
        )
        for account in facts.accounts
    )
    return replace(facts, accounts=accounts, trade_closed=False, allow_unknown_state=True)


any_facts = entry_facts() | harmless_facts()


def rows_of(decision: EntryDecision, position: int, firm_code: str) -> list[dict[str, Any]]:
    firm_row = next(row for row in decision.risk_checks if row["firm_code"] == firm_code)
    return [
        firm_row,
        decision.program_sizing[position],
        decision.account_breaches[position],
        decision.enforcement_checks[position],
    ]


@moderate
@given(any_facts)
def test_an_account_trades_exactly_where_all_its_rows_approve_and_there_is_something_to_send(facts: EntryFacts) -> None:
    decision = decide_entry(facts)

    for position, account in enumerate(facts.accounts):
        verdict = decision.accounts[position].verdict
        rows = rows_of(decision, position, account.key.firm_code)
        approved = all(row["status"] == "APPROVED" for row in rows) and verdict.contracts > 0
        assert isinstance(verdict, Approved) is approved
        assert isinstance(verdict, Rejected) is not approved
        assert all((row["rule"] is None) is (row["status"] == "APPROVED") for row in rows)
        if isinstance(verdict, Rejected):
            named = [str(row["rule"]) for row in rows if row["status"] == "REJECTED"]
            assert [str(refusal.rule) for refusal in verdict.refusals if refusal.rule != "ZERO_CONTRACTS"] == named
            assert all(refusal.reason for refusal in verdict.refusals)


@moderate
@given(any_facts)
def test_an_approved_size_is_within_the_request_and_every_cap(facts: EntryFacts) -> None:
    for account, decision in zip(facts.accounts, decide_entry(facts).accounts, strict=True):
        verdict = decision.verdict
        if not isinstance(verdict, Approved):
            continue
        firm = next(firm for firm in facts.firms if firm.code == account.key.firm_code)
        caps = [
            facts.order.contracts,
            account.metadata.get("max_contracts"),
            account.scaling_rules.get("max_contracts"),
            firm.risk_rules.get("max_position_size"),
        ]
        assert verdict.contracts > 0
        assert all(cap is None or verdict.contracts <= cap for cap in caps)


@moderate
@given(any_facts, st.data())
def test_a_tighter_limit_never_turns_a_refusal_into_an_approval(facts: EntryFacts, data: st.DataObject) -> None:
    """A cap on contracts also makes the size of an unnamed request smaller, which other limits may then allow."""
    name, step = data.draw(
        st.sampled_from(
            [
                ("max_daily_loss", limits_in_dollars),
                ("max_total_loss", limits_in_dollars),
                ("max_drawdown", limits_in_dollars),
                ("daily_loss_limit", limits_in_dollars),
                ("max_contracts", contracts),
                ("max_position_size", contracts),
                ("max_risk_per_trade_pct", st.sampled_from([Decimal("0.005"), Decimal("0.01")])),
            ]
        )
    )
    limit = data.draw(step)

    def tightened(rules: Any) -> dict[str, Any]:
        known = rules.get(name)
        return {**rules, name: limit if known is None else min(known, limit)}

    tight = replace(
        facts,
        firms=tuple(replace(firm, risk_rules=tightened(firm.risk_rules)) for firm in facts.firms),
        accounts=tuple(
            replace(
                account,
                breach_rules=tightened(account.breach_rules),
                metadata=tightened(account.metadata),
                scaling_rules=tightened(account.scaling_rules),
            )
            for account in facts.accounts
        ),
    )

    for before, after in zip(decide_entry(facts).accounts, decide_entry(tight).accounts, strict=True):
        smaller = facts.order.contracts is None and after.verdict.contracts < before.verdict.contracts
        assert isinstance(before.verdict, Approved) or isinstance(after.verdict, Rejected) or smaller


@moderate
@given(any_facts)
def test_a_pause_a_closed_trade_or_a_session_outside_never_lets_an_account_through(facts: EntryFacts) -> None:
    paused = replace(facts, accounts=tuple(replace(one, state={**one.state, "paused": True}) for one in facts.accounts))
    outside = replace(
        facts,
        accounts=tuple(replace(one, metadata={**one.metadata, "allowed_sessions": ["X"]}) for one in facts.accounts),
    )

    for changed in (paused, outside, replace(facts, trade_closed=True)):
        assert all(isinstance(one.verdict, Rejected) for one in decide_entry(changed).accounts)


@moderate
@given(any_facts)
def test_going_live_never_turns_a_refusal_into_an_approval(facts: EntryFacts) -> None:
    dry = replace(facts, accounts=tuple(replace(one, dry_reason=DryReason.GLOBAL) for one in facts.accounts))
    live = replace(facts, accounts=tuple(replace(one, dry_reason=None) for one in facts.accounts))

    for before, after in zip(decide_entry(dry).accounts, decide_entry(live).accounts, strict=True):
        would_trade = isinstance(before.verdict, Approved) and not before.blocked_if_live
        assert isinstance(after.verdict, Approved) is would_trade


FAVOURABLE = {
    "day_pl": Decimal(0),
    "total_pl": Decimal(0),
    "drawdown": Decimal(0),
    "equity": Decimal(100000),
    "balance": Decimal(100000),
    "peak_equity": Decimal(100000),
    "high_water_mark": Decimal(100000),
    "starting_balance": Decimal(100000),
    "day_start_balance": Decimal(100000),
}


LIMIT_IS_KEPT_BY = {
    "max_daily_loss": {"MAX_DAILY_LOSS", "DAILY_LOSS_LIMIT"},
    "max_total_loss": {"MAX_TOTAL_LOSS"},
    "max_drawdown": {"MAX_DRAWDOWN", "TRAILING_DRAWDOWN"},
    "max_risk_per_trade_pct": {"MAX_RISK_PER_TRADE"},
}


@pytest.mark.parametrize("start", [None, Decimal(100000)])
@pytest.mark.parametrize("limit", LIMIT_IS_KEPT_BY)
def test_a_live_account_never_trades_on_a_limit_that_was_not_compared(limit: str, start: Decimal | None) -> None:
    """Every subset of figures that an account may have told is tried."""
    is_share = limit == "max_risk_per_trade_pct"
    rules = {} if is_share else {limit: Decimal(1000)}
    metadata = {
        "max_risk_per_trade_pct": Decimal("0.02") if is_share else None,
        "daily_loss_limit": rules.get("max_daily_loss"),
        "max_drawdown": rules.get("max_drawdown"),
        "starting_balance": start,
    }
    order = EntryOrder(
        trade_id="T1",
        symbol="NQ",
        direction=Direction.LONG,
        entry_price=ENTRY_PRICE,
        stop_loss=ENTRY_PRICE - 25,
        contracts=1,
    )
    approvals = 0
    for told in itertools.product([False, True], repeat=len(FAVOURABLE)):
        account = AccountFacts(
            key=KEYS[0],
            dry_reason=None,
            breach_rules=rules,
            metadata=metadata,
            state=dict(itertools.compress(FAVOURABLE.items(), told)),
            state_age=Decimal(0),
        )
        firm = FirmFacts(code="FTMO", risk_rules={})
        decision = decide_entry(EntryFacts(order=order, firms=(firm,), accounts=(account,), instruments=BOOK))
        if isinstance(decision.accounts[0].verdict, Approved):
            approvals += 1
            compared = [comparison for row in rows_of(decision, 0, "FTMO") for comparison in row["compared"]]
            kept = {str(comparison["rule"]) for comparison in compared if comparison["passed"]}
            assert kept & LIMIT_IS_KEPT_BY[limit], account.state
    assert approvals > 0


@moderate
@given(any_facts, st.data())
def test_one_accounts_decision_does_not_depend_on_the_others(facts: EntryFacts, data: st.DataObject) -> None:
    together = decide_entry(facts)
    order = data.draw(st.permutations(range(len(facts.accounts))))

    alone = [decide_entry(replace(facts, accounts=(account,))).accounts[0] for account in facts.accounts]
    shuffled = decide_entry(replace(facts, accounts=tuple(facts.accounts[position] for position in order)))

    assert alone == list(together.accounts)
    assert [shuffled.accounts[order.index(position)] for position in range(len(order))] == alone


@moderate
@given(any_facts)
def test_the_same_facts_have_the_same_decision(facts: EntryFacts) -> None:
    assert decide_entry(facts) == decide_entry(facts)


@settings(moderate, max_examples=100)
@given(
    account_size=dollars(1, 500_000),
    risk_per_trade=st.decimals(min_value="0.0001", max_value=1, places=4),
    ticks=st.integers(1, 4000),
    symbol=st.sampled_from(["NQ", "MNQ", "ES", "YM", "MYM", "ZC", "6E"]),
    cap=maybe(st.integers(0, 50)),
)
def test_the_size_is_the_most_that_the_budget_pays_for(
    account_size: Decimal, risk_per_trade: Decimal, ticks: int, symbol: str, cap: int | None
) -> None:
    instrument = BOOK.resolve(symbol)
    assert instrument is not None
    assert instrument.tick_size is not None
    assert instrument.point_value is not None
    stop = ENTRY_PRICE - ticks * instrument.tick_size

    result = calculate_program_sizing(
        "FTMO",
        1,
        {"account_size": account_size, "risk_per_trade": risk_per_trade, "max_contracts": cap},
        {"symbol": symbol, "entry_price": ENTRY_PRICE, "stop_loss": stop},
    )

    loss = ticks * instrument.tick_size * instrument.point_value
    budget = account_size * risk_per_trade
    assert result.sized is not None
    assert result.sized * loss <= budget
    assert cap is None or result.sized <= cap
    assert result.sized == cap or (result.sized + 1) * loss > budget


garbage = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a lot", "", "1000", "-1", "NaN", "1e400", "Infinity", Decimal("NaN"), Decimal("1e400")])
    | st.builds(pow, st.just(10), st.just(5000)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def filled(values: st.SearchStrategy[Any], *names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), values, max_size=5)


LOSS_LIMITS = ("max_daily_loss", "max_total_loss", "max_drawdown")


@st.composite
def facts_of(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> EntryFacts:
    account = AccountFacts(
        key=KEYS[0],
        dry_reason=draw(st.sampled_from([None, DryReason.GLOBAL])),
        scaling_rules=draw(filled(values, "account_size", "risk_per_trade", "max_contracts", "max_position_size")),
        breach_rules=draw(filled(values, *LOSS_LIMITS)),
        metadata=draw(
            filled(
                values,
                "allowed_sessions",
                "max_contracts",
                "max_risk_per_trade_pct",
                "daily_loss_limit",
                "max_drawdown",
                "starting_balance",
            )
        ),
        state=draw(
            filled(values, "day_pl", "total_pl", "drawdown", "equity", "balance", "peak_equity", "paused", "source")
        ),
        state_age=draw(st.sampled_from([None, Decimal(0), Decimal(-1), Decimal(10**9)])),
    )
    rules = draw(filled(values, "max_position_size", "max_daily_loss", "max_total_loss"))
    metrics = draw(filled(values, "day_pl", "total_pl"))
    return EntryFacts(
        order=draw(orders),
        firms=(FirmFacts(code="FTMO", risk_rules=rules, metrics=metrics),),
        accounts=(account,),
        instruments=BOOK,
        allow_unknown_state=draw(st.booleans()),
    )


@settings(moderate, max_examples=80)
@given(facts_of(garbage))
def test_garbage_in_rules_and_state_never_raises(facts: EntryFacts) -> None:
    decision = decide_entry(facts)

    (account,) = decision.accounts
    assert isinstance(account.verdict, Approved | Rejected)
    assert [len(decision.risk_checks), len(decision.program_sizing)] == [1, 1]


@moderate
@given(facts_of(st.sampled_from([0, 1000, "1e400", "-1e400", "1e-400", float("nan")])))
def test_the_record_of_any_decision_is_valid_json(facts: EntryFacts) -> None:
    decision = decide_entry(facts)

    for rows in (
        decision.risk_checks,
        decision.program_sizing,
        decision.account_breaches,
        decision.enforcement_checks,
    ):
        json.loads(json.dumps(rows, default=json_default, allow_nan=False))


@settings(moderate, max_examples=100)
@given(st.sampled_from(LOSS_LIMITS), garbage, st.booleans())
def test_an_unreadable_limit_is_never_no_limit(name: str, limit: Any, live: bool) -> None:
    account = AccountFacts(
        key=KEYS[0],
        dry_reason=None if live else DryReason.GLOBAL,
        breach_rules={name: limit},
        state={"day_pl": Decimal(0), "total_pl": Decimal(0), "drawdown": Decimal(0)},
        state_age=Decimal(0),
    )
    order = EntryOrder(
        trade_id="T1", symbol="NQ", direction=Direction.LONG, entry_price=None, stop_loss=None, contracts=1
    )

    decision = decide_entry(
        EntryFacts(order=order, firms=(FirmFacts(code="FTMO", risk_rules={}),), accounts=(account,), instruments=BOOK)
    )

    (row,) = decision.account_breaches
    looked_at = [comparison["passed"] for comparison in row["compared"] if comparison["rule"].startswith("MAX_")]
    if limit is None:
        assert isinstance(decision.accounts[0].verdict, Approved)
    elif isinstance(decision.accounts[0].verdict, Approved):
        assert looked_at == [True], "an approval under a limit has compared it"
    else:
        assert row["status"] == "REJECTED"

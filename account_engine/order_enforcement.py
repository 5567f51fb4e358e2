"""Whether this order may be placed on this account.

The checks, in this order: paused, session, contracts, risk, daily loss, drawdown.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from config.instruments import InstrumentBook, exchange_instruments
from domain.checks import Comparison
from domain.limits import Finding
from domain.money import optional_decimal, plain
from domain.order import requested_contracts
from domain.rules import Rule

BREACH_TYPES: dict[Rule, str] = {
    Rule.ACCOUNT_PAUSED: "paused",
    Rule.SESSION_NOT_ALLOWED: "session",
    Rule.MAX_CONTRACTS: "contracts",
    Rule.MAX_RISK_PER_TRADE: "risk",
    Rule.DAILY_LOSS_LIMIT: "daily_loss",
    Rule.TRAILING_DRAWDOWN: "drawdown",
    Rule.STANDING_FORBIDS_ENTRY: "standing",
    Rule.DAILY_ROOM: "daily_loss",
    Rule.DRAWDOWN_ROOM: "drawdown",
    Rule.TRADE_CLOSED: "lifecycle",
    Rule.STOP_REQUIRED: "risk",
    Rule.NO_CONTRACT: "contract",
    Rule.SIGNAL_EXPIRED: "lifecycle",
    Rule.OPEN_CONTRACTS: "contracts",
    Rule.ACCOUNT_UNRESOLVED: "unresolved",
    Rule.TRADING_HALTED: "paused",
    Rule.ACCOUNT_OUT_OF_SYNC: "out_of_sync",
    Rule.NO_DIRECTION: "direction",
    Rule.CONFIGURATION_ERROR: "error",
    Rule.EXCEPTION: "error",
}


class StateFindings(NamedTuple):
    """What an account's state alone says of its orders; None where there is no such limit."""

    paused: Finding
    daily_loss: Finding | None
    drawdown: Finding | None


def check_order_enforcement(
    firm_code: str,
    program_id: int,
    program_metadata: Mapping[str, Any],
    account_state: Mapping[str, Any],
    order_data: Mapping[str, Any],
    *,
    instruments: InstrumentBook | None = None,
    of_state: StateFindings | None = None,
) -> dict[str, Any]:
    """Return ``allowed``, ``reason`` and ``breach_type`` of the first check that refuses, and all that was compared.

    ``program_metadata``: allowed_sessions, max_contracts, max_risk_per_trade_pct (fraction of equity),
    daily_loss_limit and max_drawdown (dollars), starting_balance (dollars); an absent one is off.
    ``account_state``: paused, equity, balance, day_start_balance, peak_equity, high_water_mark (dollars).
    ``order_data``: entry_price and stop_loss (points), symbol, session, contracts (requested) and send_contracts (what
    would be sent); the larger of the two is judged. ``instruments`` defaults to the exchanges' contract values.
    ``of_state``: what ``state_findings`` says of the same account; made here where it is None.
    Never raises: an input that cannot be read refuses with breach_type ``error``.
    """
    order = _Order(order_data, exchange_instruments() if instruments is None else instruments)
    try:
        state = state_findings(program_metadata, account_state) if of_state is None else of_state
        made = (
            state.paused,
            _session(program_metadata, order),
            _contracts(program_metadata, order),
            _risk(program_metadata, account_state, order),
            state.daily_loss,
            state.drawdown,
        )
    except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
        reason = f"Order enforcement could not be carried out for {firm_code}/{program_id}: {error}"
        return enforcement_answer(None, rule=Rule.EXCEPTION, reason=reason, compared=[])
    findings = [finding for finding in made if finding is not None]
    refusal = next((finding for finding in findings if finding.refuses), None)
    return enforcement_answer(refusal, compared=[finding.comparison for finding in findings])


def state_findings(program_metadata: Mapping[str, Any], account_state: Mapping[str, Any]) -> StateFindings:
    """Return the findings that no order changes. Raises ValueError for a figure that is not a number."""
    return StateFindings(
        paused=_paused(account_state),
        daily_loss=_daily_loss(program_metadata, account_state),
        drawdown=_drawdown(program_metadata, account_state),
    )


def enforcement_answer(
    refusal: Finding | None,
    *,
    compared: list[Comparison],
    rule: Rule | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """Return the dictionary form of an enforcement answer, as the documents have it."""
    rule = refusal.comparison.rule if refusal is not None else rule
    return {
        "allowed": rule is None,
        "reason": refusal.reason if refusal is not None else reason,
        "breach_type": None if rule is None else BREACH_TYPES[rule],
        "rule": rule,
        "details": None if refusal is None else refusal.details,
        "compared": compared,
    }


class _Order:
    """What the checks need of an order, read when a check asks for it."""

    def __init__(self, data: Mapping[str, Any], instruments: InstrumentBook) -> None:
        self._data = data
        self._instruments = instruments

    @property
    def session(self) -> str | None:
        session = self._data.get("session")
        return None if session is None else str(session).strip()

    @cached_property
    def contracts(self) -> int | None:
        asked = requested_contracts(self._data)
        sent = requested_contracts({"contracts": self._data.get("send_contracts")})
        return max((size for size in (asked, sent) if size is not None), default=None)

    def loss_at_stop(self) -> Decimal | None:
        """Return dollars lost at the stop, None where price, stop or size is not given."""
        entry = optional_decimal(self._data, "entry_price")
        stop = optional_decimal(self._data, "stop_loss")
        contracts = self.contracts
        if entry is None or stop is None or contracts is None:
            return None
        symbol = str(self._data.get("symbol") or "NQ")
        instrument = self._instruments.resolve(symbol)
        if instrument is None or instrument.point_value is None:
            raise ValueError(f"no point value is known for symbol {symbol!r}")
        return abs(entry - stop) * instrument.point_value * contracts


def _paused(state: Mapping[str, Any]) -> Finding:
    # Anything but a clear "no" counts as paused: a flag that cannot be read must not let an order through.
    paused = state.get("paused")
    comparison = Comparison(
        rule=Rule.ACCOUNT_PAUSED, value=bool(paused), limit=False, passed=paused is None or paused is False
    )
    if comparison.passed:
        return Finding(comparison)
    return Finding(
        comparison=comparison,
        reason="Account paused",
        details={"paused": paused if isinstance(paused, bool) else str(paused)[:100]},
    )


def _session(metadata: Mapping[str, Any], order: _Order) -> Finding | None:
    allowed = metadata.get("allowed_sessions")
    if allowed is None:
        return None
    names = [str(name).strip() for name in allowed]
    session = order.session
    passed = session is not None and session.upper() in {name.upper() for name in names}
    comparison = Comparison(rule=Rule.SESSION_NOT_ALLOWED, value=session, limit=names, passed=passed)
    if passed:
        return Finding(comparison)
    given = "the signal names none, allowed are" if session is None else f"{session!r} is not one of"
    return Finding(
        comparison=comparison,
        reason=f"Invalid session: {given} {', '.join(names)}.",
        details={"session": session, "allowed_sessions": names},
    )


def _contracts(metadata: Mapping[str, Any], order: _Order) -> Finding | None:
    limit = optional_decimal(metadata, "max_contracts")
    if limit is None:
        return None
    contracts = order.contracts
    passed = None if contracts is None else contracts <= limit
    comparison = Comparison(rule=Rule.MAX_CONTRACTS, value=contracts, limit=limit, passed=passed)
    if passed is not False:
        return Finding(comparison)
    return Finding(
        comparison=comparison,
        reason=f"Exceeds max contracts: {contracts} contracts, max_contracts {plain(limit)}.",
        details={"contracts": contracts, "max_contracts": limit},
    )


def _risk(metadata: Mapping[str, Any], state: Mapping[str, Any], order: _Order) -> Finding | None:
    fraction = optional_decimal(metadata, "max_risk_per_trade_pct")
    if fraction is None:
        return None
    basis = "equity" if state.get("equity") is not None else "balance"
    equity = optional_decimal(state, basis)
    risk = order.loss_at_stop()
    if risk is None:
        note = "an order whose loss at the stop is not known cannot be held against a risk limit"
        return Finding(
            comparison=Comparison(rule=Rule.MAX_RISK_PER_TRADE, value=None, limit=fraction, passed=False, note=note),
            reason="Exceeds risk limit: price, stop or size is not given, so the loss at the stop is not known.",
            details={"max_risk_per_trade_pct": fraction},
        )
    if equity is None:
        note = "equity is not known"
        return Finding(
            comparison=Comparison(rule=Rule.MAX_RISK_PER_TRADE, value=risk, limit=None, passed=None, note=note)
        )
    allowed = equity * fraction
    comparison = Comparison(
        rule=Rule.MAX_RISK_PER_TRADE,
        value=risk,
        limit=allowed,
        passed=risk <= allowed,
        note=f"dollars lost at the stop; the limit is {basis} {plain(equity)} times {plain(fraction)}",
    )
    if comparison.passed:
        return Finding(comparison)
    return Finding(
        comparison=comparison,
        reason=f"Exceeds risk limit: {plain(risk)} dollars at the stop, allowed {plain(allowed)}.",
        details={
            "risk_value": risk,
            "allowed_risk": allowed,
            basis: equity,
            "max_risk_per_trade_pct": fraction,
        },
    )


def _daily_loss(metadata: Mapping[str, Any], state: Mapping[str, Any]) -> Finding | None:
    start = _first_known((state, "day_start_balance"), (state, "starting_balance"), (metadata, "starting_balance"))
    return _equity_floor(
        rule=Rule.DAILY_LOSS_LIMIT,
        words="Daily loss limit reached",
        limit=optional_decimal(metadata, "daily_loss_limit"),
        base=start,
        base_name="starting_balance",
        equity=optional_decimal(state, "equity"),
    )


def _drawdown(metadata: Mapping[str, Any], state: Mapping[str, Any]) -> Finding | None:
    peak = _first_known(
        (state, "peak_equity"), (state, "high_water_mark"), (state, "starting_balance"), (metadata, "starting_balance")
    )
    return _equity_floor(
        rule=Rule.TRAILING_DRAWDOWN,
        words="Drawdown limit reached",
        limit=optional_decimal(metadata, "max_drawdown"),
        base=peak,
        base_name="peak_equity",
        equity=optional_decimal(state, "equity"),
    )


def _first_known(*places: tuple[Mapping[str, Any], str]) -> Decimal | None:
    found = (optional_decimal(values, name) for values, name in places)
    return next((figure for figure in found if figure is not None), None)


def _equity_floor(
    *,
    rule: Rule,
    words: str,
    limit: Decimal | None,
    base: Decimal | None,
    base_name: str,
    equity: Decimal | None,
) -> Finding | None:
    """Equity must stay above base less limit; equity at the floor refuses (document 001 uses <=)."""
    if limit is None:
        return None
    if base is None or equity is None:
        missing = "equity" if equity is None else base_name
        comparison = Comparison(rule=rule, value=equity, limit=None, passed=None, note=f"{missing} is not known")
        return Finding(comparison=comparison)
    floor = base - limit
    return Finding(
        comparison=Comparison(
            rule=rule,
            value=equity,
            limit=floor,
            passed=equity > floor,
            note=f"{base_name} {plain(base)} less {plain(limit)}",
        ),
        reason=f"{words}: equity {plain(equity)} is not above {plain(floor)}.",
        details={"equity": equity, "min_allowed_equity": floor, base_name: base},
    )

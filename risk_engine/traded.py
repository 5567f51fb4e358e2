"""One order as one account trades it: in minis or micros, in which contract, and with a stop or not. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from config.instruments import InstrumentBook
from domain.checks import Comparison
from domain.contract import Contract
from domain.limits import Finding
from domain.money import plain
from domain.order import EntryOrder
from domain.rules import Rule
from risk_engine.decision import AccountFacts, EntryFacts


class Traded(NamedTuple):
    """``contract`` is None where none is known. ``findings`` refuse in dry-run too, ``live_findings`` only live."""

    order: EntryOrder
    contract: Contract | None
    findings: tuple[Finding, ...]
    live_findings: tuple[Finding, ...]


def as_traded(account: AccountFacts, facts: EntryFacts) -> Traded:
    """Return the order as this account trades it, with what speaks against it."""
    order, micro = facts.order, None
    if account.use_micros:
        order, micro = _in_micros(facts.order, facts.instruments)
    contract, venue = None, None
    terms = account.contract_terms
    if terms is not None and facts.on is not None:
        contract = terms.contract_of(order.symbol, facts.instruments, on=facts.on)
        venue = _contract_known(order.symbol, contract, str(terms.platform))
    stop = _stop(account, order) if account.stop_required else None
    return Traded(
        order=order,
        contract=contract,
        findings=tuple(finding for finding in (stop, micro) if finding is not None),
        live_findings=() if venue is None else (venue,),
    )


def _in_micros(order: EntryOrder, instruments: InstrumentBook) -> tuple[EntryOrder, Finding]:
    """Return the order in the micro of its instrument, in the same delivery month; unchanged where none is known."""
    named = instruments.read(order.symbol)
    micro = None if named is None else instruments.micro_of(named.instrument)
    finding = Finding(
        comparison=Comparison(
            rule=Rule.NO_CONTRACT,
            value=None if micro is None else micro.root,
            limit=f"a micro of {order.symbol}",
            passed=micro is not None,
        ),
        reason=f"The account trades micros, and none is known for {order.symbol}.",
        details={"symbol": order.symbol},
    )
    if named is None or micro is None or micro.root == named.instrument.root or micro.micro_ratio is None:
        return order, finding
    month = "" if named.month_code is None or named.year is None else named.month_code + named.year
    place = "" if named.place is None else f"{named.place}!"
    contracts = None if order.contracts is None else order.contracts * micro.micro_ratio
    return replace(order, symbol=micro.root + month + place, contracts=contracts), finding


def _contract_known(symbol: str, contract: Contract | None, platform: str) -> Finding:
    comparison = Comparison(
        rule=Rule.NO_CONTRACT,
        value=None if contract is None else contract.symbol,
        limit=f"a contract at {platform}",
        passed=contract is not None,
    )
    if comparison.passed:
        return Finding(comparison)
    return Finding(
        comparison=comparison,
        reason=f"No contract at {platform} is known for {symbol}.",
        details={"symbol": symbol, "platform": platform},
    )


def _stop(account: AccountFacts, order: EntryOrder) -> Finding:
    """Hold the order's stop against what the account demands; without a platform nothing is said of its abilities."""
    carried = account.venue_carries_stop is not False
    if order.stop_loss is None:
        reason = "Entries of this account need a stop, and the order has none."
    else:
        reason = "Entries of this account need a stop, and the venue cannot carry one."
    return Finding(
        comparison=Comparison(
            rule=Rule.STOP_REQUIRED,
            value=None if order.stop_loss is None else plain(order.stop_loss),
            limit="a stop that travels with the entry",
            passed=order.stop_loss is not None and carried,
            note=None if carried else "the venue cannot carry a stop",
        ),
        reason=reason,
        details={"stop_loss": order.stop_loss, "venue_carries_stop": account.venue_carries_stop},
    )

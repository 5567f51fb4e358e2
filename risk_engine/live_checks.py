"""What stands in an entry's way besides its account's rules: a halt, its age, what is open already. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from account_engine.standing import AccountStanding
from config.contract_limit import is_micro
from config.instruments import InstrumentBook
from domain.checks import Comparison
from domain.ledger import Exposure
from domain.limits import Finding
from domain.money import optional_decimal, plain
from domain.order import EntryOrder
from domain.rules import Rule
from risk_engine.decision import AccountFacts, EntryFacts


def live_findings(account: AccountFacts, facts: EntryFacts, contracts: int) -> Iterator[Finding]:
    """Hold an entry of ``contracts`` against everything that is not a rule of the account itself.

    A halt holds in dry-run, too: whoever tries it out must see it work. The others concern orders that go out.
    """
    if account.halted is not None:
        yield _no(Rule.TRADING_HALTED, "halted", account.halted)
    if account.dry_reason is not None:
        return
    if account.out_of_sync is not None:
        yield _no(Rule.ACCOUNT_OUT_OF_SYNC, "out of sync", account.out_of_sync)
    if facts.order.direction is None:
        yield _no(Rule.NO_DIRECTION, None, "The signal says neither LONG nor SHORT.")
    yield from _age(facts)
    yield from _open_contracts(account, facts, contracts)


def loss_at_stop(order: EntryOrder, instruments: InstrumentBook, contracts: int) -> Decimal | None:
    """Return the dollars lost at the stop by ``contracts``, None where price, stop or point value is not known."""
    if contracts == 0:
        return Decimal(0)
    instrument = instruments.resolve(order.symbol)
    if order.entry_price is None or order.stop_loss is None or instrument is None or instrument.point_value is None:
        return None
    return abs(order.entry_price - order.stop_loss) * instrument.point_value * contracts


def reserved_of(account: AccountFacts, standing: AccountStanding) -> Decimal | None:
    """Return the dollars that the account may still lose to what is open or pending, None where that is not known."""
    unrealized = None
    if standing.equity is not None and standing.balance is not None:
        unrealized = standing.equity - standing.balance
    return account.exposure.reserved(unrealized)


def minis_open(exposure: Exposure, instruments: InstrumentBook) -> Decimal:
    """Return what is open or pending in minis: firms count a micro as the tenth of one, whatever the instrument."""
    return sum((leg.quantity * _minis(leg.root, instruments) for leg in exposure.legs), Decimal(0))


def _age(facts: EntryFacts) -> Iterator[Finding]:
    if facts.signal_age is None or facts.max_signal_age is None:
        return
    passed = facts.signal_age <= facts.max_signal_age
    comparison = Comparison(
        rule=Rule.SIGNAL_EXPIRED,
        value=facts.signal_age,
        limit=facts.max_signal_age,
        passed=passed,
        note="seconds since the signal was stored",
    )
    if passed:
        yield Finding(comparison)
        return
    age, limit = plain(facts.signal_age), plain(facts.max_signal_age)
    yield Finding(comparison=comparison, reason=f"The signal is {age} s old, limit {limit} s.")


def _open_contracts(account: AccountFacts, facts: EntryFacts, contracts: int) -> Iterator[Finding]:
    limit = optional_decimal(account.metadata, "max_contracts")
    if limit is None or not account.exposure.legs:
        return
    size = _minis(facts.order.symbol, facts.instruments)
    # In contracts of this order's instrument, as the limit is.
    already = minis_open(account.exposure, facts.instruments) / size
    total = already + contracts
    comparison = Comparison(
        rule=Rule.OPEN_CONTRACTS,
        value=total,
        limit=limit,
        passed=total <= limit,
        note=f"contracts open or pending ({plain(already)}) with this order",
    )
    yield Finding(
        comparison=comparison,
        reason=f"{plain(already)} contracts are open or pending; with {contracts} more they exceed {plain(limit)}.",
        details={"open_contracts": already, "contracts": contracts, "max_contracts": limit},
    )


def _minis(symbol: str, instruments: InstrumentBook) -> Decimal:
    instrument = instruments.resolve(symbol)
    if instrument is None or instrument.micro_ratio is None or not is_micro(instrument):
        return Decimal(1)
    return Decimal(1) / instrument.micro_ratio


def _no(rule: Rule, value: str | None, reason: str) -> Finding:
    return Finding(comparison=Comparison(rule=rule, value=value, limit=None, passed=False), reason=reason)

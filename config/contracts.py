"""From a signal's symbol to what its account's venue trades: one dated future, or one CFD. Pure; the day is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from config.contract_months import ContractMonth, month_of
from config.instruments import Instrument, InstrumentBook, Named
from config.platforms import FACTS, Platform
from config.roll_rules import front_month, roll_rules
from config.symbol_pair import SymbolPair
from config.venue_logins import platform_of
from domain.account import AccountKey
from domain.contract import Contract

if TYPE_CHECKING:
    from config.settings import Settings

# What strangers may name is without end.
CONTRACTS_KEPT = 64
CFD = "CFD"
FRONT = "1"
# On these a map may name what the venue calls a symbol; a venue of futures knows them by their own names.
MAPPED = frozenset({Platform.CTRADER, Platform.DXTRADE, Platform.HTTP})


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTerms:
    """What decides which contract a symbol means for one account.

    ``platform`` is never NONE. ``months``: the owner's months by root, in place of the roll rule. ``pairs``: the
    owner's map to the venue's symbols.
    """

    platform: Platform
    months: Mapping[str, ContractMonth] = field(default_factory=dict)
    pairs: tuple[SymbolPair, ...] = ()
    _said: dict[tuple[str, date], tuple[InstrumentBook, Contract | None]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def contract_of(self, symbol_text: str, instruments: InstrumentBook, *, on: date) -> Contract | None:
        """Return what the function of this name says; it is asked for the same few symbols all day."""
        known = self._said.get((symbol_text, on))
        if known is not None and known[0] is instruments:
            return known[1]
        contract = contract_of(symbol_text, instruments, self, on=on)
        if len(self._said) >= CONTRACTS_KEPT:
            self._said.clear()
        self._said[symbol_text, on] = (instruments, contract)
        return contract


def contract_terms(account: AccountKey, settings: Settings) -> ContractTerms | None:
    """Return an account's terms, None where it has no platform: then nothing can be said of its contracts."""
    platform = platform_of(account.firm_code, settings)
    if platform is Platform.NONE:
        return None
    pairs = settings.firms[account.firm_code].symbol_map
    return ContractTerms(
        platform=platform,
        months=settings.contract_months,
        pairs=() if pairs is None or platform not in MAPPED else pairs,
    )


def contract_of(symbol_text: str, instruments: InstrumentBook, terms: ContractTerms, *, on: date) -> Contract | None:
    """Return the contract that a symbol means on a day (UTC), None where it cannot be said: it is never guessed.

    A venue of CFDs trades what the map names, and CFDs that are known by their own names. Elsewhere a dated symbol
    means that very month, and None once it has passed; of a root or a continuous contract it is the owner's month, or
    the front month by the roll rule. A later continuous contract (``NQ2!``) has none. A micro without a month of its
    own takes its mini's.
    """
    named = instruments.read(symbol_text)
    if named is None:
        return None
    pair = _pair(named.instrument, instruments, terms)
    if pair is not None:
        at_venue = instruments.resolve(pair.at_venue)
        tick_size = None if at_venue is None else at_venue.tick_size
        return Contract(root=named.instrument.root, symbol=pair.at_venue, tick_size=tick_size, lots=pair.lots)
    if named.instrument.exchange == CFD:
        return _itself(named.instrument) if terms.platform in MAPPED else None
    if FACTS[terms.platform].cfds:
        return None
    month = _month(named, terms, on)
    return None if month is None or month.passed(on) else _future(named.instrument, month)


def _pair(instrument: Instrument, instruments: InstrumentBook, terms: ContractTerms) -> SymbolPair | None:
    for pair in terms.pairs:
        known = instruments.resolve(pair.symbol)
        if known is not None and known.root == instrument.root:
            return pair
    return None


def _itself(instrument: Instrument) -> Contract:
    return Contract(root=instrument.root, symbol=instrument.root, tick_size=instrument.tick_size, lots=Decimal(1))


def _month(named: Named, terms: ContractTerms, on: date) -> ContractMonth | None:
    stated = month_of(named, on)
    if stated is not None or named.place not in (None, FRONT):
        return stated
    instrument = named.instrument
    chosen = terms.months.get(instrument.root)
    if chosen is None and instrument.micro_of is not None:
        chosen = terms.months.get(instrument.micro_of)
    if chosen is not None:
        return chosen
    rule = roll_rules().get(instrument.root)
    if rule is None:
        return None
    year, month_code = front_month(rule, on)
    return ContractMonth(year=year, month_code=month_code)


def _future(instrument: Instrument, month: ContractMonth) -> Contract:
    return Contract(
        root=instrument.root,
        symbol=f"{instrument.root}{month.month_code}{month.year % 10}",
        month_code=month.month_code,
        year=month.year,
        tick_size=instrument.tick_size,
    )

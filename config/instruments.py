"""Which instrument a symbol means, and what one point of it is worth.

The figures stand in ``instruments.csv``, each row with its source.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, lru_cache, partial
from pathlib import Path
from types import MappingProxyType

MONTH_CODES = "FGHJKMNQUVXZ"

_EXCHANGE = re.compile(r"^[A-Z0-9_]+:")
_CONTINUOUS = re.compile(r"^(?P<root>.+)(?P<place>[1-9])!$")
_DATED = re.compile(rf"^(?P<root>.+)(?P<code>[{MONTH_CODES}])(?P<year>[0-9]{{4}}|[0-9]{{1,2}})$", re.ASCII)
_NINJATRADER = re.compile(r"^(?P<root>.+)(?P<month>0[1-9]|1[0-2])-(?P<year>[0-9]{4}|[0-9]{2})$", re.ASCII)
_FORMS = (_CONTINUOUS, _DATED, _NINJATRADER)
# A strategy trades a handful; what strangers may write is without end.
SYMBOLS_REMEMBERED = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One product as its chart shows it.

    ``point_value`` is in dollars for a move of 1.00 in the chart's price, for one contract or one lot; None where it
    is not known in dollars, as for products that pay in another currency. ``tick_size`` is in chart points. A micro
    has ``micro_of``, the root of its mini, and ``micro_ratio``, how many of it make one mini. ``month_codes`` are the
    delivery months that trade; empty where they were not checked or do not exist.
    """

    root: str
    name: str
    exchange: str
    tick_size: Decimal | None
    point_value: Decimal | None
    currency: str
    micro_of: str | None
    micro_ratio: int | None
    month_codes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a symbol says: its instrument, and the delivery month where it names one. ``year`` as it is written there.

    ``year`` has one, two or four digits; both are None for a root and for a continuous contract, of which ``place`` is
    the number: 1 for the front month.
    """

    instrument: Instrument
    month_code: str | None = None
    year: str | None = None
    place: str | None = None


def environment_name(symbol: str) -> str:
    """Return a symbol as it stands in a variable's name: capitals, and ``_`` for anything but letters and digits."""
    return re.sub(r"[^A-Z0-9]", "_", symbol.upper())


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentBook:
    """The instruments that are known, by root."""

    instruments: Mapping[str, Instrument]
    _by_name: Mapping[str, Instrument] = field(init=False, repr=False, compare=False)
    _remembered: Callable[[str], Named | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {environment_name(root): instrument for root, instrument in self.instruments.items()}
        object.__setattr__(self, "instruments", MappingProxyType(dict(self.instruments)))
        object.__setattr__(self, "_by_name", MappingProxyType(names))
        object.__setattr__(self, "_remembered", lru_cache(SYMBOLS_REMEMBERED)(partial(_read, names)))

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self.instruments.values())

    def resolve(self, symbol_text: str) -> Instrument | None:
        """Return the instrument that a symbol means, or None: an unknown symbol is never guessed.

        Accepts a root (``NQ``, ``US100.cash``), a continuous contract (``NQ1!``), a dated one (``NQZ2025``, ``NQZ25``,
        ``NQZ5``) and NinjaTrader's form (``NQ 12-26``), with or without an exchange before a colon. Case and spaces do
        not matter. A root is tried first, so that ``E7`` is never read as a month.
        """
        named = self.read(symbol_text)
        return None if named is None else named.instrument

    def read(self, symbol_text: str) -> Named | None:
        """Return the instrument and the delivery month that a symbol means; the forms are those of ``resolve``."""
        return self._remembered(symbol_text)

    def micro_of(self, instrument: Instrument) -> Instrument | None:
        """Return the instrument's micro: itself where it is one, None where none is known.

        Of several the smallest, of which most make a mini: M6E and not E7 for 6E.
        """
        if instrument.micro_of is not None:
            return instrument
        micros = [known for known in self if known.micro_of == instrument.root and known.micro_ratio]
        return max(micros, key=lambda known: known.micro_ratio or 0, default=None)

    def with_point_values(self, overrides: Mapping[str, Decimal]) -> "InstrumentBook":
        """Return a book with these point values, in dollars per 1.00 of the chart's price.

        A symbol may be written as in a variable's name (``US100_CASH``); one that the book does not know is added.
        Raises ValueError for a value that is not above 0.
        """
        instruments = dict(self.instruments)
        for symbol, point_value in overrides.items():
            if not (point_value.is_finite() and point_value > 0):
                raise ValueError(f"the point value of {symbol} must be above 0, not {point_value}")
            known = self._by_name.get(environment_name(symbol))
            instrument = _owners_own(symbol.upper()) if known is None else known
            instruments[instrument.root] = replace(instrument, point_value=point_value)
        return InstrumentBook(instruments=instruments)


def _read(names: Mapping[str, Instrument], symbol_text: str) -> Named | None:
    text = _EXCHANGE.sub("", "".join(symbol_text.split()).upper())
    exact = names.get(environment_name(text))
    if exact is not None:
        return Named(instrument=exact)
    for form in _FORMS:
        match = form.match(text)
        if match is not None and (found := names.get(environment_name(match["root"]))) is not None:
            return _named(found, match.groupdict())
    return None


def _named(instrument: Instrument, parts: Mapping[str, str]) -> Named:
    month = parts.get("month")
    code = parts.get("code") if month is None else MONTH_CODES[int(month) - 1]
    return Named(instrument=instrument, month_code=code, year=parts.get("year"), place=parts.get("place"))


def _owners_own(root: str) -> Instrument:
    """Return an instrument of which only the owner's point value is known."""
    return Instrument(
        root=root,
        name=root,
        exchange="",
        tick_size=None,
        point_value=None,
        currency="USD",
        micro_of=None,
        micro_ratio=None,
        month_codes="",
    )


@cache
def exchange_instruments() -> InstrumentBook:
    """Return the book of ``instruments.csv``: exchange figures, none of them the owner's."""
    with (Path(__file__).parent / "instruments.csv").open(encoding="utf-8", newline="") as rows:
        book = [_instrument(row) for row in csv.DictReader(rows)]
    return InstrumentBook(instruments={instrument.root: instrument for instrument in book})


def _instrument(row: Mapping[str, str]) -> Instrument:
    return Instrument(
        root=row["root"],
        name=row["name"],
        exchange=row["exchange"],
        tick_size=Decimal(row["tick_size"]) if row["tick_size"] else None,
        point_value=Decimal(row["point_value"]) if row["point_value"] else None,
        currency=row["currency"],
        micro_of=row["micro_of"] or None,
        micro_ratio=int(row["micro_ratio"]) if row["micro_ratio"] else None,
        month_codes=row["month_codes"],
    )

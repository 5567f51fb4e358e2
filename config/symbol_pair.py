"""One entry of a symbol map: ``NQ=US100.cash*20``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from domain.money import decimal_of, plain

MOST_LOTS = Decimal(1_000_000)
_NAME = re.compile(r"[^=*;]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolPair:
    """``symbol`` is ours, ``at_venue`` the venue's; one contract of ours is ``lots`` of the venue's lots."""

    symbol: str
    at_venue: str
    lots: Decimal

    def __str__(self) -> str:
        return f"{self.symbol}={self.at_venue}*{plain(self.lots)}"


def read_symbol_map(text: str) -> tuple[SymbolPair, ...]:
    """Return the pairs of a map. Raises ValueError where one cannot be read or a symbol stands there twice."""
    pairs = tuple(_pair(part) for part in text.split(","))
    if len({pair.symbol.upper() for pair in pairs}) < len(pairs):
        raise ValueError("a symbol stands there twice")
    return pairs


def _pair(text: str) -> SymbolPair:
    symbol, _, rest = text.partition("=")
    at_venue, star, lots_text = rest.rpartition("*")
    lots = decimal_of(lots_text)
    if not (symbol.strip() and star and _NAME.fullmatch(at_venue.strip()) and 0 < lots <= MOST_LOTS):
        raise ValueError(f"{text.strip()!r} is not of the form NQ=US100.cash*20")
    return SymbolPair(symbol=symbol.strip(), at_venue=at_venue.strip(), lots=lots)
